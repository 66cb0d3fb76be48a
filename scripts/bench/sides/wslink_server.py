"""The benchmark's procedures on wslink's own server."""

import asyncio
import json

from wslink import register, server
from wslink.websocket import LinkProtocol, ServerProtocol

TOPIC = "bench.topic"


class Bench(LinkProtocol):
    def __init__(self):
        super().__init__()
        self.buffers = {}

    def bytes(self, size):
        if size not in self.buffers:
            self.buffers[size] = b"\x07" * size
        return self.buffers[size]

    @register("bench.echo")
    def echo(self, value):
        return value

    @register("bench.down")
    def down(self, size):
        return {"data": self.bytes(size)}

    @register("bench.up")
    def up(self, data):
        return len(data)

    @register("bench.publish")
    def publish_some(self, size, count):
        for _ in range(count):
            self.publish(TOPIC, self.bytes(size))

    @register("bench.fanout")
    def fanout(self, size, count):
        self.publish_some(size, count)


class BenchServer(ServerProtocol):
    def initialize(self):
        self.updateSecret("wslink-secret")
        self.registerLinkProtocol(Bench())


async def main():
    config = {"host": "127.0.0.1", "port": 0, "timeout": 0, "ws": {"ws": BenchServer()}}
    config["handle_signals"] = True
    web = server.create_webserver(config)
    await web.start(lambda port: print(json.dumps({"port": port}), flush=True))


asyncio.run(main())
