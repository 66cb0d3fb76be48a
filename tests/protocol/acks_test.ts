import { assertEquals } from "@std/assert";
import { ackMessage, Acks, isAck } from "../../protocol/acks.ts";
import { FakeTime } from "../_fake_time.ts";

Deno.test("Acks says at once how much was read, and after 16 kB, and else a little later", async () => {
  using time = new FakeTime();
  const said: number[] = [];
  const acks = new Acks(100, (bytes) => said.push(bytes));
  assertEquals(said, [100]);
  acks.read(20_000, false);
  assertEquals(said, [100, 20_000]);
  acks.read(20_010, false);
  acks.read(20_020, false);
  await time.advance(4);
  assertEquals(said, [100, 20_000]);
  await time.advance(1);
  assertEquals(said, [100, 20_000, 20_020]);
  acks.read(20_030, false);
  acks.stop();
  assertEquals(time.pending, 0);
});

Deno.test("Acks acknowledges no acknowledgement by itself", () => {
  using time = new FakeTime();
  const said: number[] = [];
  const acks = new Acks(0, (bytes) => said.push(bytes));
  acks.read(105, true);
  assertEquals([said, time.pending], [[0], 0]);
  acks.stop();
});

Deno.test("isAck() tells an acknowledgement from a call of the same name", () => {
  const message = ackMessage("server", 7);
  assertEquals(message.args, [7]);
  assertEquals(isAck(message), true);
  assertEquals(isAck({ ...message, id: "rpc:c1:0" }), false);
});
