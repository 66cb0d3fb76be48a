// What the tests rely on, of @std/assert and of its stand-in alike: whichever of the two this run
// is given has to pass.

import {
  assert,
  assertArrayIncludes,
  assertEquals,
  assertExists,
  assertFalse,
  assertGreater,
  assertGreaterOrEqual,
  assertInstanceOf,
  AssertionError,
  assertLess,
  assertLessOrEqual,
  assertMatch,
  assertNotEquals,
  assertNotStrictEquals,
  assertRejects,
  assertStrictEquals,
  assertStringIncludes,
  assertThrows,
  fail,
  unreachable,
} from "@std/assert";

class Odd extends Error {}

const passing: Record<string, () => void> = {
  "assert() takes what is truthy": () => assert("a"),
  "assertFalse() takes what is falsy": () => assertFalse(0),
  "assertEquals() compares deeply": () =>
    assertEquals([{ a: new Map([["k", new Set([1n])]]) }], [{
      a: new Map([["k", new Set([1n])]]),
    }]),
  "assertEquals() takes NaN for NaN": () => assertEquals([NaN], [NaN]),
  "assertEquals() compares bytes": () => assertEquals(new Uint8Array([1]), Uint8Array.of(1)),
  "assertNotEquals() tells kinds of lists apart": () =>
    assertNotEquals<unknown>(new Uint8Array([1]), new Int8Array([1])),
  "assertNotEquals() tells a number from a bigint": () => assertNotEquals<unknown>(1, 1n),
  "assertNotEquals() tells undefined from nothing": () =>
    assertNotEquals<unknown>({ a: undefined }, {}),
  "assertStrictEquals() takes the same object": () => assertStrictEquals(Odd, Odd),
  "assertNotStrictEquals() tells equal objects apart": () => assertNotStrictEquals({}, {}),
  "assertExists() takes 0": () => assertExists(0),
  "assertInstanceOf() takes a subclass": () => assertInstanceOf(new Odd(), Error),
  "assertStringIncludes() finds a text": () => assertStringIncludes("hawser", "aws"),
  "assertArrayIncludes() compares deeply": () => assertArrayIncludes([{ a: 1 }, 2], [{ a: 1 }]),
  "assertMatch() takes a pattern": () => assertMatch("c01", /^c\d+$/),
  "assertGreater() takes more": () => assertGreater(2, 1),
  "assertGreaterOrEqual() takes as much": () => assertGreaterOrEqual(1, 1),
  "assertLess() takes less": () => assertLess(1, 2),
  "assertLessOrEqual() takes as much": () => assertLessOrEqual(1, 1),
};

for (const [name, run] of Object.entries(passing)) Deno.test(name, run);

const failing: Record<string, () => void> = {
  "assert() refuses what is falsy": () => assert(0),
  "assertFalse() refuses what is truthy": () => assertFalse(1),
  "assertEquals() refuses another value": () => assertEquals([1], [2]),
  "assertEquals() refuses a text for a number": () => assertEquals<unknown>([1], ["1"]),
  "assertStrictEquals() refuses a text for a number": () => assertStrictEquals<unknown>(1, "1"),
  "assertNotStrictEquals() refuses the same value": () => assertNotStrictEquals(1, 1),
  "assertEquals() refuses other bytes": () => assertEquals(Uint8Array.of(1), Uint8Array.of(2)),
  "assertNotEquals() refuses what is equal": () => assertNotEquals({ a: [1] }, { a: [1] }),
  "assertStrictEquals() refuses an equal object": () => assertStrictEquals({}, {}),
  "assertExists() refuses null": () => assertExists(null),
  "assertInstanceOf() refuses another class": () => assertInstanceOf(new Error(), Odd),
  "assertStringIncludes() misses a text": () => assertStringIncludes("hawser", "rope"),
  "assertArrayIncludes() misses a value": () => assertArrayIncludes([1], [2]),
  "assertMatch() refuses a text": () => assertMatch("c", /\d/),
  "assertGreater() refuses as much": () => assertGreater(1, 1),
  "assertGreaterOrEqual() refuses less": () => assertGreaterOrEqual(0, 1),
  "assertLess() refuses as much": () => assertLess(1, 1),
  "assertLessOrEqual() refuses more": () => assertLessOrEqual(2, 1),
  "assertThrows() refuses a function that returns": () => void assertThrows(() => 1),
  "assertThrows() refuses another class": () =>
    void assertThrows(() => {
      throw new Error("odd");
    }, Odd),
  "assertThrows() refuses another message": () =>
    void assertThrows(
      () => {
        throw new Odd("even");
      },
      Odd,
      "odd",
    ),
  "fail() fails": () => fail("why"),
  "unreachable() fails": () => unreachable(),
};

for (const [name, run] of Object.entries(failing)) {
  Deno.test(name, () => {
    try {
      run();
    } catch (error) {
      assertInstanceOf(error, AssertionError);
      return;
    }
    // fail() is itself what is tested here.
    throw new Error(`${name}, but it did not`);
  });
}

Deno.test("assertThrows() returns the error, which has the class it was asked for", () => {
  const odd = new Odd("how odd");
  const error: Odd = assertThrows(
    () => {
      throw odd;
    },
    Odd,
    "odd",
  );
  assertStrictEquals(error, odd);
});

Deno.test("assertRejects() returns the error, which has the class it was asked for", async () => {
  const odd = new Odd("how odd");
  const error: Odd = await assertRejects(() => Promise.reject(odd), Odd, "odd");
  assertStrictEquals(error, odd);
});

Deno.test("assertRejects() refuses fulfilment, another class, and throwing at once", async () => {
  function throwing(): Promise<never> {
    throw new Odd();
  }
  await assertRejects(() => assertRejects(() => Promise.resolve()), AssertionError);
  await assertRejects(() => assertRejects(() => Promise.reject(new Error()), Odd), AssertionError);
  await assertRejects(() => assertRejects(throwing, Odd), AssertionError);
});
