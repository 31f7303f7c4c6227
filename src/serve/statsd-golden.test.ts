/**
 * The whole way of a StatsD packet: what etsy's server flushed to Graphite for it, line by line, against what Weir serves for the same slot. The
 * goldens' flush interval is the finest step here; the clock is moved by hand.
 */

import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { HitJournal } from '../keep/hit-journal.js';
import { openMemoryStore } from '../keep/memory.js';
import type { TargetContext } from '../query/function.js';
import { readConfiguration } from './configuration.js';
import { Daemon } from './daemon.js';
import { memoryMetrics } from './memory-metrics.js';
import { statsdDatagrams } from './statsd-session.js';

interface GoldenFile {
  config: {
    flushInterval: number;
    percentThreshold: number[];
    deleteIdleStats?: boolean;
    histogram?: { metric: string; bins: (number | string)[] }[];
    graphite: Record<string, string | boolean>;
  };
  cases: { id: string; what: string; flushes: { packets: string[]; graphiteLines: string[] }[] }[];
}

const goldens = ['../shared/data/statsd', 'test/data/statsd'].find((path) => existsSync(path));

for (const file of ['statsd-config0.json', 'statsd-config1.json']) {
  test(`${file}: served names and figures are those that etsy's server sends`, {
    skip: goldens === undefined && 'no goldens here',
  }, async () => {
    const golden = JSON.parse(readFileSync(`${goldens}/${file}`, 'utf8')) as GoldenFile;
    const { graphite, percentThreshold, deleteIdleStats, histogram = [] } = golden.config;
    const keys = Object.entries(graphite).map(([key, value]) => `${key} = ${JSON.stringify(value)}`);
    const source = [
      '[statsd]',
      ...keys,
      `percentThreshold = ${JSON.stringify(percentThreshold)}`,
      `deleteIdleStats = ${deleteIdleStats === true}`,
      `histogram = [${histogram.map(({ metric, bins }) => `{ metric = "${metric}", bins = ${JSON.stringify(bins)} }`).join(', ')}]`,
    ];
    const step = golden.config.flushInterval / 1000;
    let nowSeconds = 1_700_000_000;
    const folder = mkdtempSync(join(tmpdir(), 'weir-statsd-'));
    const hits = await new HitJournal({ folder, specs: [], now: () => nowSeconds * 1000 }).open();
    const daemon = new Daemon({
      configuration: readConfiguration(source.join('\n')),
      environment: {},
      hits,
      records: await openMemoryStore({ ladderOf: () => [] }),
      flows: { folder, program: '', totals: () => ({ rows: 0, blocks: 0, bytes: 0 }) },
      metrics: memoryMetrics([{ stepSeconds: step, keepSeconds: 86_400 }]),
      ports: new Map(),
      only: undefined,
      now: () => nowSeconds * 1000,
      version: 'test',
    });
    const { intake, ledger, reader, names } = daemon.services;
    const session = statsdDatagrams(daemon.services, ledger.account('statsd'));
    for (const { id, flushes } of golden.cases) {
      for (const { packets, graphiteLines } of flushes) {
        nowSeconds += step;
        intake.nowSeconds = nowSeconds;
        for (const packet of packets) session.take(Buffer.from(packet));
        await intake.flush();
        const wanted = new Map(graphiteLines.map((line) => line.split(' ').slice(0, 2) as [string, string]));
        const slot = nowSeconds - (nowSeconds % step);
        const context: TargetContext = {
          from: slot - 1,
          until: slot,
          now: nowSeconds,
          timeZone: 'UTC',
          maxDataPoints: undefined,
          fetch: async () => [],
          template: {},
          budget: { calls: 1 },
        };
        const shown = new Map<string, number>();
        for (const name of names.names()) {
          if (!name.split('.').some((node) => node === id || node.startsWith(`${id}_`))) continue;
          const read = await reader.read(name, context, {});
          const value = read?.series.values[0] ?? Number.NaN;
          if (!Number.isNaN(value)) shown.set(name, value);
        }
        for (const [name, value] of wanted) {
          const actual = shown.get(name);
          assert.ok(actual !== undefined, `${id}: ${name} is not served (expected ${value})`);
          assert.ok(
            Math.abs(actual - Number(value)) <= 1e-9 * Math.max(1, Math.abs(Number(value))),
            `${id}: ${name} is ${actual}, not ${value}`,
          );
        }
        for (const name of shown.keys())
          assert.ok(wanted.has(name), `${id}: ${name} = ${shown.get(name)} is served, etsy's server sends nothing`);
      }
    }
    await hits.close();
    rmSync(folder, { recursive: true, force: true });
  });
}
