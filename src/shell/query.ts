/**
 * `weir query TARGET`: a Graphite target over the store of a folder, without the daemon, or over a running server. The same reader answers as behind
 * `/render`; the store is opened for reading only.
 */

import { Refused, Usage } from '../base/faults.js';
import { type Answered, answersOf, type Basis, type Rejected } from '../query/answers.js';
import { evaluateTarget } from '../query/evaluate.js';
import { eventsWithin } from '../query/events.js';
import type { TargetContext } from '../query/function.js';
import { NameTree } from '../query/name-tree.js';
import type { Series } from '../query/series.js';
import { FetchPlan } from '../serve/fetch-plan.js';
import { Intake } from '../serve/intake.js';
import { Ledger } from '../serve/ledger.js';
import { MetricReader } from '../serve/metric-reader.js';
import type { Command, Invocation } from './command.js';
import { clockOf, configurationOf, openMetrics } from './metric-store.js';
import { csv, table } from './query-answers.js';
import { printOutages } from './query-outages.js';
import { chartOfQuery, chartWords, drawQuery } from './query-picture.js';
import { planOf, pointsWanted, type QueryPlan, rangeOf, uniform } from './query-plan.js';

export const query: Command = {
  name: 'query',
  summary: 'a Graphite target over the store or a running server',
  usage: 'TARGET [--from T] [--until T] [--json|--csv|--svg FILE|--png FILE]',
  description: `Evaluates a Graphite target (a path with globs and braces, or functions over paths) and prints its points. It reads the
store of --data, beside a running daemon or without one, or asks the server of --url. The range is (from, until], as Graphite's;
with --step and --outages it is [from, until).

percentUnknown(series) is the share of time for which nothing is known, right at every step: hours, days, weeks, months and
years of --tz, of 23 and 25 hours too. --outages lists each stretch of it. Planned maintenance is left out of what it is a share of.`,
  options: [
    { name: 'data', value: 'DIR', help: 'folder of the store (./weir-data)' },
    { name: 'config', value: 'FILE', help: 'configuration (weir.toml in the working folder, if it is there)' },
    { name: 'url', value: 'URL', help: 'asks a running server instead: http://127.0.0.1:8420' },
    { name: 'from', value: 'T', help: "start: Graphite's words, epoch seconds or RFC 3339 (-1d)" },
    { name: 'until', value: 'T', help: 'end (now)' },
    { name: 'to', value: 'T', help: 'the same as --until' },
    { name: 'step', value: 'S', help: 'merges slots by the method of each series: seconds, or 5min, 1h, 1d, 1week, 1month, 1year of --tz' },
    { name: 'outages', help: 'lists each outage: start, end and length; with --svg and --png a picture of hours by days' },
    { name: 'maintenance', value: 'START/END', repeatable: true, help: 'a planned window (besides those of weir.toml); repeatable' },
    { name: 'maintenance-file', value: 'FILE', help: 'planned windows, START/END a line' },
    { name: 'points', value: 'N', help: 'merges slots until at most N are left (maxDataPoints)' },
    { name: 'tz', value: 'ZONE', help: 'time zone of words such as midnight, and of days and months (UTC)' },
    { name: 'now', value: 'T', help: 'the time to take as now' },
    { name: 'json', help: "Graphite's JSON, with what each series rests on under the key weir" },
    { name: 'csv', help: 'lines target,time,value' },
    { name: 'svg', value: 'FILE', help: 'draws the series' },
    { name: 'png', value: 'FILE', help: 'the same picture as PNG' },
    { name: 'chart', value: 'OPTIONS', help: "Graphite's parameters of a picture: 'title=CPU&width=960&height=400&areaMode=stacked'" },
  ],
  examples: [
    ["weir query 'stats_counts.*' --from -1h", 'a table of the last hour'],
    ['weir query \'summarize(stats_counts.deploys,"1d")\' --from -7d --json', 'events a day'],
    [
      "weir query 'stats_counts.*' --from -1d --tz Europe/Berlin --png day.png --chart 'title=Events&areaMode=stacked'",
      'a picture for a report',
    ],
    [
      "weir query 'percentUnknown(ping.host)' --from 20261001 --until 20261101 --step 1d --tz Europe/London",
      'the share of each day that is unknown',
    ],
    ['weir query ping.host --outages --from -30d --png outages.png', 'each outage, and a picture of them'],
  ],
  run,
};

async function run(invocation: Invocation): Promise<number> {
  const [target, ...more] = invocation.words;
  if (target === undefined || more.length > 0) throw new Usage('query: expected one target (quote it: the shell reads * and braces)');
  const { stdout } = invocation.world;
  if (invocation.flag('outages')) {
    if (invocation.text('url') !== undefined) throw new Usage('--outages goes with --data (the store can be read beside a running daemon)');
    const plan = planOf(invocation);
    const { series } = await fromStore(target, invocation, { ...plan, alignSeconds: 0 });
    return await printOutages(series, (await fromStore(target, invocation, plan)).series, plan, invocation);
  }
  const hasPicture = invocation.text('svg') !== undefined || invocation.text('png') !== undefined;
  if (hasPicture) {
    await drawQuery(await pictureOf(target, invocation), invocation);
    if (!invocation.flag('json') && !invocation.flag('csv')) return 0;
  }
  const answers =
    invocation.text('url') === undefined
      ? await answersFromStore(target, invocation)
      : ((await fromServer(target, invocation, 'json')) as Answered[]);
  if (invocation.flag('json')) stdout.write(`${JSON.stringify(answers)}\n`);
  else if (invocation.flag('csv')) stdout.write(csv(answers));
  else stdout.write(table(answers));
  return 0;
}

async function answersFromStore(target: string, invocation: Invocation): Promise<Answered[]> {
  const plan = planOf(invocation);
  const bases: Basis[] = [];
  const { series, rejected } = await fromStore(target, invocation, plan, bases);
  return answersOf(series, { ...plan, rejected, countMax: pointsWanted(invocation) }, bases);
}

// The picture as SVG: drawn here, or by the server that has the series.
async function pictureOf(target: string, invocation: Invocation): Promise<string> {
  if (invocation.text('url') !== undefined) return (await fromServer(target, invocation, 'svg')) as string;
  const plan = planOf(invocation);
  const { series } = await fromStore(target, invocation, plan);
  return chartOfQuery(plan.edges === undefined ? series : series.map((one) => uniform(one, plan.edges as Float64Array)), plan, invocation);
}

interface FromStore {
  readonly series: readonly Series[];
  readonly rejected: Rejected;
}

async function fromStore(target: string, invocation: Invocation, plan: QueryPlan, bases: Basis[] = []): Promise<FromStore> {
  const configuration = configurationOf(invocation);
  const clock = clockOf(invocation);
  const { metrics, store } = await openMetrics(invocation, configuration, clock, true);
  try {
    const names = new NameTree();
    const reader = new MetricReader({ store: metrics, names, intake: () => intake, configuration: () => configuration });
    const options = { store: metrics, ledger: new Ledger(clock), configuration: () => configuration, now: clock };
    const intake: Intake = new Intake({ ...options, series: (name) => reader.announce(name) });
    const fetches = new FetchPlan({ reader, limits: () => configuration.limits, bases });
    // Labels of slots are their starts: those of [from, until) are the ones in (from - 1, until - 1].
    const shift = plan.isHalfOpen ? 1 : 0;
    const context: TargetContext = {
      from: plan.from - shift,
      until: plan.until - shift,
      now: plan.now,
      timeZone: plan.timeZone,
      maxDataPoints: undefined,
      ...(plan.alignSeconds === undefined ? {} : { alignSeconds: plan.alignSeconds }),
      maintenance: plan.maintenance,
      fetch: fetches.fetch,
      fetchTagged: fetches.fetchTagged,
      fetchEvents: async (from, until, tags) => (await eventsWithin(store, { from, until, tags })).map(({ when }) => when),
      template: {},
      budget: { calls: 10_000, stacks: new Map() },
    };
    await fetches.prepare([target], context);
    const series = await evaluateTarget(target, context);
    return { series, rejected: await reader.rejectedWithin(plan) };
  } finally {
    await metrics.close();
  }
}

async function fromServer(target: string, invocation: Invocation, format: 'json' | 'svg'): Promise<unknown> {
  const url = new URL(format === 'svg' ? '/render' : '/api/query', invocation.text('url'));
  const step = invocation.text('step');
  if (step !== undefined && format === 'svg')
    throw new Usage('--step goes with --data in pictures (with --url use summarize(), or --points)');
  const now = Math.floor(clockOf(invocation)() / 1000);
  const { from, until, timeZone } = rangeOf(invocation, now);
  const form = new URLSearchParams({
    target: target,
    from: String(from),
    until: String(until),
    tz: timeZone,
    format,
  });
  if (format === 'svg') for (const [name, value] of chartWords(invocation)) form.set(name, value);
  if (invocation.text('now') !== undefined) form.set('now', String(now));
  if (step !== undefined) {
    planOf(invocation);
    form.set('step', step);
  }
  const points = pointsWanted(invocation);
  if (points !== undefined) form.set('maxDataPoints', String(points));
  const token = invocation.world.env.WEIR_TOKEN;
  const headers: Record<string, string> = token === undefined ? {} : { authorization: `Bearer ${token}` };
  let response: Response;
  try {
    response = await fetch(url, { method: 'POST', body: form, headers });
  } catch (error) {
    throw new Refused(`${url.origin}: no answer (expected a running weir serve)`, {}, error);
  }
  const body = await response.text();
  if (!response.ok) throw new Refused(`${url.origin}: status ${response.status}: ${body.slice(0, 300)}`);
  return format === 'svg' ? body : JSON.parse(body);
}
