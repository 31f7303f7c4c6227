// Carbon's own files read as they are: each metric of the golden gets the archives and the method that carbon gives it. What cannot be is refused with its line.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { Malformed } from '../base/faults.js';
import { ladderFor, parseRetentions, readAggregation, readSchemas, showingFor } from './ladder.js';

interface Case {
  readonly metric: string;
  readonly archives: readonly (readonly [number, number])[];
  readonly aggregationMethod: string;
  readonly xFilesFactor: number;
}

const golden = (name: string): string => readFileSync(new URL(`../../test/data/graphite-ingest/${name}`, import.meta.url), 'utf8');

test('storage-schemas.conf and storage-aggregation.conf match as carbon matches them', () => {
  const schemas = readSchemas(golden('storage-schemas.conf'));
  const aggregation = readAggregation(golden('storage-aggregation.conf'));
  const { cases } = JSON.parse(golden('storage-expected.json')) as { cases: readonly Case[] };
  assert.ok(cases.length >= 15);
  for (const { metric, archives, aggregationMethod, xFilesFactor } of cases) {
    const expected = archives.map(([stepSeconds, points]) => ({ stepSeconds, keepSeconds: stepSeconds * points }));
    assert.deepEqual(ladderFor(schemas, metric), expected, metric);
    const { method, xFilesFactor: factor } = showingFor(aggregation, metric);
    assert.deepEqual([method, factor], [aggregationMethod, xFilesFactor], metric);
  }
});

test('retentions: units, points, and what they must not be', () => {
  const place = { file: 'storage-schemas.conf', line: 3 };
  assert.deepEqual(parseRetentions('10s:6h, 1m:7d,1h:5y', place), [
    { stepSeconds: 10, keepSeconds: 21_600 },
    { stepSeconds: 60, keepSeconds: 604_800 },
    { stepSeconds: 3600, keepSeconds: 157_680_000 },
  ]);
  assert.deepEqual(parseRetentions('60:1440', place), [{ stepSeconds: 60, keepSeconds: 86_400 }]);
  for (const bad of ['', '10s', '10s:', '0:5', '10s:6x', '1m:6h,10s:7d', '10s:1d,15s:2d', '10s:1d,60s:1h', '10s:6h:2'])
    assert.throws(() => parseRetentions(bad, place), Malformed, bad);
});

test('a section that lacks its pattern, or cannot be read, is refused with its line', () => {
  const refused = (line: RegExp) => (error: unknown) => error instanceof Malformed && line.test(error.line);
  assert.throws(() => readSchemas('[a]\nretentions = 10s:6h\n', 'x.conf'), refused(/^x\.conf:1: /));
  assert.throws(() => readSchemas('[a]\npattern = (\nretentions = 10s:6h\n', 'x.conf'), refused(/^x\.conf:\d: /));
  assert.throws(() => readAggregation('[a]\npattern = .\naggregationMethod = most\n', 'y.conf'), refused(/^y\.conf:\d: /));
  assert.throws(() => readAggregation('[a]\npattern = .\nxFilesFactor = 2\n', 'y.conf'), refused(/^y\.conf:\d: /));
});
