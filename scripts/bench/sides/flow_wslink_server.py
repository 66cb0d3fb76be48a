"""Publishes pictures of 200 kB with their time, 30 a second, on wslink's own server."""

import asyncio
import json
import time

from wslink import register, server
from wslink.websocket import LinkProtocol, ServerProtocol


class Pictures(LinkProtocol):
    @register("flow.small")
    def small(self, n):
        return n

    @register("flow.mesh")
    def mesh(self, size):
        return {"blob": b"\x07" * size}

    @register("flow.start")
    def start(self):
        asyncio.get_running_loop().create_task(self.run())

    async def run(self):
        picture = b"\x07" * 200_000
        while True:
            self.publish("flow.image", {"time": time.time() * 1000, "blob": picture})
            await asyncio.sleep(1 / 30)


class FlowServer(ServerProtocol):
    def initialize(self):
        self.updateSecret("wslink-secret")
        self.registerLinkProtocol(Pictures())


async def main():
    config = {"host": "127.0.0.1", "port": 0, "timeout": 0, "ws": {"ws": FlowServer()}}
    config["handle_signals"] = True
    web = server.create_webserver(config)
    await web.start(lambda port: print(json.dumps({"port": port}), flush=True))


asyncio.run(main())
