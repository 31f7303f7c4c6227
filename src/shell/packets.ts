/** `weir packets`: flow records into a capture, in time order. */

import { statfsSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { Refused, Usage } from '../base/faults.js';
import { openOutput } from '../base/output-file.js';
import { formatInstant, instantOption } from '../base/time.js';
import { packets as makePackets, type PacketsDone, type PacketsOptions } from '../packet/packets.js';
import type { Command, Invocation } from './command.js';
import { FlowInputs, inputOptions, wordsOf } from './flow-inputs.js';
import { ProgressLine } from './progress.js';
import { writeWhole } from './write-whole.js';

const spacings = ['even', 'ends', 'poisson'] as const;
const formats = ['pcap', 'pcapng', 'csv'] as const;
/** Listed records in a report; beyond it they are only counted. */
const listedMax = 100_000;

/** What is wrong with a record that could be read. */
const infeasible: Readonly<Record<string, string>> = {
  'negative-duration': 'last is before first (--fit makes it last = first)',
  'no-packets': 'no packets (--fit makes it one)',
  'too-few-bytes': 'fewer bytes than the packets have headers (--fit raises them)',
  'too-many-bytes': 'more than 65,535 bytes a packet (--fit raises the packets)',
  'too-many-packets': 'more than 4,294,967,295 packets',
  'out-of-order': 'goes back in time (--sorted was given)',
  address: 'no IP addresses',
};

export const packets: Command = {
  name: 'packets',
  summary: 'flow records into packets: a capture in time order',
  usage: 'FLOWS... -o FILE [OPTIONS]',
  description: `Unfolds flow records into the packets they came from. Packet i of n goes out at first + i*(last-first)/n, the layer-3 sizes of a flow's
packets sum to its bytes exactly, and the output never goes back in time, whatever the order of the input.

Rows that cannot be read, or from which no packets can be made (last before first, no packets, too few bytes), are rejected by cause;
--fit makes the latter possible and says so. A summary goes to standard error.`,
  options: [
    { name: 'output', short: 'o', value: 'FILE', help: 'the capture; - is standard output. Written beside and renamed when complete' },
    { name: 'format', value: 'NAME', choices: formats, help: "else the file's ending, else pcap" },
    { name: 'nano', help: 'times in nanoseconds instead of microseconds' },
    { name: 'relative', help: 'counts times from the first packet' },
    { name: 'snaplen', value: 'N', help: 'keeps N bytes of each frame; headers: without payload' },
    {
      name: 'spacing',
      value: 'KIND',
      choices: spacings,
      help: 'where the packets of a flow lie: even (default), ends (the last one at last), poisson (seeded)',
    },
    { name: 'seed', value: 'N', help: 'seed of what is drawn (default 1)' },
    { name: 'shard', value: 'I/N', help: 'part I of N of the time; the parts concatenate to the whole' },
    { name: 'header', value: 'WHEN', choices: ['always', 'first'], help: 'a file header in every shard, or in the first only (default)' },
    { name: 'memory', value: 'SIZE', help: 'bounds the sort buffers: 64M, 1G (default 256M)' },
    { name: 'sorted', help: 'the input is in order of first: stream it; a row that goes back is rejected' },
    { name: 'fit', help: 'makes infeasible records possible, and lists them as adjusted' },
    { name: 'conversation-timeout', value: 'S', help: 'seconds after which a TCP tuple is a new connection (default 120)' },
    { name: 'report', value: 'FILE', help: 'the summary as JSON, with a row for each record that was rejected, adjusted or warned of' },
    { name: 'dry-run', help: 'plans only: flows, packets, bytes, span, open flows, output size, free disk' },
    { name: 'json', help: 'the summary as one JSON document (on standard error when the capture goes to standard output)' },
    ...inputOptions,
  ],
  examples: [
    ['weir packets samples/flows.csv -o flows.pcap', 'a capture of a flow file'],
    ["weir packets /var/netflow/2026/11 --filter 'proto tcp' -o - | tcpreplay -i veth0 -", 'replays the TCP flows of a month'],
    ['weir packets big.csv.gz --shard 2/8 -o part2.pcap', 'the second of eight parts, to be made on another machine'],
    ['weir packets flows.csv --dry-run', 'how much it would be'],
  ],
  run: async (invocation) => {
    if (wordsOf(invocation).length === 0)
      throw new Usage('packets: expected at least one file, folder, glob, -, store or server, or --data DIR');
    const path = invocation.text('output');
    const dryRun = invocation.flag('dry-run');
    if (path === undefined && !dryRun && invocation.world.isTerminal.stdout)
      throw new Usage('packets: a capture is no text for a terminal (expected -o FILE, or a pipe)');
    return run(invocation, path ?? '-', dryRun);
  },
};

async function run(invocation: Invocation, path: string, dryRun: boolean): Promise<number> {
  const options = packetsOptions(invocation, path);
  const started = invocation.world.monotonicMs();
  const inputs = new FlowInputs(invocation);
  const listed: { number: number; kind: string; cause: string }[] = [];
  const list = (kind: string) => (cause: string, number: number) => {
    if (listed.length < listedMax) listed.push({ number, kind, cause });
  };
  const progress = invocation.world.isTerminal.stderr ? new ProgressLine(invocation.world, 'packets') : undefined;
  const output = dryRun ? undefined : openOutput(path);
  try {
    const done = await makePackets(inputs.selected(undefined, undefined), (bytes) => output?.write(bytes), {
      ...options,
      dryRun,
      onReject: (cause, number, batch, row) => {
        list('rejected')(cause, number);
        inputs.rejectRow(cause, infeasible[cause] ?? cause, batch, row);
      },
      onAdjust: list('adjusted'),
      onWarn: list('warned'),
      ...(progress === undefined ? {} : { onProgress: (count: number, share: number) => progress.update(count, share) }),
    });
    progress?.clear();
    for (const [cause, count] of inputs.rejected) done.rejected[cause] = (done.rejected[cause] ?? 0) + count;
    inputs.report();
    const failed = inputs.failures.length > 0 || (invocation.flag('strict') && Object.keys(done.rejected).length > 0);
    if (failed && invocation.flag('strict')) output?.discard();
    else output?.finish();
    const summary = summaryOf(done, (invocation.world.monotonicMs() - started) / 1000, dryRun ? freeBytes(path) : undefined);
    const report = invocation.text('report');
    if (report !== undefined) writeWhole(report, `${JSON.stringify({ ...summary, records: listed }, null, 1)}\n`);
    show(summary, invocation, !dryRun && path === '-');
    return failed ? 1 : 0;
  } catch (error) {
    progress?.clear();
    output?.discard();
    throw error;
  }
}

function packetsOptions(invocation: Invocation, path: string): PacketsOptions {
  const text = (name: string): string | undefined => invocation.text(name);
  const ending = path.endsWith('.pcapng') ? 'pcapng' : path.endsWith('.csv') ? 'csv' : 'pcap';
  const [from, to] = [instantOption('from', text('from')), instantOption('to', text('to'))];
  const nanos = (instant: { seconds: number; nanos: number }): bigint => BigInt(instant.seconds) * 1_000_000_000n + BigInt(instant.nanos);
  const shard = shardOption(text('shard'));
  if (invocation.flag('sorted') && shard !== undefined && invocation.words.includes('-'))
    throw new Usage('--shard of standard input needs the whole of it first: leave out --sorted');
  return {
    format: (text('format') as 'pcap' | undefined) ?? ending,
    nano: invocation.flag('nano'),
    relative: invocation.flag('relative'),
    ...(text('snaplen') === undefined
      ? {}
      : { snaplen: text('snaplen') === 'headers' ? ('headers' as const) : whole(invocation, 'snaplen', 1, 262144) }),
    spacing: (text('spacing') as 'even' | undefined) ?? 'even',
    seed: text('seed') === undefined ? 1 : whole(invocation, 'seed', 0, Number.MAX_SAFE_INTEGER),
    ...(from === undefined ? {} : { fromNs: nanos(from) }),
    ...(to === undefined ? {} : { toNs: nanos(to) }),
    ...(shard === undefined ? {} : { shard }),
    header: text('header') === 'always' ? 'always' : 'first',
    memoryBytes: sizeOption(text('memory') ?? '256M'),
    sorted: invocation.flag('sorted'),
    fit: invocation.flag('fit'),
    ...(text('conversation-timeout') === undefined
      ? {}
      : { conversationTimeoutSeconds: whole(invocation, 'conversation-timeout', 0, 1e9) }),
  };
}

function whole(invocation: Invocation, name: string, least: number, most: number): number {
  const text = invocation.text(name) ?? '';
  const value = Number(text);
  if (!/^\d{1,16}$/.test(text) || value < least || value > most)
    throw new Usage(`--${name} '${text}' (expected a whole number from ${least} to ${most})`);
  return value;
}

function shardOption(text: string | undefined): { index: number; count: number } | undefined {
  if (text === undefined) return undefined;
  const match = /^(\d{1,6})\/(\d{1,6})$/.exec(text);
  const [index, count] = [Number(match?.[1]), Number(match?.[2])];
  if (match === null || index < 1 || index > count) throw new Usage(`--shard '${text}' (expected I/N with I from 1 to N)`);
  return { index, count };
}

/** `64M`, `1G`, `65536`: bytes. */
function sizeOption(text: string): number {
  const match = /^(\d{1,12})([KMG]?)i?B?$/i.exec(text);
  const factor = { '': 1, K: 1024, M: 1024 ** 2, G: 1024 ** 3 }[(match?.[2] ?? '').toUpperCase()] ?? 1;
  const bytes = Number(match?.[1]) * factor;
  if (match === null || bytes < 1 << 20) throw new Usage(`--memory '${text}' (expected a size of at least 1M, as 256M)`);
  return bytes;
}

interface Summary {
  [name: string]: unknown;
}

function summaryOf(done: PacketsDone, seconds: number, free: number | undefined): Summary {
  const time = (ns: bigint | undefined): string | null =>
    ns === undefined ? null : formatInstant({ seconds: Number(ns / 1_000_000_000n), nanos: Number(ns % 1_000_000_000n) });
  const { flows, packets: count, bytes, rejected, adjusted, warned, peakOpenFlows, outputBytes } = done;
  return {
    flows,
    packets: count,
    bytes,
    rejected,
    adjusted,
    warned,
    first: time(done.firstNs),
    last: time(done.lastNs),
    peakOpenFlows,
    outputBytes,
    seconds: Math.round(seconds * 1000) / 1000,
    ...(free === undefined ? {} : { freeBytes: free }),
  };
}

function freeBytes(path: string): number {
  const stat = statfsSync(path === '-' ? '.' : dirname(resolve(path)));
  return stat.bavail * stat.bsize;
}

function show(summary: Summary, invocation: Invocation, toStderr: boolean): void {
  const { stdout, stderr } = invocation.world;
  if (invocation.flag('json')) {
    (toStderr ? stderr : stdout).write(`${JSON.stringify(summary)}\n`);
    return;
  }
  const counts = (title: string, value: unknown): string => {
    const entries = Object.entries(value as Record<string, number>);
    return entries.length === 0 ? '' : `weir: ${title}: ${entries.map(([cause, count]) => `${cause} ${count}`).join(', ')}\n`;
  };
  const { flows, packets: count, bytes, first, last, peakOpenFlows, outputBytes, seconds } = summary;
  stderr.write(`weir: ${flows} flows, ${count} packets, ${bytes} bytes at layer 3, ${first ?? '-'} to ${last ?? '-'}\n`);
  stderr.write(`weir: ${peakOpenFlows} flows open at most, ${outputBytes} bytes of output, ${seconds} s`);
  stderr.write(summary['freeBytes'] === undefined ? '\n' : ` (a plan; ${summary['freeBytes']} bytes are free there)\n`);
  stderr.write(counts('adjusted', summary['adjusted']) + counts('warned', summary['warned']));
  if (typeof count !== 'number') throw new Refused('no summary');
}
