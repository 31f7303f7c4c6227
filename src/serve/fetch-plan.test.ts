// A plan names every series and range before anything is read, reads each once, refuses early, and changes no answer.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Refused } from '../base/faults.js';
import { evaluateTarget } from '../query/evaluate.js';
import type { TargetContext } from '../query/function.js';
import { NameTree } from '../query/name-tree.js';
import { defaultConfiguration } from './configuration.js';
import { FetchPlan } from './fetch-plan.js';
import { Intake } from './intake.js';
import { Ledger } from './ledger.js';
import { memoryMetrics } from './memory-metrics.js';
import { MetricReader } from './metric-reader.js';

const now = 1_700_000_000;

async function daemonOf(limits = defaultConfiguration.limits) {
  const held = memoryMetrics();
  const read: string[] = [];
  const store = {
    ...held,
    read: async (...words: Parameters<typeof held.read>) => {
      read.push(`${words[0]} ${words[1] - now} ${words[2] - now}`);
      return await held.read(...words);
    },
  };
  const names = new NameTree();
  const configuration = () => ({ ...defaultConfiguration, limits });
  const reader = new MetricReader({ store, names, intake: () => intake, configuration });
  const options = { store, ledger: new Ledger(() => now * 1000), configuration, now: () => now * 1000 };
  const intake: Intake = new Intake({ ...options, series: (name) => reader.announce(name) });
  for (const name of ['a.one', 'a.two', 'b.one'])
    for (let at = now - 1200; at < now; at += 10) intake.add(intake.seriesOf(name), at, name.length + (at % 7));
  await intake.flush();
  const plan = new FetchPlan({ reader, limits: () => limits });
  const context: TargetContext = {
    ...{ from: now - 300, until: now, now, timeZone: 'UTC', maxDataPoints: undefined, template: {}, budget: { calls: 1000 } },
    fetch: plan.fetch,
    fetchTagged: plan.fetchTagged,
  };
  return { plan, context, read };
}

const looksBack = ['sumSeries(a.*)', 'a.one', 'movingAverage(a.one,"5min")', 'timeShift(b.one,"10min")', 'movingSum(b.*,6)'];

test('what functions look back for is part of the plan; each series is read once a range, and no answer changes', async () => {
  const { plan, context, read } = await daemonOf();
  await plan.prepare(looksBack, context);
  const planned = [...read];
  assert.deepEqual(planned, [...['a.one -300 0', 'a.two -300 0', 'b.one -300 0'], ...['a.one -600 0', 'b.one -900 -600', 'b.one -360 0']]);
  for (const target of looksBack) {
    const alone = await daemonOf();
    assert.deepEqual(
      (await evaluateTarget(target, context)).map(({ name, start, end, values }) => ({ name, start, end, values })),
      (await evaluateTarget(target, alone.context)).map(({ name, start, end, values }) => ({ name, start, end, values })),
    );
  }
  assert.deepEqual(read, planned, 'nothing is read twice');
});

test('what a function names only when it has seen values is read then; a target that fails, fails as without a plan', async () => {
  const { plan, context, read } = await daemonOf();
  const target = 'useSeriesAbove(a.one,0,"a","b")';
  await plan.prepare([target, 'nonsense(a.one)', 'alias(a.one'], context);
  assert.deepEqual(read, ['a.one -300 0']);
  assert.deepEqual(
    (await evaluateTarget(target, context)).map(({ name }) => name),
    ['b.one'],
  );
  assert.deepEqual(read, ['a.one -300 0', 'b.one -300 0']);
  await assert.rejects(async () => await evaluateTarget('nonsense(a.one)', context), /nonsense/);
});

test('limits refuse a request before anything is read', async () => {
  for (const limits of [
    { ...defaultConfiguration.limits, requestSeries: 2 },
    { ...defaultConfiguration.limits, points: 60 },
  ]) {
    const { plan, context, read } = await daemonOf(limits);
    await assert.rejects(async () => await plan.prepare(['a.one', 'sumSeries(*.*)'], context), Refused);
    assert.deepEqual(read, []);
  }
});
