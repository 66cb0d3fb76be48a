/** A WebSocket made by hand on a TCP connection: it keeps no rule that it isn't told to keep. */

/** A frame of the server's (RFC 6455 section 5.2). */
export interface RawFrame {
  /** 1 text, 2 binary, 8 close, 9 ping, 10 pong. */
  readonly opcode: number;
  readonly payload: Uint8Array<ArrayBuffer>;
}

export class RawSocket implements Disposable {
  readonly #connection: Deno.Conn;
  #buffer = new Uint8Array(0);

  private constructor(connection: Deno.Conn) {
    this.#connection = connection;
  }

  /**
   * Connects and shakes hands.
   *
   * @param url The address, as in `ws://127.0.0.1:8080/ws`.
   * @param headers More of the request's headers, a line each.
   * @returns The socket, once the server has agreed.
   */
  static async open(url: string, headers = ""): Promise<RawSocket> {
    const { hostname, port, pathname } = new URL(url);
    const socket = new RawSocket(await Deno.connect({ hostname, port: Number(port) }));
    await socket.write(new TextEncoder().encode(
      `GET ${pathname} HTTP/1.1\r\nHost: ${hostname}:${port}\r\nConnection: Upgrade\r\n` +
        `Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n${headers}` +
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
    ));
    const head: number[] = [];
    const end = [13, 10, 13, 10];
    while (!end.every((byte, i) => head.at(i - 4) === byte)) {
      const [byte] = await socket.#read(1) ?? [];
      if (byte === undefined) throw new Error("The server hung up instead of shaking hands");
      head.push(byte);
    }
    const text = new TextDecoder().decode(new Uint8Array(head));
    if (!text.startsWith("HTTP/1.1 101")) throw new Error(`No handshake: ${text}`);
    return socket;
  }

  /**
   * Sends one frame, masked with zeros.
   *
   * @param opcode What it is.
   * @param payload What it holds.
   * @param claimed How long the payload is said to be.
   */
  async send(opcode: number, payload: Uint8Array, claimed = payload.length): Promise<void> {
    // Only a length of one byte is allowed in a control frame (RFC 6455 section 5.5).
    const head = claimed < 126 ? 2 : 10;
    const frame = new Uint8Array(head + 4 + payload.length);
    frame[0] = 0x80 | opcode;
    frame[1] = 0x80 | (claimed < 126 ? claimed : 127);
    if (head === 10) new DataView(frame.buffer).setBigUint64(2, BigInt(claimed));
    frame.set(payload, head + 4);
    await this.write(frame);
  }

  /** The next frame; `undefined` when the server has hung up. */
  async next(): Promise<RawFrame | undefined> {
    const head = await this.#read(2);
    if (head === undefined) return undefined;
    const [first = 0, second = 0] = head;
    let length = second & 0x7f;
    if (length >= 126) {
      const bytes = await this.#read(length === 126 ? 2 : 8);
      if (bytes === undefined) return undefined;
      length = bytes.reduce((sum, byte) => sum * 256 + byte, 0);
    }
    const payload = await this.#read(length);
    return payload && { opcode: first & 0x0f, payload };
  }

  /** All frames until the server hangs up. */
  async rest(): Promise<RawFrame[]> {
    const frames: RawFrame[] = [];
    for (let frame = await this.next(); frame; frame = await this.next()) frames.push(frame);
    return frames;
  }

  /** Hangs up, without a word. */
  [Symbol.dispose](): void {
    this.#connection.close();
  }

  /** Sends bytes as they are. */
  async write(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length;) {
      at += await this.#connection.write(bytes.subarray(at));
    }
  }

  async #read(length: number): Promise<Uint8Array<ArrayBuffer> | undefined> {
    const chunk = new Uint8Array(65536);
    while (this.#buffer.length < length) {
      const count = await this.#connection.read(chunk).catch(() => null);
      if (count === null) return undefined;
      const grown = new Uint8Array(this.#buffer.length + count);
      grown.set(this.#buffer);
      grown.set(chunk.subarray(0, count), this.#buffer.length);
      this.#buffer = grown;
    }
    const bytes = this.#buffer.slice(0, length);
    this.#buffer = this.#buffer.slice(length);
    return bytes;
  }
}
