/**
 * Records over HTTP. `GET /api/take` streams the first n of a partition as JSON lines, the cursor for what follows in `Weir-Next`; lines leave in pieces that do
 * not grow with n, the first together with the header, so that the time grows smoothly. `POST /ingest/records` stores a batch whole: 200 means durable, and a
 * repeated `Idempotency-Key` changes nothing.
 */

import { gunzipSync } from 'node:zlib';
import { Malformed, Usage } from '../base/faults.js';
import { readRecords } from '../query/records-in.js';
import { rowLine, type TakenRow, take, takeMax } from '../query/take.js';
import { type Answer, HttpFault, json, type Route, type WebRequest } from './route.js';
import type { Services } from './services.js';

const unpackedMax = 64 << 20;
const keySizeMax = 255;
/** Bytes of lines that leave together. */
const pieceBytes = 16_384;

export const recordRoutes: readonly Route[] = [
  { methods: ['GET'], path: '/api/take', access: 'read', handle: takeRoute },
  { methods: ['POST'], path: '/ingest/records', access: 'write', streamsBody: true, handle: ingest },
];

async function takeRoute({ parameters }: WebRequest, { records }: Services): Promise<Answer> {
  const wanted = (name: string): string => {
    const value = parameters.get(name);
    if (value === null || value === '') throw new HttpFault(400, `'${name}' is missing`);
    return value;
  };
  const text = parameters.get('n') ?? '100';
  const n = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
  if (!(n <= takeMax)) throw new HttpFault(400, `n is '${text.slice(0, 40)}' (expected a whole number up to ${takeMax})`);
  try {
    const { rows, next } = await take(records, {
      table: wanted('table'),
      partition: wanted('partition'),
      n,
      cursor: parameters.get('cursor') ?? undefined,
    });
    return { type: 'application/x-ndjson', body: lines(rows), headers: next === undefined ? {} : { 'Weir-Next': next } };
  } catch (error) {
    throw error instanceof Usage || error instanceof Malformed ? new HttpFault(400, error.message) : error;
  }
}

async function* lines(rows: AsyncIterable<TakenRow>): AsyncGenerator<string> {
  let piece = '';
  for await (const row of rows) {
    piece += rowLine(row);
    if (piece.length < pieceBytes) continue;
    yield piece;
    piece = '';
  }
  yield piece;
}

async function ingest(request: WebRequest, services: Services): Promise<Answer> {
  const key = request.message.headers['idempotency-key'];
  if (Array.isArray(key) || (key !== undefined && (key === '' || key.length > keySizeMax))) {
    throw new HttpFault(400, `Idempotency-Key: expected 1 to ${keySizeMax} characters`);
  }
  const body = unpack(await request.body());
  let records: ReturnType<typeof readRecords>;
  try {
    records = readRecords(body.toString('utf8'), request.parameters.get('table') ?? undefined);
  } catch (error) {
    throw error instanceof Malformed ? new HttpFault(400, `${error.message}; nothing of this batch is stored`) : error;
  }
  const identity = key === undefined ? undefined : `records:${key}`;
  const { applied } = await services.records.commit({ nowSeconds: Math.floor(services.now() / 1000), records, identity });
  return json({ accepted: applied ? records.length : 0, duplicate: !applied });
}

function unpack(body: Buffer): Buffer {
  if (body[0] !== 0x1f || body[1] !== 0x8b) return body;
  try {
    return gunzipSync(body, { maxOutputLength: unpackedMax });
  } catch (error) {
    const isTooLarge = error instanceof Error && 'code' in error && error.code === 'ERR_BUFFER_TOO_LARGE';
    throw isTooLarge ? new HttpFault(413, `the body unpacks to more than ${unpackedMax} bytes`) : new HttpFault(400, 'a damaged gzip body');
  }
}
