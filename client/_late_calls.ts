/**
 * Calls that may wait for a connection: those of the outbox, and those that are
 * made again. Loaded where there is an outbox, or a server that remembers calls.
 */
import { ConnectionClosedError, TimeoutError } from "../protocol/errors.ts";
import type { CallOptions } from "../session/outgoing.ts";
import "./_core.ts";
import type { MakeLateCalls } from "./_link.ts";

/**
 * Makes calls that may wait.
 *
 * @param host The session.
 * @param options How it behaves.
 * @returns What makes them.
 */
export const late: MakeLateCalls = (host, { outbox = 0, callTimeout }) => {
  /** How many calls of the outbox wait. */
  let waiting = 0;

  function deadlineOf({ timeout = callTimeout }: CallOptions): number {
    return timeout > 0 ? performance.now() + timeout : Infinity;
  }

  async function callLater(
    method: string,
    args: readonly unknown[],
    options: CallOptions,
  ): Promise<unknown> {
    const deadline = deadlineOf(options);
    waiting++;
    try {
      await opened(method, options.signal, deadline);
    } finally {
      waiting--;
    }
    return await call(method, args, { ...options, timeout: timeLeft(deadline) });
  }

  /** Makes a call until it is answered: the server runs it once, and knows it by its key. */
  async function callSafely(
    method: string,
    args: readonly unknown[],
    { retry: _, key = crypto.randomUUID(), ...options }: CallOptions,
  ): Promise<unknown> {
    const deadline = deadlineOf(options);
    /** How the connection ended that may have begun it, and the server's run. */
    let begun: { readonly epoch: string; readonly broken: ConnectionClosedError } | undefined;
    for (;;) {
      if (host.caller === undefined) await opened(method, options.signal, deadline);
      const { caller } = host;
      if (caller === undefined) continue;
      if (begun && caller.epoch !== begun.epoch) {
        const what = `${method} may have run: the server was restarted before it answered`;
        const { closeCode: code, reason } = begun.broken;
        throw new ConnectionClosedError(what, { code, reason, sent: true });
      }
      try {
        return await caller.call(method, args, { ...options, timeout: timeLeft(deadline), key });
      } catch (error) {
        const { epoch } = caller;
        if (!(error instanceof ConnectionClosedError) || epoch === undefined) throw error;
        begun = { epoch, broken: error };
      }
    }
  }

  /** Resolves when there is a connection; it rejects if there won't be one in time. */
  async function opened(
    method: string,
    signal: AbortSignal | undefined,
    deadline: number,
  ): Promise<void> {
    const tooLate = new AbortController();
    const timer = deadline === Infinity ? undefined : setTimeout(() => {
      tooLate.abort(new TimeoutError(`${method} was not sent in time: there was no connection`));
    }, deadline - performance.now());
    const end = signal ? AbortSignal.any([signal, tooLate.signal]) : tooLate.signal;
    try {
      for await (const { state } of host.statuses({ signal: end })) {
        if (state === "open" && host.caller) return;
      }
      end.throwIfAborted();
      throw host.notSent(method);
    } finally {
      clearTimeout(timer);
    }
  }

  function call(
    method: string,
    args: readonly unknown[],
    options: CallOptions,
  ): Promise<unknown> {
    if (options.retry === "safe") return callSafely(method, args, options);
    if (host.caller) return host.caller.call(method, args, options);
    if (waiting >= outbox || host.status.state === "closed") {
      return Promise.reject(host.notSent(method));
    }
    return callLater(method, args, options);
  }

  return { call };
};

function timeLeft(deadline: number): number {
  return deadline === Infinity ? 0 : Math.max(1, deadline - performance.now());
}
