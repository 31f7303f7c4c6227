import { deepEqual, equal, ok } from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { clearHit, emptyHit } from '../base/hit.js';
import { openMixedReader } from '../collect/log-formats.js';
import { LineCutter } from '../collect/log-lines.js';
import type { HitCounter, PeriodCounts } from '../fold/hit-counter.js';
import { parseKeySpecs } from '../fold/hit-keys.js';
import { ZoneCalendar } from '../fold/period.js';
import { hitCounterOfQuarters } from '../keep/hit-batch.js';
import { HitScan } from './hit-scan.js';

const nowMs = Date.UTC(2026, 9, 20, 12);
const untilMs = nowMs + 86_400_000;
const specs = parseKeySpecs('url,keyword,host,status,agent,host+agent');
const { localOffsetMs } = new ZoneCalendar('Europe/Berlin');
const scan = new HitScan();

interface Counted {
  readonly slots: string[];
  readonly accepted: number;
  readonly rejected: Record<string, number>;
}

// Counts a body as it comes, by the kernel or by the reader alone.
function count(body: Buffer, withKernel: boolean): Counted & { readonly byKernel: number } {
  const reader = openMixedReader({ nowMs, localOffsetMs });
  const counter: HitCounter = hitCounterOfQuarters(specs, 64 << 20);
  const hit = emptyHit();
  const rejected: Record<string, number> = {};
  let accepted = 0;
  const refuse = (cause: string): void => {
    rejected[cause] = (rejected[cause] ?? 0) + 1;
  };
  const take = (line: string): void => {
    clearHit(hit);
    const cause = reader.parse(line, hit);
    if (cause === 'blank') return;
    if (cause !== '') refuse(cause);
    else if (hit.timeMs > untilMs) refuse('future');
    else {
      counter.add(hit);
      accepted += 1;
    }
  };
  let byKernel = 0;
  if (withKernel) byKernel = scan.count(body, { reader, localOffsetMs, counter, untilMs, take, tooLong: () => refuse('too-long') }) ?? 0;
  else {
    const cutter = new LineCutter();
    cutter.push(body, take, () => refuse('too-long'));
    cutter.end(take);
  }
  const slots = [...counter.periods.values()].sort((one, two) => one.period.startMs - two.period.startMs).map(canonical);
  return { slots, accepted: accepted + byKernel, rejected, byKernel };
}

// All that a slot says, its keys in order.
function canonical({ period, counts }: PeriodCounts): string {
  const { requests, bytes, statusClasses, served, tallies } = counts;
  const times = [...served].sort(([one], [two]) => one - two);
  const keys = [...tallies].map(([name, tally]) => [name, [...tally.keys].map(([key, { count: held }]) => `${key} ${held}`).sort()]);
  return JSON.stringify([period.label, requests, bytes, statusClasses, times, keys]);
}

const pick = (...values: string[]): fc.Arbitrary<string> => fc.constantFrom(...values);
const combined = fc
  .tuple(
    pick('10.0.0.1', '10.0.0.2', '<x>', '{y}'),
    pick('20/Oct/2026:10:00:00 +0000', '20/Oct/2026:10:16:00 +0000', '22/Oct/2026:10:00:00 +0000'),
    pick('/', '/a?q=x+y', '/b'),
  )
  .map(([host, time, url]) => `${host} - - [${time}] "GET ${url} HTTP/1.1" 200 12 "-" "curl"`);
const json = fc
  .tuple(
    pick('"2026-10-20T10:00:00"', '"2026-10-20T10:00:00.5Z"', '1792490400', '1892490400', '"x"'),
    pick('/', '/a?q=x', '\\u00e9', '/\\"'),
    pick('1.5', '"2"', '-1'),
  )
  .map(([time, url, ms]) => `{"time":${time},"url":"${url}","ms":${ms},"host":"10.0.0.3","agent":"node","status":204}`);
const line = fc.oneof(
  combined,
  json,
  fc.oneof(combined, json).map((text) => `<190>Oct 20 10:00:00 web nginx: ${text}`),
  combined.map((text) => `www.example.com ${text}`),
  pick(
    ...['', '  ', 'started', '<13>started', '{"a":1}', '{', '[]'],
    '10.0.0.1:53332 [20/Oct/2026:10:19:48.143] web~ servers/s1 0/0/7/1457/1487 200 11394 - - ---- 2/1/0/0/0 0/0 "GET /x HTTP/1.1"',
  ),
);

test('a body counts by the kernel as it does line by line', () => {
  let byKernel = 0;
  fc.assert(
    fc.property(fc.array(line, { maxLength: 40 }), pick('\n', '\r\n'), fc.boolean(), (lines, newline, last) => {
      const body = Buffer.from(lines.join(newline) + (last ? newline : ''), 'latin1');
      const { byKernel: counted, ...kernel } = count(body, true);
      const { byKernel: none, ...reference } = count(body, false);
      equal(none, 0);
      deepEqual(kernel, reference);
      byKernel += counted;
    }),
    { seed: 920, numRuns: 120 },
  );
  ok(byKernel > 60, `only ${byKernel} lines went through the kernel`);
});

test('a body of several pieces, lines of 1 MB and lines too long', () => {
  const of = (url: string): string => `10.0.0.1 - - [20/Oct/2026:10:00:00 +0000] "GET ${url} HTTP/1.1" 200 12 "-" "curl"\n`;
  const many = Array.from({ length: 30_000 }, (_, index) => of(`/${index % 50}`)).join('');
  const body = Buffer.from(many + of(`/${'x'.repeat(1_000_000)}`) + of(`/${'y'.repeat(3_000_000)}`) + of('/last').trimEnd(), 'latin1');
  const { byKernel, ...kernel } = count(body, true);
  const { byKernel: none, ...reference } = count(body, false);
  equal(none, 0);
  deepEqual(kernel, reference);
  equal(kernel.accepted, 30_002);
  deepEqual(kernel.rejected, { 'too-long': 1 });
  ok(byKernel >= 30_001);
});
