import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  ConnectionClosedError,
  DEFAULT_LIMITS,
  ErrorCode,
  ProtocolError,
  type ProtocolErrorCode,
  QueueFullError,
  resolveLimits,
  RpcError,
  SerializeError,
  TimeoutError,
} from "../../protocol/mod.ts";

Deno.test("ErrorCode has wslink's numbers and Hawser's own", () => {
  assertEquals({ ...ErrorCode }, {
    invalidRequest: -32600,
    methodNotFound: -32601,
    invalidArguments: -32602,
    authentication: -32000,
    exception: -32001,
    unserializable: -32002,
    streamRefused: -32004,
    forbidden: -32005,
    declared: -32006,
    limitReached: -32007,
    tooManyCalls: -32003,
  });
});

Deno.test("ProtocolError has one close code for each of its codes", () => {
  const closeCodes: Record<ProtocolErrorCode, number> = {
    "malformed": 1007,
    "bad-message": 1002,
    "bad-chunk": 1002,
    "frame-kind": 1003,
    "too-large": 1009,
    "policy": 1008,
  };
  for (const code of Object.keys(closeCodes)) {
    assert(isProtocolErrorCode(code));
    const error = new ProtocolError(code, "what came", { cause: 1 });
    assertEquals(
      [error.closeCode, error.code, error.message, error.cause, error.name],
      [closeCodes[code], code, "what came", 1, "ProtocolError"],
    );
  }
  function isProtocolErrorCode(code: string): code is ProtocolErrorCode {
    return code in closeCodes;
  }
});

Deno.test("every error has its class's name and a stable code", () => {
  const close = { code: 1006, reason: "gone" };
  const table: [error: Error & { code: unknown }, name: string, code: unknown, text: string][] = [
    [new RpcError(7, "no"), "RpcError", 7, "no"],
    [new ProtocolError("policy", "no"), "ProtocolError", "policy", "no"],
    [
      new SerializeError("result.a", "a function"),
      "SerializeError",
      "unserializable",
      "Cannot send result.a: a function",
    ],
    [new TimeoutError("no"), "TimeoutError", "timeout", "no"],
    [new QueueFullError("no"), "QueueFullError", "queue-full", "no"],
    [new ConnectionClosedError("no", close), "ConnectionClosedError", "connection-closed", "no"],
  ];
  for (const [error, name, code, text] of table) {
    assert(error instanceof Error);
    assertEquals([error.name, error.code, error.message], [name, code, text]);
    assert(String(error) === `${name}: ${text}`);
  }
  assert(new SerializeError("a", "b") instanceof TypeError);
});

Deno.test("RpcError.toWire() leaves data out when there is none", () => {
  assertEquals(new RpcError(1, "no").toWire(), { code: 1, message: "no" });
  assertEquals(Object.keys(new RpcError(1, "no", undefined, { cause: 2 }).toWire()), [
    "code",
    "message",
  ]);
  for (const data of [null, 0, "", false, { a: 1 }]) {
    assertEquals(new RpcError(1, "no", data).toWire(), { code: 1, message: "no", data });
  }
});

Deno.test("ConnectionClosedError tells how the connection ended and whether the call was sent", () => {
  const cause = new Error("why");
  const close = { code: 1001, reason: "Server shutdown" };
  const error = new ConnectionClosedError("closed", close, { cause });
  assertEquals([error.closeCode, error.reason, error.sent], [1001, "Server shutdown", false]);
  assertEquals(error.cause, cause);
  assert(new ConnectionClosedError("closed", { ...close, sent: true }).sent);
});

Deno.test("resolveLimits() fills in the defaults and checks every number", () => {
  assertEquals(resolveLimits(), DEFAULT_LIMITS);
  assertEquals(resolveLimits({ depth: 8, queueBytes: Infinity }), {
    ...DEFAULT_LIMITS,
    depth: 8,
    queueBytes: Infinity,
  });
  for (const name of Object.keys(DEFAULT_LIMITS)) {
    for (const value of [0, -1, 0.5, NaN, -Infinity]) {
      assertThrows(() => resolveLimits({ [name]: value }), RangeError, `limits.${name} must be`);
    }
  }
  assertThrows(() => resolveLimits({ frameSize: 1023 }), RangeError, "limits.frameSize");
  assertEquals(resolveLimits({ frameSize: 1024 }).frameSize, 1024);
});
