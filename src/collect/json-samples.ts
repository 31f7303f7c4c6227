/**
 * Samples as JSON: lines or one array of objects. One that cannot be read is rejected by cause, and its neighbours are kept.
 *
 *   {"name": "a.b", "value": 1.5, "time": "2026-11-23T17:40:27Z", "tags": {"rack": "a1"}, "weight": 10}
 *   {"target": "a.b", "datapoints": [[1.5, 1795455627], [null, 1795455637]]}          as /render and `weir query --json` give them
 *
 * `metric` and `target` mean `name`, `timestamp` means `time`: RFC 3339 or a number since the epoch (seconds; by its size milliseconds and finer); without it, now.
 */

import { parseAnyTime } from './log-time.js';

export type SampleCause = 'json' | 'name' | 'value' | 'time' | 'nan' | 'weight' | 'tags';

/** Takes what is found; `seconds` is -1 for the time of arrival. */
export interface SampleSink {
  readonly sample: (name: string, seconds: number, value: number, weight: number) => void;
  readonly reject: (cause: SampleCause) => void;
}

const nameSizeMax = 4096;

/** Reads a text of JSON lines or one array; returns how many samples there were, good and bad. */
export function readJsonSamples(text: string, sink: SampleSink): number {
  let count = 0;
  for (const value of valuesOf(text)) {
    if (isPlain(value) && Array.isArray(value.datapoints)) {
      for (const point of value.datapoints) {
        // An unknown value of an answer is none to take.
        if (Array.isArray(point) && point[0] === null) continue;
        count++;
        if (Array.isArray(point)) takeSample({ ...value, value: point[0], time: point[1] }, sink);
        else sink.reject('value');
      }
      continue;
    }
    count++;
    if (isPlain(value)) takeSample(value, sink);
    else sink.reject('json');
  }
  return count;
}

type Plain = Readonly<Record<string, unknown>>;

function isPlain(value: unknown): value is Plain {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function* valuesOf(text: string): Iterable<unknown> {
  const whole = text.trimStart().startsWith('[') ? parsed(text) : undefined;
  if (Array.isArray(whole)) return yield* whole;
  for (const line of text.split('\n')) if (line.trim() !== '') yield parsed(line);
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function takeSample(from: Plain, sink: SampleSink): void {
  const name = from.name ?? from.metric ?? from.target;
  if (typeof name !== 'string' || name === '' || name.length > nameSizeMax || /[^!-~\u0080-\u{10ffff}]/u.test(name))
    return sink.reject('name');
  const value = typeof from.value === 'string' && from.value.trim() !== '' ? Number(from.value) : from.value;
  if (typeof value !== 'number' || !Number.isFinite(value))
    return sink.reject(Number.isNaN(value) && from.value === 'NaN' ? 'nan' : 'value');
  const time = from.time ?? from.timestamp;
  const seconds = time === undefined || time === null || time === -1 ? -1 : Math.floor(parseAnyTime(time) / 1000);
  if (Number.isNaN(seconds)) return sink.reject('time');
  const weight = from.weight ?? 1;
  if (typeof weight !== 'number' || !(weight > 0) || !Number.isFinite(weight)) return sink.reject('weight');
  const tags = tagsText(from.tags);
  if (tags === undefined) return sink.reject('tags');
  sink.sample(name.includes(';') ? name : name + tags, seconds, value, weight);
}

// Tags as a name carries them; `name` among them is the name itself.
function tagsText(tags: unknown): string | undefined {
  if (tags === undefined || tags === null) return '';
  if (!isPlain(tags)) return undefined;
  let text = '';
  for (const [key, value] of Object.entries(tags)) {
    if (key === 'name') continue;
    if ((typeof value !== 'string' && typeof value !== 'number' && typeof value !== 'boolean') || value === '') return undefined;
    if (!/^[^;=!^~\s]+$/.test(key) || /[;~\s]/.test(String(value))) return undefined;
    text += `;${key}=${value}`;
  }
  return text;
}
