/**
 * Who a client is and what decides it: secrets, identities, origins.
 *
 * @module
 */
/** What a client says about itself: the map in its hello. */
export interface Hello extends Readonly<Record<string, unknown>> {
  /** The client's `secret`: whatever it sent, if anything. */
  readonly secret?: unknown;
}

/** Who a client is, and until when. */
export interface Authenticated<Identity> {
  /** Whatever the application wants to know of it: it is in `client.identity`. */
  readonly identity: Identity;
  /**
   * When it ends, as a date or in ms since 1970. The connection is closed with
   * 4010 then, unless the client has authenticated itself once more.
   *
   * @default {Infinity}
   */
  readonly expires?: Date | number;
}

/** What says no: nobody in particular. */
export type NotAuthenticated = undefined | null | false;

/**
 * Decides who a client is, from its hello and from the HTTP request that it
 * came with: headers, cookies, address line. What is thrown is a no, and goes
 * to `onError`.
 */
export type Authenticate<Identity> = (
  hello: Hello,
  request: Request | undefined,
) =>
  | Authenticated<Identity>
  | NotAuthenticated
  | Promise<Authenticated<Identity> | NotAuthenticated>;

/**
 * Tells whether what was found out holds no longer.
 *
 * @param authenticated What was found out.
 * @returns Whether it is over; a date that is none is over as well.
 */
export function isOver({ expires = Infinity }: Authenticated<unknown>): boolean {
  return !(Number(expires) > Date.now());
}

/** Which pages may connect: a list, or what decides. */
export type Origins = readonly string[] | ((origin: string, request: Request) => boolean);

/**
 * Checks a list of origins.
 *
 * @param origins The option.
 * @returns Whether a request may go on. What is no browser names no origin, and
 * could name any.
 * @throws {TypeError} If one of them is no origin.
 */
export function originCheck(origins: Origins | undefined): (request: Request) => boolean {
  if (origins === undefined) return () => true;
  const isAllowed = typeof origins === "function" ? origins : checkOrigins(origins);
  return (request) => {
    const origin = request.headers.get("origin");
    return origin === null || isAllowed(origin, request);
  };
}

function checkOrigins(origins: readonly string[]): (origin: string) => boolean {
  for (const origin of origins) {
    if (!URL.canParse(origin) || new URL(origin).origin !== origin) {
      throw new TypeError(
        `An origin is a scheme and a host, as in "https://example.org": received "${origin}"`,
      );
    }
  }
  const allowed = new Set(origins);
  return (origin) => allowed.has(origin);
}
