/**
 * Graphite's events (a deployment, an alarm): what happened, its tags, when, and a text. They are records of one table, in order of time, so that a range of them is
 * one piece of the store; `weir take` reads them too, and they expire as records do. Ranges are `[from, until]`, both ends, as Graphite has it. A tag is matched whole.
 *
 *   table graphite-events, partition events, row TIME-ID      TIME: epoch seconds in 10 digits      ID: 10 digits, counted up from 1
 *
 * Source: graphite-web's events (behaviour).
 */

import { Malformed, Refused } from '../base/faults.js';
import type { Ranges, RecordPut, Rows } from '../keep/store.js';

export const eventTable = 'graphite-events';
export const eventPartition = 'events';
/** The note that holds the last number given. */
export const eventNote = 'graphite-events-last';
const eventsMax = 100_000;
const textMax = 65_536;
const whenMax = 9_999_999_999;

export interface GraphiteEvent {
  readonly id: number;
  /** Epoch seconds. */
  readonly when: number;
  readonly what: string;
  readonly data: string;
  readonly tags: readonly string[];
}

export interface EventQuery {
  readonly from: number;
  readonly until: number;
  /** Undefined: whatever their tags. */
  readonly tags?: readonly string[] | undefined;
  /** One of the tags is enough; else all of them. */
  readonly isUnion?: boolean;
}

export interface EventSource {
  readonly scan: (kind: 'record', range: Ranges['record']) => AsyncIterable<Rows['record']>;
}

/** Events of a range, in order of time. Throws Refused when there are too many. */
export async function eventsWithin(source: EventSource, { from, until, tags, isUnion = false }: EventQuery): Promise<GraphiteEvent[]> {
  const found: GraphiteEvent[] = [];
  if (until < 0 || until < from) return found;
  const range = { table: eventTable, partition: eventPartition, fromRow: timeText(from), untilRow: timeText(until + 1) };
  for await (const { rows } of source.scan('record', range)) {
    for (const { row, value } of rows) {
      const event = eventOf(row, value);
      if (event === undefined || !matches(event, tags, isUnion)) continue;
      found.push(event);
      if (found.length > eventsMax) throw new Refused(`there are more than ${eventsMax} events (expected a shorter range)`);
    }
  }
  return found;
}

/** An event as it is sent: `what`, `tags` (a list, or words), `when` (now), `data`. Throws Malformed. */
export function parseEvent(text: string, nowSeconds: number): Omit<GraphiteEvent, 'id'> {
  let given: unknown;
  try {
    given = JSON.parse(text);
  } catch {
    throw new Malformed('the event is no JSON');
  }
  if (typeof given !== 'object' || given === null || Array.isArray(given)) throw new Malformed('the event is no object');
  const { what, tags = '', when = nowSeconds, data = '' } = given as Readonly<Record<string, unknown>>;
  if (typeof what !== 'string' || what === '' || what.length > textMax) throw new Malformed("'what' is no text (expected what happened)");
  if (typeof data !== 'string' || data.length > textMax) throw new Malformed(`'data' is no text of at most ${textMax} characters`);
  if (typeof when !== 'number' || !(when >= 0 && when <= whenMax)) throw new Malformed("'when' is no time (expected epoch seconds)");
  const words = tags === null ? '' : Array.isArray(tags) ? tags.join(' ') : tags;
  if (typeof words !== 'string' || words.length > textMax) throw new Malformed('"tags" must be an array or space-separated string');
  return { what, data, when: Math.floor(when), tags: wordsOf(words) };
}

/** The words of a text of tags. */
export function wordsOf(text: string): string[] {
  return text.split(/\s+/).filter((word) => word !== '');
}

/** The record that an event is kept as. */
export function recordOfEvent({ id, when, what, data, tags }: GraphiteEvent): RecordPut {
  const row = `${timeText(when)}-${String(id).padStart(10, '0')}`;
  return { table: eventTable, partition: eventPartition, row, value: JSON.stringify({ what, data, tags }) };
}

function timeText(seconds: number): string {
  return String(Math.min(whenMax, Math.max(0, Math.ceil(seconds)))).padStart(10, '0');
}

// Undefined for a record that somebody else put there.
function eventOf(row: string, value: string): GraphiteEvent | undefined {
  const found = /^(\d{10})-(\d{10})$/.exec(row);
  if (found === null) return undefined;
  const { what, data, tags } = JSON.parse(value) as Partial<GraphiteEvent>;
  if (what === undefined || data === undefined || !Array.isArray(tags)) return undefined;
  return { id: Number(found[2]), when: Number(found[1]), what, data, tags };
}

function matches({ tags }: GraphiteEvent, wanted: readonly string[] | undefined, isUnion: boolean): boolean {
  if (wanted === undefined) return true;
  return isUnion ? wanted.some((tag) => tags.includes(tag)) : wanted.every((tag) => tags.includes(tag));
}
