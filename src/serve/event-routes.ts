/**
 * Graphite's events: POST `/events` keeps one (200 means durable; an `Idempotency-Key` makes a retry count once), `/events/get_data` gives those of a range and of
 * tags, which Grafana draws as annotations, `/events/ID` gives one. Source: graphite-web's events, "Graphite events".
 */

import { Malformed } from '../base/faults.js';
import { eventNote, eventsWithin, type GraphiteEvent, parseEvent, recordOfEvent, wordsOf } from '../query/events.js';
import { parseWhen } from '../query/when.js';
import { identityOf, storeIsBehind, unpacked } from './ingest-body.js';
import { type Answer, HttpFault, json, padded, type Route, type WebRequest } from './route.js';
import type { RecordStore, Services } from './services.js';

export const eventRoutes: readonly Route[] = [
  { methods: ['POST'], path: '/events', access: 'write', streamsBody: true, handle: put },
  { methods: ['GET'], path: '/events', access: 'read', handle: list },
  { methods: ['GET', 'POST'], path: '/events/get_data', access: 'read', handle: list },
  { methods: ['GET'], path: '/events/:id', access: 'read', handle: one },
];

async function put(request: WebRequest, services: Services): Promise<Answer> {
  const { records, intake, ledger } = services;
  const account = ledger.account('http');
  const identity = identityOf(request);
  if (intake.overloaded) {
    request.message.resume();
    throw storeIsBehind();
  }
  const nowSeconds = Math.floor(services.now() / 1000);
  let event: Omit<GraphiteEvent, 'id'>;
  try {
    event = parseEvent(unpacked(await request.body()).toString('utf8'), nowSeconds);
  } catch (error) {
    if (error instanceof Malformed && !(error instanceof HttpFault)) account.reject('event');
    throw error;
  }
  // Numbers are given one after another.
  const turn = (turns.get(records) ?? Promise.resolve()).then(async () => {
    const id = (await lastNumber(records)) + 1;
    const notes = [{ name: eventNote, value: Buffer.from(String(id)) }];
    await records.commit({ nowSeconds, identity, records: [recordOfEvent({ id, ...event })], notes });
  });
  turns.set(
    records,
    turn.catch(() => {}),
  );
  await turn;
  account.accepted++;
  return { type: 'text/html; charset=utf-8', body: '' };
}

const turns = new WeakMap<RecordStore, Promise<void>>();

async function lastNumber(records: RecordStore): Promise<number> {
  for await (const { name, value } of records.scan('note', { prefix: eventNote }))
    if (name === eventNote) return Number(Buffer.from(value).toString());
  return 0;
}

async function list({ parameters }: WebRequest, services: Services): Promise<Answer> {
  const now = Math.floor(services.now() / 1000);
  const timeZone = parameters.get('tz') || 'UTC';
  const when = (name: string, otherwise: number): number => {
    const text = parameters.get(name);
    return text === null || text === '' ? otherwise : parseWhen(text, now, timeZone);
  };
  const tags = parameters.get('tags');
  const events = await eventsWithin(services.records, {
    from: when('from', 0),
    until: when('until', now),
    tags: tags === null ? undefined : wordsOf(tags),
    isUnion: parameters.get('set') === 'union',
  });
  return padded(JSON.stringify(events.map(shown)), parameters);
}

async function one({ route }: WebRequest, services: Services): Promise<Answer> {
  const events = await eventsWithin(services.records, { from: 0, until: Number.MAX_SAFE_INTEGER });
  const found = events.find(({ id }) => String(id) === route.id);
  if (found === undefined) throw new HttpFault(404, 'Event matching query does not exist');
  return json(shown(found));
}

// In Graphite's order of fields.
function shown({ when, what, data, tags, id }: GraphiteEvent): unknown {
  return { when, what, data, tags, id };
}
