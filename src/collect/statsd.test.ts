/** The StatsD grammar against what etsy's server, gostatsd, veneur and telegraf make of the same lines, each under its own dialect. */

import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import fc from 'fast-check';
import { type MetricKind, metric, parseStatsd, statsdDialects } from './statsd.js';

interface Seen {
  name: string;
  kind: MetricKind;
  value: number | string;
  rate: number;
  tags: string[];
}

function read(text: string, dialectName: string): { seen: Seen[]; rejects: string[]; events: number; lines: number } {
  const dialect = statsdDialects[dialectName];
  assert.ok(dialect);
  const bytes = Buffer.from(text);
  const seen: Seen[] = [];
  const rejects: string[] = [];
  let events = 0;
  const tagsOf = (start: number, end: number): string[] =>
    bytes
      .toString('utf8', start, end)
      .split(',')
      .filter((tag) => tag !== '');
  const lines = parseStatsd(bytes, 0, bytes.length, dialect, {
    number: (kind, start, end, value, rate, line) =>
      seen.push({ name: bytes.toString('utf8', start, end), kind, value, rate, tags: tagsOf(line.tagStart, line.tagEnd) }),
    member: (start, end, member, line) =>
      seen.push({
        name: bytes.toString('utf8', start, end),
        kind: metric.set,
        value: member,
        rate: 1,
        tags: tagsOf(line.tagStart, line.tagEnd),
      }),
    event: () => events++,
    reject: (cause) => rejects.push(cause),
  });
  return { seen, rejects, events, lines };
}

const folder = ['../shared/data/statsd', 'test/data/statsd'].find((path) => existsSync(path));
const load = (name: string): unknown => JSON.parse(readFileSync(`${folder}/${name}`, 'utf8'));

interface EtsyFile {
  cases: {
    id: string;
    flushes: { packets: string[]; expected: { badLines: number; metricsReceived: number; counters?: object; timers?: object } }[];
  }[];
}

test('etsy: bad lines and metrics received as the real server counts them', {
  skip: folder === undefined && 'no golden lines here',
}, () => {
  for (const file of ['statsd-config0.json', 'statsd-config1.json']) {
    for (const { id, flushes } of (load(file) as EtsyFile).cases) {
      for (const flush of flushes) {
        const results = flush.packets.map((packet) => read(packet, 'etsy'));
        const bad = results.reduce((sum, result) => sum + result.rejects.length, 0);
        assert.equal(bad, flush.expected.badLines, `${id}: bad lines`);
        assert.equal(
          results.reduce((sum, result) => sum + result.lines, 0),
          flush.expected.metricsReceived,
          `${id}: metrics received`,
        );
      }
    }
  }
});

const kinds: Record<string, MetricKind> = { COUNTER: metric.counter, GAUGE: metric.gauge, TIMER: metric.timer, SET: metric.set };

test('gostatsd lines', { skip: folder === undefined && 'no golden lines here' }, () => {
  type Row = {
    test: string;
    line: string;
    expect:
      | 'error'
      | { Name?: string; Values?: number[]; StringValue?: string; Type: string; Rate: number; Tags?: string[]; Title?: string };
  };
  for (const { line, expect } of load('gostatsd-lines.json') as Row[]) {
    const { seen, rejects, events } = read(line, 'gostatsd');
    if (expect === 'error') assert.equal(rejects.length, 1, line);
    else if (expect.Title !== undefined) assert.deepEqual([events, rejects.length], [1, 0], line);
    else {
      assert.deepEqual(rejects, [], line);
      const values = expect.StringValue !== undefined ? [expect.StringValue] : (expect.Values ?? []);
      assert.deepEqual(
        seen.map((one) => one.value),
        values,
        line,
      );
      for (const one of seen) {
        assert.equal(one.rate, expect.Rate, line);
        assert.deepEqual(one.tags, expect.Tags ?? [], line);
        const wanted = kinds[expect.Type];
        assert.ok(one.kind === wanted || (expect.Type === 'TIMER' && one.kind >= metric.timer && one.kind < metric.set), line);
      }
    }
  }
});

test('veneur lines', { skip: folder === undefined && 'no golden lines here' }, () => {
  type Row = { line: string; expect: 'error' | { value?: number | string; values?: number[] } };
  for (const { line, expect } of load('veneur-lines.json') as Row[]) {
    const { seen, rejects } = read(line, 'veneur');
    if (expect === 'error') assert.equal(rejects.length, 1, line);
    else
      assert.deepEqual(
        seen.map((one) => one.value),
        expect.values ?? [expect.value],
        line,
      );
  }
});

test('telegraf lines', { skip: folder === undefined && 'no golden lines here' }, () => {
  const groups = load('telegraf-lines.json') as Record<string, { lines: string[]; expected: unknown }>;
  for (const [name, group] of Object.entries(groups)) {
    const { rejects, seen } = read(group.lines.join('\n'), 'telegraf');
    assert.equal(rejects.length, typeof group.expected === 'string' ? group.lines.length : 0, name);
    if (name === 'TestParse_InvalidLines') assert.equal(seen.length, 0);
  }
});

test('any bytes: no throw, every line is a metric, an event or a reject', () => {
  const alphabet = fc.constantFrom(
    'a',
    '.',
    ':',
    '|',
    'c',
    'ms',
    'g',
    's',
    '1',
    '-',
    '+',
    '@',
    '#',
    ',',
    '\n',
    '\r',
    '0.5',
    '_e{1,1}',
    '\u00e9',
    'T',
    'x',
  );
  fc.assert(
    fc.property(fc.array(alphabet, { maxLength: 40 }), fc.constantFrom(...Object.keys(statsdDialects)), (parts, dialect) => {
      const { seen, rejects, events, lines } = read(parts.join(''), dialect);
      assert.ok(lines === 0 || seen.length + rejects.length + events >= 0);
      for (const one of seen) assert.ok(typeof one.value === 'string' || Number.isFinite(one.value));
      for (const one of seen) assert.ok(one.rate > 0);
    }),
    { seed: 7, numRuns: 2000 },
  );
});
