/** A certificate for tests: made anew in each run, so that none is in the repository to run out. */
import { createPrivateKey, generateKeyPairSync, sign } from "node:crypto";

/** A certificate and its key, in PEM. */
export interface Certificate {
  readonly cert: string;
  readonly key: string;
}

/**
 * Makes a certificate for 127.0.0.1 that is signed by its own key (RFC 5280).
 *
 * @returns The certificate and its key.
 */
export function selfSigned(): Certificate {
  const { publicKey, privateKey: key } = generateKeyPairSync("ec", {
    namedCurve: "P-256",
    publicKeyEncoding: { type: "spki", format: "der" },
    privateKeyEncoding: { type: "pkcs8", format: "pem" },
  });
  const ecdsaWithSha256 = der(0x30, oid(0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02));
  const commonName = der(0x30, oid(0x55, 0x04, 0x03), der(0x0c, text("hawser test")));
  const name = der(0x30, der(0x31, commonName));
  const subjectAltName = der(
    0x30,
    oid(0x55, 0x1d, 0x11),
    der(0x04, der(0x30, der(0x87, bytes(127, 0, 0, 1)))),
  );
  const toBeSigned = der(
    0x30,
    der(0xa0, der(0x02, bytes(2))), // version 3
    der(0x02, bytes(1)), // serial number
    ecdsaWithSha256,
    name,
    der(0x30, der(0x17, text("200101000000Z")), der(0x17, text("491231235959Z"))),
    name,
    new Uint8Array(publicKey),
    der(0xa3, der(0x30, subjectAltName)),
  );
  const signature = sign("sha256", toBeSigned, createPrivateKey(key));
  const certificate = der(
    0x30,
    toBeSigned,
    ecdsaWithSha256,
    der(0x03, bytes(0), new Uint8Array(signature)),
  );
  const lines = certificate.toBase64().match(/.{1,64}/g) ?? [];
  return {
    cert: `-----BEGIN CERTIFICATE-----\n${lines.join("\n")}\n-----END CERTIFICATE-----\n`,
    key,
  };
}

/** A value of DER: tag, length, content (X.690 section 8.1). */
function der(tag: number, ...content: Uint8Array[]): Uint8Array<ArrayBuffer> {
  const length = content.reduce((sum, { length }) => sum + length, 0);
  const head = length < 0x80
    ? [tag, length]
    : length < 0x100
    ? [tag, 0x81, length]
    : [tag, 0x82, length >> 8, length & 0xff];
  const value = new Uint8Array(head.length + length);
  value.set(head);
  let at = head.length;
  for (const part of content) {
    value.set(part, at);
    at += part.length;
  }
  return value;
}

function oid(...encoded: number[]): Uint8Array {
  return der(0x06, bytes(...encoded));
}

function bytes(...values: number[]): Uint8Array {
  return new Uint8Array(values);
}

function text(value: string): Uint8Array {
  return new TextEncoder().encode(value);
}
