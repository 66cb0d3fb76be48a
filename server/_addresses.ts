/**
 * Where connections come from, as far as it matters for how many there may be.
 */

/**
 * Finds the address that a connection counts for.
 *
 * @param address What the network, or a trusted proxy, says.
 * @returns The address; of IPv6 the first 64 bits, since every subscriber has all the rest.
 */
export function placeOf(address: string): string {
  const plain = address.trim().toLowerCase().replace(/^\[(.*)\](?::\d+)?$/, "$1").split("%")[0] ??
    "";
  const mapped = /^::ffff:(\d+(?:\.\d+){3})$/.exec(plain)?.[1];
  if (mapped !== undefined) return mapped;
  if (!plain.includes(":")) return plain;
  // A port behind an IPv4 address, as some proxies write it.
  const [first = "", second] = plain.split(":");
  if (first.includes(".") && second !== undefined) return first;
  const [head = "", tail] = plain.split("::");
  const groups = head === "" ? [] : head.split(":");
  const behind = tail === undefined || tail === "" ? 0 : tail.split(":").length;
  if (tail !== undefined) {
    const zeros = Math.max(8 - groups.length - behind, 0);
    groups.push(...Array(zeros).fill("0"), ...(tail === "" ? [] : tail.split(":")));
  }
  return `${groups.slice(0, 4).map((group) => group.replace(/^0+(?=.)/, "")).join(":")}::/64`;
}

/**
 * Reads the address that a trusted proxy has written into a header.
 *
 * @param value The header's value: an address, or a list as that of `x-forwarded-for`.
 * @returns The last one, which the nearest proxy wrote: what stands before it may be the client's own.
 */
export function addressIn(value: string | null): string | undefined {
  const last = value?.split(",").at(-1)?.trim();
  return last === undefined || last === "" ? undefined : last;
}

/** How many connections there are, in all and from each place. */
export class Places {
  readonly #counts = new Map<string, number>();
  #all = 0;

  /** How many there are in all. */
  get all(): number {
    return this.#all;
  }

  /**
   * Counts the connections from a place.
   *
   * @param place What {@linkcode placeOf} returned.
   * @returns How many there are.
   */
  from(place: string): number {
    return this.#counts.get(place) ?? 0;
  }

  /**
   * One more.
   *
   * @param place Where it comes from, if that is known.
   * @returns Takes it away again, once.
   */
  enter(place: string | undefined): () => void {
    this.#all++;
    if (place !== undefined) this.#counts.set(place, this.from(place) + 1);
    let entered = true;
    return () => {
      if (!entered) return;
      entered = false;
      this.#all--;
      if (place === undefined) return;
      const left = this.from(place) - 1;
      if (left > 0) this.#counts.set(place, left);
      else this.#counts.delete(place);
    };
  }
}
