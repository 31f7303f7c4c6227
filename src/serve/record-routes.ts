/**
 * Records over HTTP. `GET /api/take` streams the first n of a partition as JSON lines, the cursor for what follows in `Weir-Next`; few lines leave as
 * one write with the header, many in pieces that do not grow with n, so that the time grows smoothly. `POST /ingest/records` stores a batch whole: 200 means durable, and a
 * repeated `Idempotency-Key` changes nothing.
 */

import { pipeline, Readable } from 'node:stream';
import { createGzip, gunzipSync } from 'node:zlib';
import { Malformed, Usage } from '../base/faults.js';
import type { StoredRecord } from '../keep/record-block.js';
import { type RecordBounds, readRecords, recordBounds } from '../query/records-in.js';
import { get, rowLines, type Taken, take, takeMax } from '../query/take.js';
import { type Answer, HttpFault, json, type Route, type WebRequest } from './route.js';
import type { Services } from './services.js';

const unpackedMax = 64 << 20;
const keySizeMax = 255;
const lineType = 'application/x-ndjson';
/** Characters of lines that leave together: the first soon, the others in larger pieces. */
const firstPieceBytes = 16_384;
const pieceBytes = 65_536;
/** Characters up to which lines that are held leave whole: a stream that set in earlier would be a step of 27 us in the curve of small takes. */
const wholeBytesMax = 1 << 20;
/** Takes that are streamed at once; each holds a snapshot of the store. */
const streamsMax = 100;

export const recordRoutes: readonly Route[] = [
  { methods: ['GET'], path: '/api/take', access: 'read', handle: takeRoute },
  { methods: ['POST'], path: '/ingest/records', access: 'write', streamsBody: true, handle: ingest },
];

async function takeRoute({ parameters, message }: WebRequest, { records }: Services): Promise<Answer> {
  const wanted = (name: string): string => {
    const value = parameters.get(name);
    if (value === null || value === '') throw new HttpFault(400, `'${name}' is missing`);
    return value;
  };
  const [table, partition] = [wanted('table'), wanted('partition')];
  const row = parameters.get('row');
  if (row !== null) {
    const found = await get(records, table, partition, row);
    if (found === undefined) throw new HttpFault(404, `there is no record ${row.slice(0, 100)}`);
    return { type: lineType, body: rowLines(partition, [found]), isPlain: true };
  }
  const text = parameters.get('n') ?? '100';
  const n = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
  if (!(n <= takeMax)) throw new HttpFault(400, `n is '${text.slice(0, 40)}' (expected a whole number up to ${takeMax})`);
  try {
    const { blocks, next } = await take(records, {
      table,
      partition,
      n,
      cursor: parameters.get('cursor') ?? undefined,
      ...rangeOf(parameters),
    });
    const headers = next === undefined ? {} : { 'Weir-Next': next };
    const packs = /\bgzip\b(?!\s*;\s*q=0(\.0*)?\s*(,|$))/.test(String(message.headers['accept-encoding'] ?? ''));
    if (!packs && 'length' in blocks) return { type: lineType, body: heldLines(partition, blocks), headers, isPlain: true };
    const lines = linesOf(partition, 'length' in blocks ? blocks : await admitted(blocks));
    if (!packs) return { type: lineType, body: await whole(lines), headers, isPlain: true };
    return { type: lineType, body: gzipped(lines), headers: { ...headers, 'Content-Encoding': 'gzip', Vary: 'Accept-Encoding' } };
  } catch (error) {
    throw error instanceof Usage || error instanceof Malformed ? new HttpFault(400, error.message) : error;
  }
}

let streamsNow = 0;

// A stream holds a moment of the store until it is taken: there may be so many. Takes that are held in memory are always served.
async function admitted(blocks: AsyncIterable<readonly StoredRecord[]>): Promise<AsyncIterable<readonly StoredRecord[]>> {
  if (streamsNow >= streamsMax) {
    for await (const _ of blocks) break;
    throw new HttpFault(503, `${streamsMax} long takes are under way (expected to be tried later)`, { 'Retry-After': '5' });
  }
  streamsNow += 1;
  return (async function* () {
    try {
      yield* blocks;
    } finally {
      streamsNow -= 1;
    }
  })();
}

/** The range of rows and times that parameters ask for. Throws HttpFault for a time that is none. */
function rangeOf(parameters: URLSearchParams): RecordBounds {
  try {
    return recordBounds((name) => parameters.get(name) ?? undefined);
  } catch (error) {
    throw error instanceof Usage ? new HttpFault(400, error.message) : error;
  }
}

// What is held and is not much needs no stream.
function heldLines(partition: string, blocks: readonly (readonly StoredRecord[])[]): string | AsyncIterable<string> {
  let lines = '';
  for (const [at, rows] of blocks.entries()) {
    lines += rowLines(partition, rows);
    if (lines.length >= wholeBytesMax && at + 1 < blocks.length) return linesOf(partition, blocks.slice(at + 1), lines);
  }
  return lines;
}

async function* linesOf(partition: string, blocks: Taken['blocks'], before = ''): AsyncGenerator<string> {
  let piece = before;
  let size = firstPieceBytes;
  for await (const rows of blocks) {
    piece += rowLines(partition, rows);
    if (piece.length < size) continue;
    yield piece;
    piece = '';
    size = pieceBytes;
  }
  yield piece;
}

// Lines that fit into one piece go out whole, with their length; more of them as a stream.
async function whole(lines: AsyncGenerator<string>): Promise<string | AsyncIterable<string>> {
  const first = await lines.next();
  const second = first.done === true ? first : await lines.next();
  if (second.done === true) return first.value ?? '';
  return (async function* () {
    yield first.value as string;
    yield second.value as string;
    yield* lines;
  })();
}

// As one gzip stream, from the first row on: packing sets in at no size, so that it makes no step.
function gzipped(lines: AsyncIterable<string>): AsyncIterable<Uint8Array> {
  // A client that goes away ends the packing, and with it the lines and what they hold.
  return pipeline(Readable.from(lines, { objectMode: true }), createGzip({ level: 1 }), () => {});
}

async function ingest(request: WebRequest, services: Services): Promise<Answer> {
  const key = request.message.headers['idempotency-key'];
  if (Array.isArray(key) || (key !== undefined && (key === '' || key.length > keySizeMax))) {
    throw new HttpFault(400, `Idempotency-Key: expected 1 to ${keySizeMax} characters`);
  }
  const account = services.ledger.account('http');
  const body = unpack(await request.body());
  let records: ReturnType<typeof readRecords>;
  try {
    records = readRecords(body.toString('utf8'), request.parameters.get('table') ?? undefined);
  } catch (error) {
    if (error instanceof Malformed) account.reject('record');
    throw error instanceof Malformed ? new HttpFault(400, `${error.message}; nothing of this batch is stored`) : error;
  }
  const identity = key === undefined ? undefined : `records:${key}`;
  const notes = await services.tables.notesOf(records);
  const { applied } = await services.records.commit({ nowSeconds: services.now() / 1000, records, identity, notes });
  if (applied) {
    services.tables.remember(notes);
    account.accepted += records.length;
  }
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
