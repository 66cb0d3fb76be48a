"""The numbers and the counted procedure on wslink's own server."""

import asyncio
import json
import sys
import time

from wslink import register, server
from wslink.websocket import LinkProtocol, ServerProtocol

runs = {}


class Losses(LinkProtocol):
    @register("losses.run")
    def run(self, number):
        runs[number] = runs.get(number, 0) + 1
        return number


losses = Losses()


class LossesServer(ServerProtocol):
    def initialize(self):
        self.updateSecret("wslink-secret")
        self.registerLinkProtocol(losses)


def say(line):
    print(json.dumps(line), flush=True)


async def publish(count, per_second):
    start = time.monotonic()
    for number in range(1, count + 1):
        losses.publish("losses.number", number)
        await asyncio.sleep(max(0, start + number / per_second - time.monotonic()))


async def obey(line):
    asked = json.loads(line)
    answer = {}
    if asked["command"] == "publish":
        await publish(*asked["args"])
    else:
        answer = {"distinct": len(runs), "total": sum(runs.values())}
    say({"id": asked["id"], "answer": answer})


async def commands():
    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        asyncio.ensure_future(obey(line))


async def main():
    config = {"host": "127.0.0.1", "port": 0, "timeout": 0, "ws": {"ws": LossesServer()}}
    config["handle_signals"] = True
    web = server.create_webserver(config)

    def ready(port):
        say({"id": 0, "answer": {"port": port}})
        asyncio.ensure_future(commands())

    await web.start(ready)


asyncio.run(main())
