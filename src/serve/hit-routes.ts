/**
 * Logs over HTTP. `POST /ingest/logs` takes JSON lines, a JSON array or text lines, gzip or not; 200 means durable; a repeated
 * `Idempotency-Key` counts once; 429 with `Retry-After` when the disk is behind. `GET /api/top` answers what `weir top --json` prints.
 */

import { Refused } from '../base/faults.js';
import { parseAnyTime } from '../collect/log-time.js';
import { storedTop } from '../query/stored-top.js';
import { topCsv, topJson } from '../render/top-text.js';
import { hitMemoryBytes } from './hit-intake.js';
import { identityOf, storeIsBehind, unpacked } from './ingest-body.js';
import { type Answer, HttpFault, json, type Route, type WebRequest } from './route.js';
import type { Services } from './services.js';

export const hitRoutes: readonly Route[] = [
  { methods: ['POST'], path: '/ingest/logs', access: 'write', streamsBody: true, handle: ingest },
  { methods: ['GET'], path: '/api/top', access: 'read', handle: top },
];

async function ingest(request: WebRequest, services: Services): Promise<Answer> {
  const { hits } = services;
  const account = services.ledger.account('http');
  const identity = identityOf(request);
  if (hits.overloaded) {
    request.message.resume();
    throw storeIsBehind();
  }
  const body = unpacked(await request.body());
  const batch = hits.batch(identity);
  const rejected: Record<string, number> = {};
  const refuse = (cause: string): void => {
    rejected[cause] = (rejected[cause] ?? 0) + 1;
  };
  const records = arrayOf(body);
  const lines = records === undefined ? body : Buffer.from(records.map((record) => JSON.stringify(record)).join('\n'));
  const accepted = hits.countBody(lines, batch, refuse);
  const counted = await hits.commit(batch, identity).catch((error: unknown) => {
    if (!(error instanceof Refused)) throw error;
    services.ledger.notice('http', error.line);
    throw storeIsBehind();
  });
  if (counted) {
    for (const [cause, count] of Object.entries(rejected)) account.reject(cause, count);
  }
  return json({ accepted: counted ? accepted : 0, rejected: counted ? rejected : {}, duplicate: !counted });
}

// A body that is one JSON array; anything else is lines.
function arrayOf(body: Buffer): unknown[] | undefined {
  const first = body.subarray(0, 64).toString('latin1').trimStart();
  if (!first.startsWith('[')) return undefined;
  try {
    const value: unknown = JSON.parse(body.toString('utf8'));
    return Array.isArray(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function top({ parameters }: WebRequest, services: Services): Answer {
  const n = parameters.get('n') ?? '10';
  if (!/^\d{1,6}$/.test(n)) throw new HttpFault(400, `n '${n.slice(0, 20)}': expected a whole number`);
  const { hits } = services;
  const rows = storedTop(hits.stored, {
    by: parameters.get('by') ?? 'url,keyword',
    per: parameters.get('per') ?? 'all',
    zone: parameters.get('tz') ?? 'UTC',
    n: Number(n),
    compare: parameters.get('compare') ?? undefined,
    fromMs: timeOf(parameters.get('from'), Number.NEGATIVE_INFINITY),
    toMs: timeOf(parameters.get('to') ?? parameters.get('until'), Number.POSITIVE_INFINITY),
    memoryBytes: hitMemoryBytes(services.configuration()),
    visitors: ['1', 'true'].includes(parameters.get('visitors') ?? ''),
  });
  return parameters.get('format') === 'csv'
    ? { type: 'text/csv; charset=utf-8', body: topCsv(rows) }
    : { type: 'application/x-ndjson', body: topJson(rows) };
}

function timeOf(text: string | null, absent: number): number {
  if (text === null || text === '') return absent;
  const time = parseAnyTime(/^\d{4}-\d\d-\d\d$/.test(text) ? `${text}T00:00:00Z` : text);
  if (Number.isNaN(time)) throw new HttpFault(400, `'${text.slice(0, 40)}': expected RFC 3339 or epoch seconds`);
  return time;
}
