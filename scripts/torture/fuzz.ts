import { Child } from "./_child.ts";
import { count, type Figure, size, type Trial } from "./_figures.ts";

/** What a heap may have more after some hundred thousand inputs than after the first of them. */
const GROWTH = 16e6;

/** Inputs of every kind, to both sides, on both wires. */
export async function fuzz({ quick, random, log }: Trial): Promise<Figure[]> {
  const total = quick ? 40_000 : 1_000_000;
  const sum = { inputs: 0, refused: 0, unhandled: 0, thrown: 0, codes: 0, untyped: 0, internal: 0 };
  let grown = 0;
  let answered = 0;
  let slowest = 0;
  for (const side of ["server", "client"]) {
    for (const wire of ["msgpack", "json"]) {
      const { child } = await Child.start("fuzz.ts");
      await using _child = child;
      const answer = await child.ask("run", side, wire, total / 4, random.next());
      for (
        const key of ["inputs", "refused", "unhandled", "thrown", "codes", "untyped", "internal"]
      ) {
        const name = key as keyof typeof sum;
        sum[name] += answer[name] ?? 0;
      }
      grown = Math.max(grown, answer.grown ?? 0);
      answered += answer.answered ?? 0;
      slowest = Math.max(slowest, answer.slowest ?? 0);
      log(`${side}, ${wire}: ${JSON.stringify(answer)}`);
    }
  }
  return [{
    promise: `${count(total)} inputs to both sides on both wires, before and after hello: ` +
      "only typed errors and documented close codes",
    measured: `${count(sum.inputs)} inputs, ${count(sum.refused)} connections refused; ` +
      `${sum.thrown} exceptions, ${sum.untyped} untyped errors, ${sum.codes} other codes, ` +
      `${sum.internal} internal errors`,
    kept: sum.inputs >= total && sum.refused > 0 && sum.thrown === 0 && sum.untyped === 0 &&
      sum.codes === 0 && sum.internal === 0,
  }, {
    promise: "no unhandled rejection, and no growth",
    measured: `${sum.unhandled} unhandled; the heap grew by ${size(grown)} at most`,
    kept: sum.unhandled === 0 && grown < GROWTH,
  }, {
    promise: "a second connection is answered all the while",
    measured: `${count(answered)} calls answered, the slowest within ${slowest.toFixed(0)} ms`,
    kept: answered > 0,
  }];
}
