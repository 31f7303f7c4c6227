/**
 * Requests as the real Graphite answered them on the same Whisper files: `/render` with the functions that are there, `/metrics/find`, `/metrics/expand`,
 * `/metrics/index.json`. The files are loaded as `weir load` loads them; targets, times and values are compared.
 */

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { HitJournal } from '../keep/hit-journal.js';
import { openMemoryStore } from '../keep/memory.js';
import { functionByName } from '../query/functions.js';
import { parseTarget, pathsOf, type TargetNode } from '../query/target.js';
import { readConfiguration } from './configuration.js';
import { Daemon } from './daemon.js';
import { openMetrics } from './open-metrics.js';

interface Case {
  id: string;
  path: string;
  params: Record<string, string | string[]>;
  status: number;
  json?: unknown;
  text?: string;
}
interface Rendered {
  target: string;
  tags?: Record<string, string>;
  datapoints: [number | null, number][];
}

const golden = ['../shared/data/graphite-render', 'test/data/graphite-render'].find((path) => existsSync(path));

test('requests as the real Graphite answers them', { skip: golden === undefined && 'no goldens here' }, async () => {
  const { now, cases } = JSON.parse(readFileSync(`${golden}/cases.json`, 'utf8')) as { now: number; cases: Case[] };
  const folder = mkdtempSync(join(tmpdir(), 'weir-render-'));
  const clock = (): number => now * 1000;
  const words = ['bin/weir', 'load', `${golden}/whisper`, '--data', folder, '--now', String(now)];
  const loaded = spawnSync(process.execPath, words, { encoding: 'utf8', timeout: 60_000 });
  assert.equal(loaded.status, 0, loaded.stderr);
  const configuration = readConfiguration('');
  const hits = await new HitJournal({ folder: join(folder, 'hits'), specs: [], now: clock }).open();
  const daemon = new Daemon({
    configuration,
    environment: {},
    hits,
    records: await openMemoryStore({ ladderOf: () => [] }),
    flows: { folder, program: '', totals: () => ({ rows: 0, blocks: 0, bytes: 0 }) },
    metrics: await openMetrics({ folder, configuration: () => configuration, now: clock }),
    ports: new Map([['all', 0]]),
    only: ['http'],
    now: clock,
    version: 'test',
  });
  const ready = await daemon.start();
  const url = `http://${/http=(\S+)/.exec(ready)?.[1]}`;
  const failures: string[] = [];
  let compared = 0;
  try {
    for (const one of cases) {
      if (!served(one)) continue;
      compared++;
      try {
        await compare(url, one);
      } catch (error) {
        failures.push(`${one.id} ${String(one.params.target)}: ${error instanceof Error ? error.message : String(error)}`);
      }
    }
  } finally {
    await daemon.stop();
    rmSync(folder, { recursive: true, force: true });
  }
  assert.deepEqual(failures, []);
  assert.ok(compared >= 130, `${compared} of ${cases.length} requests were compared`);
});

function served({ path, params }: Case): boolean {
  if (path !== '/render') return true;
  if (!['json', 'csv', 'raw', 'dygraph', 'rickshaw'].includes(String(params.format))) return false;
  return [params.target ?? []].flat().every((target) => {
    try {
      const node = parseTarget(target);
      return (
        pathsOf(node).length >= 0 &&
        callsOf(node).every((name) => name === 'template' || name === 'randomNotAFunction' || functionByName(name) !== undefined)
      );
    } catch {
      return true;
    }
  });
}

function callsOf(node: TargetNode): string[] {
  return node.kind === 'call' ? [node.name, ...[...node.positional, ...node.named.values()].flatMap(callsOf)] : [];
}

async function compare(url: string, one: Case): Promise<void> {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(one.params)) for (const each of [value].flat()) query.append(name, each);
  const response = await fetch(`${url}${one.path}?${query}`);
  const text = await response.text();
  // Where Graphite fails, or lets an unclosed bracket pass, a 4xx with a message is right.
  if (one.status >= 400 || one.id === 'a089') {
    assert.ok(response.status >= 400 && response.status < 500, `${response.status} ${text.slice(0, 100)}`);
    return;
  }
  assert.equal(response.status, one.status, text.slice(0, 200));
  // Graphite's cut loses the first slots of a sum; Weir's sum is that of all slots.
  if (one.id === 'a052') {
    const sumOf = (points: Rendered['datapoints']): number => points.reduce((sum, [value]) => sum + (value ?? 0), 0);
    const whole = (await (
      await fetch(`${url}/render?${new URLSearchParams([...query].filter(([name]) => name !== 'maxDataPoints'))}`)
    ).json()) as Rendered[];
    const shown = (JSON.parse(text) as Rendered[])[0]?.datapoints ?? [];
    assert.equal(sumOf(shown), sumOf(whole[0]?.datapoints ?? []));
    assert.ok(shown.length <= Number(one.params.maxDataPoints));
    return;
  }
  if (one.params.format === 'dygraph' || one.params.format === 'rickshaw') assert.deepEqual(JSON.parse(text), one.json);
  else if (one.text !== undefined) assert.equal(text.replaceAll(/(\d)\.0\b/g, '$1'), one.text.replaceAll(/(\d)\.0\b/g, '$1'));
  else if (one.path === '/render') compareSeries(JSON.parse(text) as Rendered[], one.json as Rendered[]);
  else assert.deepEqual(JSON.parse(text), one.json);
}

function compareSeries(actual: Rendered[], expected: Rendered[]): void {
  assert.deepEqual(
    actual.map((series) => series.target),
    expected.map((series) => series.target),
  );
  expected.forEach((wanted, index) => {
    const got = actual[index] as Rendered;
    if (wanted.tags !== undefined) assert.deepEqual(got.tags, wanted.tags);
    assert.deepEqual(
      got.datapoints.map(([, time]) => time),
      wanted.datapoints.map(([, time]) => time),
    );
    wanted.datapoints.forEach(([value, time], point) => {
      const shown = got.datapoints[point]?.[0] ?? null;
      const close = value === null || shown === null ? value === shown : Math.abs(value - shown) <= 1e-6 * Math.max(1, Math.abs(value));
      assert.ok(close, `${wanted.target} at ${time}: ${shown}, not ${value}`);
    });
  });
}
