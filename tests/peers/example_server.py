"""A wslink server for Hawser's tests; runs unchanged on wslink 1.12 and 2.5.

It offers the procedures of wslink's two examples (simple and chat), written anew, and
procedures under `test.` that bring out the parts of the wire the examples leave alone.
Where the examples speak every few seconds, this one speaks every few milliseconds, and
only when asked to, so that a test waits for messages rather than for time.

It says `listening on <port>` on standard output once clients may connect.
"""

import asyncio
import struct
import zlib

from wslink import register, schedule_callback, server
from wslink.websocket import LinkProtocol, ServerProtocol

PERIOD = 0.02  # seconds between two messages of a stream


def png(red, green, blue):
    """An 8 by 8 picture of one colour."""

    def chunk(name, body):
        check = zlib.crc32(name + body)
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", check)

    header = struct.pack(">IIBBBBB", 8, 8, 8, 2, 0, 0, 0)
    row = b"\x00" + bytes([red, green, blue]) * 8
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(row * 8))
        + chunk(b"IEND", b"")
    )


PICTURES = {False: png(20, 90, 160), True: png(160, 90, 20)}


def pattern(size):
    """Bytes that count up from 0 to 255 and start over, so that a shifted copy shows."""
    return (bytes(range(256)) * (size // 256 + 1))[:size]


class Simple(LinkProtocol):
    """wslink's examples/simple."""

    def __init__(self):
        super().__init__()
        self.timer = None
        self.topic = "image"
        self.listeners = 0
        self.sent = 0

    @register("myprotocol.add")
    def add(self, numbers):
        return sum(numbers) if isinstance(numbers, list) else 0

    @register("myprotocol.mult")
    def mult(self, numbers):
        product = 1
        for number in numbers if isinstance(numbers, list) else [0]:
            product *= number
        return product

    @register("myprotocol.image")
    def image(self, alt=False):
        return {"blob": self.addAttachment(PICTURES[bool(alt)])}

    @register("myprotocol.unwrapped.image")
    def unwrapped_image(self, alt=False):
        return self.addAttachment(PICTURES[bool(alt)])

    @register("myprotocol.postbinary")
    def post_binary(self, data):
        return f"received binary data of length {len(data)}"

    @register("myprotocol.stream")
    def stream(self, topic):
        self.topic = topic
        self.listeners += 1
        if self.timer is None:
            self.timer = schedule_callback(0, self.push)
        return {"subscribed": topic}

    @register("myprotocol.stop")
    def stop(self, topic):
        if topic != self.topic or self.listeners == 0:
            return 0
        self.listeners -= 1
        if self.listeners == 0 and self.timer is not None:
            self.timer.cancel()
            self.timer = None
        return {"unsubscribed": topic}

    @register("myprotocol.nested.image")
    def nested_image(self):
        return {
            "image": self.image(),
            "bytesList": [
                self.addAttachment(bytes([1, 2, 3, 4])),
                self.addAttachment(bytes([5, 6, 7, 8, 9, 10])),
            ],
        }

    @register("myprotocol.special")
    def special(self, *_):
        return [float("inf"), float("nan"), float("-inf")]

    def push(self):
        self.publish(self.topic, self.image(self.sent % 2 == 0))
        self.sent += 1
        self.timer = schedule_callback(PERIOD, self.push)


class Chat(LinkProtocol):
    """wslink's examples/chat-rpc-pub-sub."""

    TOPIC = "wslink.communication.channel"
    LINES = ["Nice to meet you", "What's your name?", "Mine is wslink.py"]

    def __init__(self):
        super().__init__()
        self.next = 0
        self.timer = None

    @register("wslink.say.hello")
    def say_hello(self, message):
        line = f"py server: {message}"
        self.publish(self.TOPIC, line)
        return line

    @register("wslink.start.talking")
    def start_talking(self):
        if self.timer is None:
            self.talk()

    @register("wslink.stop.talking")
    def stop_talking(self):
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None
        self.next = 0

    def talk(self):
        self.next = (self.next + 1) % len(self.LINES)
        self.publish(self.TOPIC, self.LINES[self.next])
        self.timer = schedule_callback(PERIOD, self.talk)


class Probe(LinkProtocol):
    """Whatever the examples leave alone."""

    def attach(self, value):
        """The value with its binary parts as this version of wslink sends them."""
        if isinstance(value, (bytes, bytearray)):
            return self.addAttachment(bytes(value))
        if isinstance(value, list):
            return [self.attach(item) for item in value]
        if isinstance(value, dict):
            return {key: self.attach(item) for key, item in value.items()}
        return value

    @register("test.echo")
    def echo(self, *args, **kwargs):
        return {"args": self.attach(list(args)), "kwargs": self.attach(kwargs)}

    @register("test.types")
    def types(self, *args):
        return [type(value).__name__ for value in args]

    @register("test.bytes")
    def make_bytes(self, size):
        return self.addAttachment(pattern(size))

    @register("test.forget")
    def forget(self, size):
        """Announces binary that no message refers to; 1.x keeps it, and sends it by mistake."""
        self.addAttachment(pattern(size))

    @register("test.measure")
    def measure(self, data):
        data = bytes(data)
        return {"length": len(data), "intact": data == pattern(len(data))}

    @register("test.fail")
    def fail(self, message):
        raise ValueError(message)

    @register("test.unserializable")
    def unserializable(self):
        return object()

    @register("test.publish")
    def publish_many(self, topic, count):
        for number in range(count):
            self.publish(topic, {"number": number})
        return count

    @register("test.publish.binary")
    def publish_binary(self, topic, count, size):
        for number in range(count):
            data = self.addAttachment(pattern(size))
            self.publish(topic, {"number": number, "data": data})
        return count

    @register("test.sleep")
    async def sleep(self, seconds):
        await asyncio.sleep(seconds)
        return seconds

    @register("test.integers")
    def integers(self):
        return [2**53 - 1, 2**53 + 1, 2**63 - 1, 2**64 - 1, -(2**53) - 1, -(2**63)]


class ExampleServer(ServerProtocol):
    secret_key = "wslink-secret"

    @staticmethod
    def configure(options):
        ExampleServer.secret_key = options.authKey

    @staticmethod
    def port_callback(port):
        print(f"listening on {port}", flush=True)

    def initialize(self):
        for protocol in (Simple(), Chat(), Probe()):
            self.registerLinkProtocol(protocol)
        self.updateSecret(self.secret_key)


if __name__ == "__main__":
    server.start(None, ExampleServer, "wslink server for Hawser's tests")
