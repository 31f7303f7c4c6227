/**
 * Single calls as graphite-web's own functions answered them: every row of the goldens is a function, its arguments and its result. What a function
 * fetches again (an earlier range) was recorded for none of them, so rows whose result rests on that are named below, each with its reason.
 */

import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { evaluateNode } from './evaluate.js';
import type { TargetContext, Value } from './function.js';
import { functionByName } from './functions.js';
import { NameTree } from './name-tree.js';
import { methodOf, type Series } from './series.js';
import type { CallNode, TargetNode } from './target.js';

interface RecordedSeries {
  name: string;
  start: number;
  end: number;
  step: number;
  values: (number | null)[];
  tags?: Record<string, string>;
  pathExpression?: string;
  consolidationFunc?: string;
  xFilesFactor?: number;
}
type Recorded = { $series: RecordedSeries[] } | string | number | boolean | null | Recorded[];
interface Row {
  function: string;
  args: Recorded[];
  kwargs: Record<string, Recorded>;
  context: { startTime?: number; endTime?: number };
  result?: Recorded;
  error?: string;
  test: string;
}

const golden = ['../shared/data/graphite-functions/cases.json', 'test/data/graphite-functions/cases.json'].find((path) => existsSync(path));

/** Rows whose result cannot be had from what was recorded, with the reason. */
const leftOut: Readonly<Record<string, string>> = {
  '^test_(exponentialMovingAverage|moving[A-Z][a-z]+)_(evaluateTarget|string|integer)':
    'what was fetched before the range was not recorded',
  '^test_holtWinters': 'what was fetched before the range was not recorded',
  '^test_smartSummarize_alignTo': 'the series were not recorded',
  '^test_time(Shift|Stack) ': 'what was fetched for the other ranges was not recorded',
  '^test_transform_null_reference': 'a known 1 becomes -5 there, against what the function is said to do',
  '^test_groupByTags .*no tags': 'the series were not recorded',
  '^test_threshold_label_color': 'an empty range: Graphite answers with a step of 0',
};

test('calls as graphite-web answers them', { skip: golden === undefined && 'no goldens here' }, async () => {
  const rows = JSON.parse(readFileSync(golden as string, 'utf8')) as Row[];
  const failures: string[] = [];
  let compared = 0;
  for (const row of rows) {
    if (Object.keys(leftOut).some((pattern) => new RegExp(pattern).test(`${row.test} ${row.error ?? ''}`))) continue;
    compared++;
    try {
      await compare(row);
    } catch (error) {
      failures.push(`${row.test} ${row.function}: ${error instanceof Error ? error.message.slice(0, 400) : String(error)}`);
    }
  }
  assert.deepEqual(failures, []);
  assert.ok(compared >= 100);
});

async function compare(row: Row): Promise<void> {
  let result: readonly Series[];
  try {
    result = await run(row);
  } catch (error) {
    if (row.error === undefined) throw error;
    return;
  }
  assert.equal(row.error, undefined, `expected ${row.error}`);
  const expected = seriesWithin(row.result as Recorded);
  assert.deepEqual(
    result.map((one) => plainName(one.name)),
    expected.map((one) => plainName(one.name)),
  );
  expected.forEach((wanted, index) => {
    const got = result[index] as Series;
    if (wanted.tags !== undefined) assert.deepEqual(plainTags(got.tags), plainTags(wanted.tags));
    assert.deepEqual([got.start, got.end, got.stepSeconds], [wanted.start, wanted.end, wanted.step], 'start, end, step');
    const shown = Array.from(got.values, (value) => (Number.isNaN(value) ? null : value));
    assert.equal(shown.length, wanted.values.length, `${shown.length} values`);
    wanted.values.forEach((value, slot) => {
      const actual = shown[slot] ?? null;
      const close =
        value === null || actual === null || value === actual
          ? value === actual
          : Math.abs(value - actual) <= 1e-5 * Math.max(1, Math.abs(value));
      assert.ok(close, `${wanted.name}[${slot}]: ${actual}, not ${value}`);
    });
  });
}

// Numbers come as text from a request, as numbers in these calls.
function plainTags(tags: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(tags).map(([name, value]) => [name, value.replace(/^(-?\d+)\.0$/, '$1')]));
}

// These calls were made with whole numbers; a store holds floats, and Graphite shows them as such.
const plainName = (name: string): string => name.replaceAll(/: (-?\d+)\.0\)/g, ': $1)');

async function run(row: Row): Promise<readonly Series[]> {
  const definition = functionByName(row.function);
  if (definition === undefined) throw new Error('no such function');
  const held = seriesWithin(row.args).map(seriesOf);
  const context: TargetContext = {
    from: row.context.startTime ?? 0,
    until: row.context.endTime ?? 0,
    now: 4e9,
    timeZone: 'UTC',
    maxDataPoints: undefined,
    fetch: async (path) => fetchFrom(held, path),
    template: {},
    budget: { calls: 1000 },
  };
  const values = row.args.map(argumentOf);
  const nodes = values.map((value, index) => nodeOf(value, index));
  const named = Object.entries(row.kwargs).map(([name, value], index) => [name, nodeOf(argumentOf(value), values.length + index)] as const);
  const all = [...values, ...Object.values(row.kwargs).map(argumentOf)];
  const node: CallNode = { kind: 'call', name: row.function, positional: nodes, named: new Map(named), column: 1 };
  const replay = async (path: string): Promise<readonly Series[]> => {
    const found = /^#(\d+)$/.exec(path);
    return found === null ? fetchFrom(held, path) : (all[Number(found[1])] as readonly Series[]);
  };
  const result: Value = await evaluateNode(node, { ...context, fetch: replay });
  return result as readonly Series[];
}

function nodeOf(value: Value, index: number): TargetNode {
  if (Array.isArray(value)) return { kind: 'path', path: `#${index}`, column: 1 };
  if (typeof value === 'number') return { kind: 'number', value, text: String(value), column: 1 };
  if (typeof value === 'boolean' || value === null) return { kind: 'constant', value, column: 1 };
  return { kind: 'text', text: String(value), column: 1 };
}

function argumentOf(recorded: Recorded): Value {
  if (recorded === null || typeof recorded !== 'object') return recorded;
  return seriesWithin(recorded).map(seriesOf);
}

function seriesWithin(recorded: Recorded): RecordedSeries[] {
  if (Array.isArray(recorded)) return recorded.flatMap(seriesWithin);
  return recorded !== null && typeof recorded === 'object' ? recorded.$series : [];
}

function seriesOf(recorded: RecordedSeries): Series {
  const { name, start, end, step } = recorded;
  const pairs = name
    .split(';')
    .slice(1)
    .map((pair) => pair.split('=') as [string, string]);
  return {
    name,
    tags: recorded.tags ?? { name: name.split(';')[0] as string, ...Object.fromEntries(pairs) },
    pathExpression: recorded.pathExpression ?? name,
    start,
    end,
    stepSeconds: step,
    values: Float64Array.from(recorded.values, (value) => value ?? Number.NaN),
    method: methodOf(recorded.consolidationFunc ?? 'average') ?? 'average',
    xFilesFactor: recorded.xFilesFactor ?? 0,
  };
}

function fetchFrom(held: readonly Series[], path: string): readonly Series[] {
  const tree = new NameTree();
  for (const one of held) tree.add(one.name);
  const names = new Set(tree.find(path).map((match) => match.path));
  return held.filter((one) => names.has(one.name));
}
