/** OpenTelemetry's spans on both sides, with the middleware of docs/middleware.md. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { type ClientMiddleware, RpcError } from "@hawser/hawser/client";
import { type Call, createServer, type Middleware } from "@hawser/hawser/server";
import { context, propagation, SpanKind, SpanStatusCode, trace } from "@opentelemetry/api";
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";
import { W3CTraceContextPropagator } from "@opentelemetry/core";
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  SimpleSpanProcessor,
} from "@opentelemetry/sdk-trace-base";
import { WIRES } from "../_peer.ts";
import { pair } from "./_pair.ts";

/** Asked for each span, since a tracer keeps the provider that it began with. */
const tracer = () => trace.getTracer("test");

const traceClient: ClientMiddleware = (call, next) =>
  tracer().startActiveSpan(call.method, { kind: SpanKind.CLIENT }, async (span) => {
    const carrier: { traceparent?: string } = {};
    propagation.inject(context.active(), carrier);
    if (carrier.traceparent) call.options = { ...call.options, traceparent: carrier.traceparent };
    try {
      return await next();
    } catch (error) {
      span.setStatus({ code: SpanStatusCode.ERROR, message: String(error) });
      throw error;
    } finally {
      span.end();
    }
  });

const traceServer: Middleware<Call> = (call, next) => {
  const { traceparent } = call;
  const parent = traceparent === undefined
    ? context.active()
    : propagation.extract(context.active(), { traceparent });
  return tracer().startActiveSpan(call.method, { kind: SpanKind.SERVER }, parent, async (span) => {
    try {
      return await next();
    } catch (error) {
      span.setStatus({ code: SpanStatusCode.ERROR, message: String(error) });
      throw error;
    } finally {
      span.end();
    }
  });
};

for (const wire of WIRES) {
  Deno.test(`a server's span is the child of its caller's (${wire})`, async () => {
    const exporter = new InMemorySpanExporter();
    const provider = new BasicTracerProvider({
      spanProcessors: [new SimpleSpanProcessor(exporter)],
    });
    const manager = new AsyncLocalStorageContextManager().enable();
    trace.setGlobalTracerProvider(provider);
    context.setGlobalContextManager(manager);
    propagation.setGlobalPropagator(new W3CTraceContextPropagator());
    try {
      await using server = createServer({
        procedures: {
          "math.half": (x: number) => x / 2,
          "test.fail": () => {
            throw new RpcError(7, "No");
          },
        },
      });
      server.use(traceServer);
      const { session } = await pair(server, { wire, middleware: [traceClient] });
      assertEquals(await session.call("math.half", [3]), 1.5);
      await assertRejects(() => session.call("test.fail"), RpcError, "No");
      await session.close();
      const spans = exporter.getFinishedSpans();
      assertEquals(spans.map(({ name, kind }) => [name, kind]), [
        ["math.half", SpanKind.SERVER],
        ["math.half", SpanKind.CLIENT],
        ["test.fail", SpanKind.SERVER],
        ["test.fail", SpanKind.CLIENT],
      ]);
      const [served, called, failed] = spans;
      assert(served && called && failed);
      assertEquals(served.parentSpanContext?.spanId, called.spanContext().spanId);
      assertEquals(served.spanContext().traceId, called.spanContext().traceId);
      assertEquals(failed.status.code, SpanStatusCode.ERROR);
    } finally {
      await provider.shutdown();
      // The exporter answers from timers that nobody awaits.
      await new Promise((resolve) => setTimeout(resolve, 0));
      manager.disable();
      trace.disable();
      context.disable();
      propagation.disable();
    }
  });
}
