/** What every route of `/ingest` does with a request: its `Idempotency-Key`, and a body that may be packed, within bounds. */

import { gunzipSync } from 'node:zlib';
import { HttpFault, type WebRequest } from './route.js';

const unpackedMax = 64 << 20;
const keySizeMax = 255;

/** The identity that a request gives its batch; undefined when it names none. Throws HttpFault for one that is too long. */
export function identityOf({ message }: WebRequest): string | undefined {
  const key = message.headers['idempotency-key'];
  if (Array.isArray(key) || (key !== undefined && (key === '' || key.length > keySizeMax))) {
    throw new HttpFault(400, `Idempotency-Key: expected 1 to ${keySizeMax} characters`);
  }
  return key === undefined ? undefined : `key:${key}`;
}

/** The body as it was before gzip. Throws HttpFault for a damaged one and for one beyond the bound. */
export function unpacked(body: Buffer): Buffer {
  if (body[0] !== 0x1f || body[1] !== 0x8b) return body;
  try {
    return gunzipSync(body, { maxOutputLength: unpackedMax });
  } catch (error) {
    const tooLarge = error instanceof Error && 'code' in error && error.code === 'ERR_BUFFER_TOO_LARGE';
    throw tooLarge ? new HttpFault(413, `the body unpacks to more than ${unpackedMax} bytes`) : new HttpFault(400, 'a damaged gzip body');
  }
}

/** The answer's error while the store takes nothing: a client tries again later. */
export function storeIsBehind(): HttpFault {
  return new HttpFault(429, 'the store is behind; try again', { 'Retry-After': '1' });
}
