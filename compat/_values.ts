/** Values on their way out and in, as wslink's clients treat them. */

import type { Wire } from "../protocol/codec.ts";

/** What a 1.x client gives instead of binary, and a message then refers to. */
const ATTACHMENT_KEY = /^wslink_bin\d+$/;

/** A message's arguments, ready to be sent once its blobs are read. */
export interface Prepared {
  readonly value: unknown;
  /** Stand in the value, in copies of whatever holds them, where the blobs' bytes belong. */
  readonly blobs: readonly UnreadBlob[];
}

/** A blob whose bytes aren't there yet. */
class UnreadBlob {
  readonly blob: Blob;
  bytes: ArrayBuffer | undefined;

  constructor(blob: Blob) {
    this.blob = blob;
  }
}

/** Attachments that wait for the message that refers to them. */
export class Attachments {
  readonly #payloads = new Map<string, unknown>();
  #count = 0;

  /** Keeps binary for a later message, and returns the key to put in it. */
  add(payload: unknown): string {
    const key = `wslink_bin${++this.#count}`;
    this.#payloads.set(key, payload);
    return key;
  }

  /**
   * Readies a message's arguments: attachments in their places, and what
   * Hawser would refuse written as `JSON.stringify()` or wslink's msgpack do.
   */
  prepare(value: unknown, wire: Wire): Prepared {
    const blobs: UnreadBlob[] = [];
    const used = new Set<string>();
    const payloads = this.#payloads;
    const above = new Set<object>();

    function visit(value: unknown): unknown {
      if (typeof value === "string") {
        if (payloads.size === 0 || !ATTACHMENT_KEY.test(value) || !payloads.has(value)) {
          return value;
        }
        used.add(value);
        return visit(payloads.get(value));
      }
      if (typeof value === "function" || typeof value === "symbol") {
        // JSON.stringify() leaves it out, msgpack refuses it.
        return wire === "json" ? undefined : value;
      }
      if (typeof value !== "object" || value === null) return value;
      if (value instanceof Blob) {
        const unread = new UnreadBlob(value);
        blobs.push(unread);
        return unread;
      }
      if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer || value instanceof Date) {
        return value;
      }
      // It contains itself: the encoder says so, with the path.
      if (above.has(value)) return value;
      above.add(value);
      const seen = Array.isArray(value) ? visitList(value) : visitMap(value);
      above.delete(value);
      return seen;
    }

    function visitList(list: readonly unknown[]): readonly unknown[] {
      let copy: unknown[] | undefined;
      for (let index = 0; index < list.length; index++) {
        const seen = visit(list[index]);
        if (seen !== list[index]) (copy ??= [...list])[index] = seen;
      }
      return copy ?? list;
    }

    function visitMap(map: object): unknown {
      const toJson: unknown = wire === "json" ? Reflect.get(map, "toJSON") : undefined;
      if (typeof toJson === "function") return visit(Reflect.apply(toJson, map, []));
      const prototype: unknown = Object.getPrototypeOf(map);
      const isPlain = prototype === Object.prototype || prototype === null;
      // An instance goes as the map of its own properties.
      let copy: Record<string, unknown> | undefined = isPlain ? undefined : { ...map };
      for (const [key, child] of Object.entries(map)) {
        // wslink 2.x sends nil, JSON leaves the key out.
        const seen = child === undefined && wire === "msgpack" ? null : visit(child);
        if (seen === child) continue;
        copy ??= { ...map };
        Object.defineProperty(copy, key, { value: seen, enumerable: true });
      }
      return copy ?? map;
    }

    const seen = visit(value);
    for (const key of used) this.#payloads.delete(key);
    return { value: seen, blobs };
  }
}

/** Reads the blobs of a prepared message, and returns it with their bytes. */
export async function readBlobs({ value, blobs }: Prepared): Promise<unknown> {
  for (const unread of blobs) unread.bytes = await unread.blob.arrayBuffer();
  return replace(value, (part) => part instanceof UnreadBlob ? part.bytes : undefined);
}

/**
 * What a callback or a caller gets: numbers where Hawser gives `bigint`, since
 * wslink's clients know no other, and on the 1.x wire a `Blob` for binary. The
 * value is the receiver's own, so it is changed where it stands.
 */
export function delivered(value: unknown, wire: Wire): unknown {
  return replace(value, (part) => {
    if (typeof part === "bigint") return Number(part);
    if (wire === "json" && part instanceof Uint8Array) return new Blob([new Uint8Array(part)]);
    return undefined;
  });
}

/** Replaces parts of a value in place; `undefined` keeps a part and looks inside. */
function replace(value: unknown, change: (part: unknown) => unknown): unknown {
  const changed = change(value);
  if (changed !== undefined) return changed;
  if (typeof value !== "object" || value === null || ArrayBuffer.isView(value)) return value;
  if (Array.isArray(value)) {
    for (let index = 0; index < value.length; index++) {
      const part: unknown = value[index];
      const seen = replace(part, change);
      if (seen !== part) value[index] = seen;
    }
    return value;
  }
  for (const [key, part] of Object.entries(value)) {
    const seen = replace(part, change);
    // Only what changes is written: assigning to `__proto__` would miss it.
    if (seen !== part) Object.defineProperty(value, key, { value: seen });
  }
  return value;
}
