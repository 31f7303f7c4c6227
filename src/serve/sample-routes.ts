/**
 * Samples over HTTP. `POST /ingest/samples` takes Graphite lines, JSON lines or a JSON array, gzip or not. The body is one batch: 200 means all that was accepted is
 * durable, an error means nothing was kept; a repeated `Idempotency-Key` counts once in 30 days; 429 with `Retry-After` while the disk takes nothing.
 */

import { Refused } from '../base/faults.js';
import { readJsonSamples } from '../collect/json-samples.js';
import { identityOf, storeIsBehind, unpacked } from './ingest-body.js';
import { PointColumns } from './point-columns.js';
import { type Answer, json, type Route, type WebRequest } from './route.js';
import type { Services } from './services.js';

export const sampleRoutes: readonly Route[] = [
  { methods: ['POST'], path: '/ingest/samples', access: 'write', streamsBody: true, handle: ingest },
];

async function ingest(request: WebRequest, services: Services): Promise<Answer> {
  const { intake, metrics, ledger } = services;
  const account = ledger.account('http');
  const identity = identityOf(request);
  if (intake.overloaded) {
    request.message.resume();
    throw storeIsBehind();
  }
  const body = unpacked(await request.body());
  let fresh = 0;
  const points = new PointColumns({
    metrics,
    origin: 'http',
    nowSeconds: Math.floor(services.now() / 1000),
    admits: (name) => intake.known(name) >= 0 || intake.seriesCount + ++fresh <= services.configuration().limits.series,
  });
  const first = body.subarray(0, 64).toString('latin1').trimStart()[0];
  if (first === '{' || first === '[') {
    readJsonSamples(body.toString('utf8'), {
      sample: (name, seconds, value, weight) => points.add(name, seconds, value, weight),
      reject: (cause) => points.reject(cause),
    });
  } else points.take(body, 0, body.length);
  const { accepted } = points;
  const applied = await commit(services, points, identity);
  if (!applied) return json({ accepted: 0, rejected: {}, duplicate: true });
  for (const name of points.names) intake.seriesOf(name);
  account.accepted += accepted;
  for (const [cause, count] of points.rejected) account.reject(cause, count);
  return json({ accepted, rejected: Object.fromEntries(points.rejected), duplicate: false });
}

async function commit({ metrics, ledger }: Services, points: PointColumns, identity: string | undefined): Promise<boolean> {
  try {
    const { applied } = await metrics.commit(points.drain(identity));
    return applied;
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    ledger.notice('http', error.line);
    throw storeIsBehind();
  }
}
