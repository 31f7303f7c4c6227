/**
 * `weir probe take`: how the time to take n records grows with n, for any reader over HTTP. Sizes are asked for again and again in random order (seeded), so that what drifts meanwhile falls on
 * all of them alike; what is reported a size is its median and 99th percentile, and where the curve of the medians has a step (`query/step-test.ts`).
 */

import { Usage } from '../base/faults.js';
import { openOutput } from '../base/output-file.js';
import { findSteps, generator, type StepAnswer } from '../query/step-test.js';
import { latencyChart } from '../render/latency-chart.js';
import { type Link, openLink, parseLink } from '../serve/link-proxy.js';
import type { Command, Invocation } from './command.js';
import { openAzure, openTemplate, portOf, type Reader, type ReaderOptions } from './probe-reader.js';

export const probe: Command = {
  name: 'probe',
  summary: 'measures how the latency of reading n records grows with n',
  usage: 'take URL [OPTIONS]',
  description: `Measures the time from the request to the last byte for sizes of n, in random order, and says where the curve has a step. URL is a running Weir (then --table
and --partition name what is read), with --azure a service of the table protocol, or any address with {n} in it. --nodelay on,off shows what delayed acknowledgements do to
requests that are written in two pieces; --link puts a slow, lossy link in between.`,
  options: [
    { name: 'table', value: 'NAME', help: 'table to read from a Weir' },
    { name: 'partition', value: 'NAME', help: 'partition to read from a Weir' },
    { name: 'azure', help: 'URL is a service of the table protocol; WEIR_AZURE_ACCOUNT holds its account as NAME=KEY' },
    { name: 'max', value: 'N', help: 'greatest n (default 1000)' },
    { name: 'sizes', value: 'LIST', help: 'sizes to measure, instead of about 40 up to the greatest' },
    { name: 'repeat', value: 'R', help: 'times that each size is asked for (default 20)' },
    { name: 'seed', value: 'N', help: 'seed of the order (default 1)' },
    { name: 'nodelay', value: 'LIST', help: 'on, off or on,off: TCP_NODELAY, with requests that go out as two pieces' },
    { name: 'link', value: 'LINK', help: 'a link in between: delay=20ms,jitter=5ms,loss=0.5%' },
    { name: 'header', value: 'LINE', repeatable: true, help: 'a header of the request: "Authorization: Bearer ..."' },
    { name: 'svg', value: 'FILE', help: 'draws the curve' },
    { name: 'json', help: 'one JSON document' },
  ],
  examples: [
    ['weir probe take http://127.0.0.1:8420 --table messages --partition alice', 'the curve of a Weir'],
    ['weir probe take http://127.0.0.1:10002/devstoreaccount1 --azure --table messages --partition alice --max 2000', 'of Azurite'],
    [
      "weir probe take 'http://127.0.0.1:10002/devstoreaccount1/messages()?$top={n}' --max 1001 --svg curve.svg",
      'the curve of any other reader',
    ],
  ],
  run: runProbe,
};

/** What was measured of one size, milliseconds. */
export interface SizeTimes {
  readonly n: number;
  readonly medianMs: number;
  readonly p99Ms: number;
  readonly bytes: number;
}

interface Curve extends StepAnswer {
  readonly nodelay: boolean;
  readonly sizes: readonly SizeTimes[];
}

async function runProbe(invocation: Invocation): Promise<number> {
  const { words, world } = invocation;
  const [what, address] = words;
  if (what !== 'take' || address === undefined || words.length > 2) throw new Usage('probe: expected take URL');
  const open = readerOf(address, invocation);
  const sizes = sizesOf(invocation);
  const repeat = wholeOf(invocation.text('repeat') ?? '20', '--repeat', 1_000_000);
  const random = generator(wholeOf(invocation.text('seed') ?? '1', '--seed', 2 ** 31));
  const link = invocation.text('link');
  const curves: Curve[] = [];
  for (const word of (invocation.text('nodelay') ?? 'on').split(',')) {
    if (word !== 'on' && word !== 'off') throw new Usage(`--nodelay '${word}' (expected on, off or on,off)`);
    const times = await measure(
      {
        open,
        origin: new URL(address.replaceAll('{n}', '1')),
        sizes,
        repeat,
        random,
        nodelay: word === 'on',
        halves: invocation.text('nodelay') !== undefined,
        link: link === undefined ? undefined : parseLink(link),
      },
      invocation,
    );
    curves.push({
      nodelay: word === 'on',
      sizes: times,
      ...findSteps(
        times.map(({ n }) => n),
        times.map(({ medianMs }) => medianMs),
      ),
    });
  }
  const svg = invocation.text('svg');
  if (svg !== undefined) {
    const output = openOutput(svg);
    output.write(Buffer.from(latencyChart(curves.map((curve) => ({ name: `TCP_NODELAY ${curve.nodelay ? 'on' : 'off'}`, ...curve })))));
    output.finish();
  }
  if (invocation.flag('json')) world.stdout.write(`${JSON.stringify({ url: address, repeat, curves })}\n`);
  else for (const curve of curves) world.stdout.write(table(curve));
  return 0;
}

function readerOf(address: string, invocation: Invocation): (options: ReaderOptions) => Reader {
  if (!/^https?:\/\//.test(address)) throw new Usage(`probe take: '${address}' is no address (expected http://... or https://...)`);
  if (address.includes('{n}')) return (options) => openTemplate(address, options);
  const [tableName, partition] = [invocation.text('table'), invocation.text('partition')];
  if (tableName === undefined || partition === undefined)
    throw new Usage('probe take: expected --table and --partition, or a URL with {n} in it');
  if (invocation.flag('azure'))
    return (options) => openAzure(address, tableName, partition, invocation.world.env.WEIR_AZURE_ACCOUNT, options);
  const base = new URL('/api/take', address);
  base.searchParams.set('table', tableName);
  base.searchParams.set('partition', partition);
  return (options) => openTemplate(`${base.href}&n={n}`, options);
}

function sizesOf(invocation: Invocation): number[] {
  const list = invocation.text('sizes');
  if (list !== undefined)
    return list
      .split(',')
      .map((text) => wholeOf(text.trim(), '--sizes', 1e9))
      .sort((one, two) => one - two);
  const max = wholeOf(invocation.text('max') ?? '1000', '--max', 1e9);
  const count = Math.min(40, max);
  const all = Array.from({ length: count }, (_, index) => Math.max(1, Math.round(1 + ((max - 1) * index) / Math.max(1, count - 1))));
  return [...new Set(all)];
}

function wholeOf(text: string, name: string, limit: number): number {
  if (!/^\d{1,10}$/.test(text) || Number(text) < 1 || Number(text) > limit)
    throw new Usage(`${name} '${text}' (expected a whole number from 1 to ${limit})`);
  return Number(text);
}

interface Order {
  readonly open: (options: ReaderOptions) => Reader;
  readonly origin: URL;
  readonly sizes: readonly number[];
  readonly repeat: number;
  readonly random: () => number;
  readonly nodelay: boolean;
  /** Whether requests go out as two pieces, as `--nodelay` asks. */
  readonly halves: boolean;
  readonly link: Link | undefined;
}

async function measure(order: Order, { world, list }: Invocation): Promise<SizeTimes[]> {
  const { sizes, repeat, random, nodelay, halves, origin } = order;
  const link = order.link ?? (halves ? { delayMs: 0, jitterMs: 0, loss: 0 } : undefined);
  const proxy =
    link === undefined ? undefined : await openLink(origin.hostname, portOf(origin), link, random, { noDelay: nodelay, halves });
  const headers = Object.fromEntries(list('header').map(headerOf));
  const reader = order.open({ headers, proxyPort: proxy?.port, noDelay: nodelay });
  try {
    for (let warm = 0; warm < 5; warm++) await reader.take(sizes[0] ?? 1);
    const times = new Map(sizes.map((n) => [n, { ms: [] as number[], bytes: 0 }]));
    for (const n of inRandomOrder(sizes, repeat, random)) {
      const start = world.monotonicMs();
      const bytes = await reader.take(n);
      const own = times.get(n);
      own?.ms.push(world.monotonicMs() - start);
      if (own !== undefined) own.bytes = bytes;
    }
    return [...times].map(([n, { ms, bytes }]) => {
      const sorted = ms.sort((one, two) => one - two);
      const at = (share: number): number => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
      return { n, medianMs: at(0.5), p99Ms: at(0.99), bytes };
    });
  } finally {
    reader.close();
    await proxy?.close();
  }
}

function headerOf(line: string): [string, string] {
  const colon = line.indexOf(':');
  if (colon < 1) throw new Usage(`--header '${line}' (expected "Name: value")`);
  return [line.slice(0, colon).trim(), line.slice(colon + 1).trim()];
}

function inRandomOrder(sizes: readonly number[], repeat: number, random: () => number): number[] {
  const all = Array.from({ length: repeat }, () => sizes).flat();
  for (let index = all.length - 1; index > 0; index--) {
    const other = Math.floor(random() * (index + 1));
    [all[index], all[other]] = [all[other] as number, all[index] as number];
  }
  return all;
}

function table({ nodelay, sizes, intercept, slope, steps }: Curve): string {
  const most = Math.max(...sizes.map(({ medianMs }) => medianMs), 1e-9);
  const lines = sizes.map(({ n, medianMs, p99Ms }) => {
    const bar = '█'.repeat(Math.round((medianMs / most) * 40));
    return `${String(n).padStart(9)}  ${medianMs.toFixed(3).padStart(9)}  ${p99Ms.toFixed(3).padStart(9)}  ${bar}`.trimEnd();
  });
  const line = `a line of ${intercept.toFixed(3)} ms + ${(slope * 1000).toFixed(3)} us a record`;
  const said =
    steps.length === 0
      ? `no step: ${line}`
      : `${line}; ${steps.map(({ n, size, confidence }) => `a step of ${size.toFixed(3)} ms at n = ${n} (confidence ${(confidence * 100).toFixed(1)} %)`).join(', ')}`;
  return `TCP_NODELAY ${nodelay ? 'on' : 'off'}\n${'n'.padStart(9)}  ${'median ms'.padStart(9)}  ${'p99 ms'.padStart(9)}\n${lines.join('\n')}\n${said}\n`;
}
