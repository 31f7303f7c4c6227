/**
 * `weir query TARGET`: a Graphite target over the store of a folder, without the daemon, or over a running server. The same reader answers as behind
 * `/render`; the store is opened for reading only.
 */

import { Malformed, Refused, Usage } from '../base/faults.js';
import { pointsOf } from '../query/consolidate.js';
import { evaluateTarget } from '../query/evaluate.js';
import { NameTree } from '../query/name-tree.js';
import { bare, mergeValues, type Series } from '../query/series.js';
import { parseOffset, parseWhen } from '../query/when.js';
import { Intake } from '../serve/intake.js';
import { Ledger } from '../serve/ledger.js';
import { MetricReader } from '../serve/metric-reader.js';
import type { Command, Invocation } from './command.js';
import { clockOf, configurationOf, openMetrics } from './metric-store.js';
import { chartOfQuery, chartWords, drawQuery, type Range } from './query-picture.js';

export const query: Command = {
  name: 'query',
  summary: 'a Graphite target over the store or a running server',
  usage: 'TARGET [--from T] [--until T] [--json|--csv|--svg FILE|--png FILE]',
  description: `Evaluates a Graphite target (a path with globs and braces, or functions over paths) and prints its points. It reads the
store of --data, beside a running daemon or without one, or asks the server of --url. The range is (from, until], as Graphite's.`,
  options: [
    { name: 'data', value: 'DIR', help: 'folder of the store (./weir-data)' },
    { name: 'config', value: 'FILE', help: 'configuration (weir.toml in the working folder, if it is there)' },
    { name: 'url', value: 'URL', help: 'asks a running server instead: http://127.0.0.1:8420' },
    { name: 'from', value: 'T', help: "start: Graphite's words, epoch seconds or RFC 3339 (-1d)" },
    { name: 'until', value: 'T', help: 'end (now)' },
    { name: 'to', value: 'T', help: 'the same as --until' },
    { name: 'step', value: 'S', help: 'merges slots by the method of each series: seconds, or 5min, 1h, 1d' },
    { name: 'points', value: 'N', help: 'merges slots until at most N are left (maxDataPoints)' },
    { name: 'tz', value: 'ZONE', help: 'time zone of words such as midnight (UTC)' },
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
  ],
  run,
};

interface Answered {
  readonly target: string;
  readonly tags: Readonly<Record<string, string>>;
  readonly datapoints: readonly (readonly [number | null, number])[];
  readonly weir?: Readonly<Record<string, unknown>>;
}

async function run(invocation: Invocation): Promise<number> {
  const [target, ...more] = invocation.words;
  if (target === undefined || more.length > 0) throw new Usage('query: expected one target (quote it: the shell reads * and braces)');
  const { stdout } = invocation.world;
  const hasPicture = invocation.text('svg') !== undefined || invocation.text('png') !== undefined;
  if (hasPicture) {
    await drawQuery(await pictureOf(target, invocation), invocation);
    if (!invocation.flag('json') && !invocation.flag('csv')) return 0;
  }
  const answers =
    invocation.text('url') === undefined
      ? answersOf((await fromStore(target, invocation)).series, pointsWanted(invocation))
      : (JSON.parse(await fromServer(target, invocation, 'json')) as Answered[]);
  if (invocation.flag('json')) stdout.write(`${JSON.stringify(answers)}\n`);
  else if (invocation.flag('csv')) stdout.write(csv(answers));
  else stdout.write(table(answers));
  return 0;
}

// The picture as SVG: drawn here, or by the server that has the series.
async function pictureOf(target: string, invocation: Invocation): Promise<string> {
  if (invocation.text('url') !== undefined) return await fromServer(target, invocation, 'svg');
  const { series, range } = await fromStore(target, invocation);
  return chartOfQuery(series, range, invocation);
}

async function fromStore(target: string, invocation: Invocation): Promise<{ series: readonly Series[]; range: Range }> {
  const configuration = configurationOf(invocation);
  const clock = clockOf(invocation);
  const { metrics } = await openMetrics(invocation, configuration, clock, true);
  try {
    const names = new NameTree();
    const reader = new MetricReader({ store: metrics, names, intake: () => intake, configuration: () => configuration });
    const options = { store: metrics, ledger: new Ledger(clock), configuration: () => configuration, now: clock };
    const intake: Intake = new Intake({ ...options, series: (name) => reader.announce(name) });
    const now = Math.floor(clock() / 1000);
    const { from, until, timeZone } = rangeOf(invocation, now);
    const spent = { series: 0, points: 0 };
    const series = await evaluateTarget(target, {
      from,
      until,
      now,
      timeZone,
      maxDataPoints: undefined,
      fetch: (path, context) => reader.fetch(path, context, spent),
      fetchTagged: (expressions, context, shown) => reader.fetchTagged(expressions, context, spent, shown),
      template: {},
      budget: { calls: 10_000, stacks: new Map() },
    });
    const step = stepOf(invocation);
    return { series: series.map((one) => onStep(one, step)), range: { from, until, timeZone } };
  } finally {
    await metrics.close();
  }
}

function rangeOf(invocation: Invocation, now: number): Range {
  const timeZone = invocation.text('tz') ?? 'UTC';
  const when = (name: string, text: string): number => {
    try {
      return parseWhen(text, now, timeZone);
    } catch (error) {
      if (error instanceof Malformed) throw new Usage(`--${name}: ${error.message}`);
      throw error;
    }
  };
  const from = when('from', invocation.text('from') ?? '-1d');
  const until = when('until', invocation.text('until') ?? invocation.text('to') ?? 'now');
  if (!(from < until)) throw new Usage('the range is empty (expected --from before --until)');
  return { from, until, timeZone };
}

function stepOf(invocation: Invocation): number | undefined {
  const text = invocation.text('step');
  if (text === undefined) return undefined;
  const seconds = /^\d+$/.test(text) ? Number(text) : /^\d+[a-z]+$/i.test(text) ? parseOffset(text) : Number.NaN;
  if (!(seconds > 0)) throw new Usage(`--step '${text}' (expected seconds, or 5min, 1h, 1d)`);
  return seconds;
}

// Slots of a coarser step, aligned to the clock: figures are made from the cells below, else merged by the series' method.
function onStep(series: Series, stepSeconds: number | undefined): Series {
  if (stepSeconds === undefined || stepSeconds <= series.stepSeconds) return series;
  const start = series.start - (series.start % stepSeconds);
  const count = Math.ceil((series.end - start) / stepSeconds);
  const values = new Float64Array(count);
  const { merged, method } = series;
  for (let slot = 0; slot < count; slot++) {
    const at = (label: number): number =>
      Math.min(series.values.length, Math.max(0, Math.ceil((label - series.start) / series.stepSeconds)));
    const [from, to] = [at(start + slot * stepSeconds), at(start + (slot + 1) * stepSeconds)];
    values[slot] = merged === undefined ? mergeValues(series.values, from, to, method, series.xFilesFactor) : merged(from, to);
  }
  return { ...bare(series), start, end: start + count * stepSeconds, stepSeconds, values };
}

function pointsWanted(invocation: Invocation): number | undefined {
  const text = invocation.text('points');
  if (text === undefined) return undefined;
  if (!/^[1-9]\d{0,8}$/.test(text)) throw new Usage(`--points '${text}' (expected a whole number above 0)`);
  return Number(text);
}

function answersOf(series: readonly Series[], countMax: number | undefined): Answered[] {
  const span = {
    start: series.reduce((least, one) => Math.min(least, one.start), Number.POSITIVE_INFINITY),
    end: series.reduce((most, one) => Math.max(most, one.end), Number.NEGATIVE_INFINITY),
  };
  return series.map((one) => {
    const { times, values } = pointsOf(one, countMax, span);
    let unknown = 0;
    for (const value of one.values) if (Number.isNaN(value)) unknown++;
    return {
      target: one.name,
      tags: one.tags,
      datapoints: times.map((time, index) => [Number.isFinite(values[index]) ? (values[index] as number) : null, time] as const),
      weir: {
        stepSeconds: one.stepSeconds,
        method: one.method,
        xFilesFactor: one.xFilesFactor,
        percentUnknown: one.values.length === 0 ? 100 : (100 * unknown) / one.values.length,
      },
    };
  });
}

async function fromServer(target: string, invocation: Invocation, format: 'json' | 'svg'): Promise<string> {
  if (invocation.text('step') !== undefined) throw new Usage('--step goes with --data (with --url use summarize(), or --points)');
  const url = new URL('/render', invocation.text('url'));
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
  return body;
}

function csv(answers: readonly Answered[]): string {
  const lines = ['target,time,value'];
  for (const { target, datapoints } of answers) {
    const name = /[",\n]/.test(target) ? `"${target.replaceAll('"', '""')}"` : target;
    for (const [value, time] of datapoints) lines.push(`${name},${new Date(time * 1000).toISOString()},${value ?? ''}`);
  }
  return `${lines.join('\n')}\n`;
}

function table(answers: readonly Answered[]): string {
  const lines: string[] = [];
  for (const { target, datapoints } of answers) {
    lines.push(target);
    for (const [value, time] of datapoints)
      if (value !== null) lines.push(`  ${new Date(time * 1000).toISOString().slice(0, 19)}Z  ${value}`);
  }
  return lines.length === 0 ? '' : `${lines.join('\n')}\n`;
}
