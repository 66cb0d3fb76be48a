import { assert, assertEquals } from "@std/assert";
import { ackMessage, Acks, isAck } from "../../protocol/acks.ts";
import { FakeTime } from "../_fake_time.ts";

Deno.test("Acks says at once how much was read, and after 16 kB, and else a little later", async () => {
  using time = new FakeTime();
  const said: number[] = [];
  const acks = new Acks(100, (bytes) => said.push(bytes), () => 0);
  assertEquals(said, [100]);
  acks.read(20_000, false);
  assertEquals(said, [100, 20_000]);
  acks.read(25_000, false);
  acks.read(26_000, false);
  await time.advance(49);
  assertEquals(said, [100, 20_000]);
  await time.advance(1);
  assertEquals(said, [100, 20_000, 26_000]);
  acks.read(31_000, false);
  acks.stop();
  assertEquals(time.pending, 0);
});

Deno.test("Acks says nothing for a little, unless a message is sent anyway", () => {
  using time = new FakeTime();
  const said: number[] = [];
  const acks = new Acks(0, (bytes) => said.push(bytes), () => 0);
  acks.read(1000, false);
  acks.passing();
  acks.read(3000, false);
  assertEquals([said, time.pending], [[0], 0]);
  acks.passing();
  assertEquals(said, [0, 3000]);
});

Deno.test("Acks acknowledges no acknowledgement by itself", () => {
  using time = new FakeTime();
  const said: number[] = [];
  const acks = new Acks(0, (bytes) => said.push(bytes), () => 0);
  acks.read(8000, true);
  assertEquals([said, time.pending], [[0], 0]);
  acks.stop();
});

Deno.test("Acks says it less often where much comes, and more often where little does", () => {
  const said: number[] = [];
  let now = 0;
  const acks = new Acks(0, (bytes) => said.push(bytes), () => now);
  let read = 0;
  for (; read < 2_000_000; read += 16_384) acks.read(read, false);
  const quick = said.length;
  assert(quick < 70, `${quick} times`);
  for (let i = 0; i < 50; i++) {
    now += 7;
    acks.read(read += 16_384, false);
  }
  assert(said.length - quick > 35, `${said.length - quick} times`);
});

Deno.test("Acks says it often again once a sender may have waited for it", async () => {
  using time = new FakeTime();
  const said: number[] = [];
  const acks = new Acks(0, (bytes) => said.push(bytes), () => 0);
  let read = 0;
  for (let i = 0; i < 101; i++) acks.read(read += 16_384, false);
  acks.read(read += 20_000, false); // less than goes by without a word by now
  const quick = said.length;
  await time.advance(4);
  assertEquals([said.length, said.at(-1)], [quick + 1, read]);
  acks.read(read += 16_384, false);
  assertEquals([said.length, said.at(-1)], [quick + 2, read]);
  acks.stop();
});

Deno.test("Acks keeps no sender waiting that has its least window of 64 kB", async () => {
  using time = new FakeTime();
  const said: number[] = [];
  const acks = new Acks(0, (bytes) => said.push(bytes), () => 0);
  let read = 0;
  while (said.length < 20) acks.read(read += 64 * 1024, false);
  for (let i = 0; i < 4; i++) acks.read(read += 16 * 1024, false);
  assert((said.at(-1) ?? 0) >= read - 16 * 1024, `${said.slice(-3)} of ${read}`);
  acks.read(read += 8000, false);
  await time.advance(50);
  // Something waited for the timer, so the next ones are told of at once.
  acks.read(read += 16 * 1024, false);
  assertEquals(said.at(-1), read);
  acks.stop();
});

Deno.test("isAck() tells an acknowledgement from a call of the same name", () => {
  const message = ackMessage("server", 7);
  assertEquals(message.args, [7]);
  assertEquals(isAck(message), true);
  assertEquals(isAck({ ...message, id: "rpc:c1:0" }), false);
});
