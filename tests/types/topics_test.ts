/** What must compile and what must not: the compiler is the test. */
import type { Session } from "@hawser/hawser/client";
import { createServer, type Server, topic } from "@hawser/hawser/server";
import { z } from "zod";

const server = createServer({
  topics: {
    plain: topic<{ n: number }>(),
    scene: topic({ select: (views: string[], at: { view: number }) => views[at.view] }),
    "view.*.image": topic({
      payload: z.object({ blob: z.instanceof(Uint8Array) }),
      filter: z.string().transform(Number),
      select: (image, scale: number) => image.blob.length * scale,
    }),
  },
});

/** A server of known topics is a server. */
const _any: Server = server;

function _published(): void {
  server.publish("plain", { n: 1 });
  server.publish("view.7.image", { blob: new Uint8Array(1) });
  server.publish("unknown.topic", "anything");
  // @ts-expect-error: another payload
  server.publish("plain", { n: "one" });
  // @ts-expect-error: another payload, under a pattern
  server.publish("view.7.image", { blob: 1 });
}

function _subscribed(session: Session<typeof server>, untyped: Session): void {
  session.subscribe("plain", ({ n }) => n.toFixed());
  session.subscribe("scene", (view) => view.length, { filter: { view: 1 } });
  session.subscribe("scene", (views) => views.map((view) => view.length));
  session.subscribe("view.7.image", (area) => area.toFixed(), { filter: "2" });
  session.subscribe<string>("unknown.topic", (text) => text.length, { filter: 1 });
  untyped.subscribe<string>("plain", (text) => text.length, { filter: 1 });
  // @ts-expect-error: the topic takes no filter
  session.subscribe("plain", { filter: 1 });
  // @ts-expect-error: another filter
  session.subscribe("scene", { filter: { view: "1" } });
  // @ts-expect-error: another value
  session.subscribe("plain", (value: string) => value);
}
