/**
 * Flow records as JSON: a line an object (Weir's own, goflow2, Akvorado, and others that use their names) or objects over many lines
 * (nfdump's `-o json`, with or without the brackets around). Names are compared without case and underscores, so that `TimeFlowStartNs` and
 * `time_flow_start_ns` are one; the table says what each means and in which unit its times are. Integers beyond 2^53, as nanoseconds of the epoch are,
 * keep their digits.
 */

import type { UnreadableCause } from '../base/flow-batch.js';
import { optionalColumns, optionalNames } from '../base/flow-columns.js';
import type { Meaning, TimeUnit } from './csv-columns.js';
import type { FlowFormat } from './format.js';
import { firstLines, type LineReading, readTextLines } from './text-lines.js';

export const jsonFlows: FlowFormat = {
  name: 'flow records as JSON (Weir, nfdump, goflow2, Akvorado)',
  detect: (head) => {
    for (const text of objectsOf(firstLines(head, 400))) {
      const found = parse(text);
      return found !== undefined && ['src', 'dst', 'bytes'].every((meaning) => meant(found, meaning as Meaning) !== undefined);
    }
    return false;
  },
  read: (input, options) => {
    const lines = firstLines(input.head, 400);
    const found = [...objectsOf(lines)].map(parse);
    const columns = new Set(
      optional.filter((meaning) => found.some((fields) => fields !== undefined && meant(fields, meaning) !== undefined)),
    );
    return readTextLines(input, options, columns, readObject, isBlock(lines) ? blocks : undefined);
  },
};

const optional: readonly Meaning[] = optionalNames.map((name) => optionalColumns[name].printed);

type Name = string | readonly [name: string, unit: TimeUnit];

/** What each meaning is called, without case and underscores, the most exact first. A time's unit follows its name. */
const names: Readonly<Partial<Record<Meaning, readonly Name[]>>> = {
  first: ['first', ['timeflowstartns', 1e9], ['timeflowstartms', 1e3], ['timeflowstart', 1], ['timereceivedns', 1e9], 'timereceived'],
  last: ['last', ['timeflowendns', 1e9], ['timeflowendms', 1e3], ['timeflowend', 1]],
  src: ['src', 'srcaddr', 'src4addr', 'src6addr', 'srcip'],
  dst: ['dst', 'dstaddr', 'dst4addr', 'dst6addr', 'dstip'],
  sport: ['sport', 'srcport'],
  dport: ['dport', 'dstport'],
  proto: ['proto', 'protocol'],
  flags: ['flags', 'tcpflags'],
  tos: ['tos', 'srctos', 'iptos'],
  packets: ['packets', 'inpackets'],
  bytes: ['bytes', 'inbytes'],
  in_if: ['inif', 'inputsnmp'],
  out_if: ['outif', 'outputsnmp'],
  src_as: ['srcas'],
  dst_as: ['dstas'],
  packets_rev: ['packetsrev', 'outpackets'],
  bytes_rev: ['bytesrev', 'outbytes'],
  flags_rev: ['flagsrev'],
  vlan: ['vlan', 'srcvlan', 'vlanid'],
  next_hop: ['nexthop', 'ip4nexthop', 'ip6nexthop'],
  bgp_next_hop: ['bgpnexthop', 'bgp4nexthop', 'bgp6nexthop'],
  exporter: ['exporter', 'exporteraddress', 'sampleraddress', 'ip4router', 'ip6router'],
  sampling: ['sampling', 'samplingrate'],
  event: ['eventid', 'nateventid', 'event'],
  nat_event: ['nateventid'],
  forwarding: ['forwarding', 'fwdstatus', 'forwardingstatus'],
  exporter_id: ['exporterid', 'exportsysid'],
  in_src_mac: ['insrcmac', 'srcmac'],
  in_dst_mac: ['indstmac', 'dstmac'],
  direction: ['direction', 'flowdirection'],
  nat_src: ['natsrc', 'src4xltip', 'src6xltip'],
  nat_dst: ['natdst', 'dst4xltip', 'dst6xltip'],
  nat_sport: ['natsport', 'srcxltport'],
  nat_dport: ['natdport', 'dstxltport'],
  nat_pool: ['natpool', 'natpoolid'],
  connection: ['connection', 'connectid'],
  xevent: ['xevent', 'xeventid'],
  event_time: ['eventtime', 'tevent'],
  flow_count: ['flowcount', 'aggrflows'],
  phys_in: ['physin', 'physingress'],
  phys_out: ['physout', 'physegress'],
  observation_domain: ['observationdomain', 'observationdomainid'],
  in_service: ['inservice', 'inserviceid'],
  out_service: ['outservice', 'outserviceid'],
};
const icmpTypes = ['icmptype', 'icmpv4type', 'icmpv6type'];
const icmpCodes = ['icmpcode', 'icmpv4code', 'icmpv6code'];

type Fields = ReadonlyMap<string, string>;

function meant(fields: Fields, meaning: Meaning): { value: string; unit: TimeUnit } | undefined {
  for (const entry of names[meaning] ?? [meaning.replaceAll('_', '')]) {
    const [name, unit] = typeof entry === 'string' ? [entry, 0 as TimeUnit] : entry;
    const value = fields.get(name);
    if (value !== undefined) return { value, unit };
  }
  return undefined;
}

/** The fields of an object that are texts or numbers. */
function parse(text: string): Fields | undefined {
  // Long integers become texts before they lose digits.
  const kept = text.replace(/"(?:[^"\\]|\\.)*"|-?\d{16,}(?![\d.eE])/g, (found) => (found.startsWith('"') ? found : `"${found}"`));
  let object: unknown;
  try {
    object = JSON.parse(kept);
  } catch {
    return undefined;
  }
  if (typeof object !== 'object' || object === null || Array.isArray(object)) return undefined;
  const fields = new Map<string, string>();
  for (const [name, value] of Object.entries(object)) {
    const key = name.toLowerCase().replaceAll('_', '');
    if (typeof value === 'string') fields.set(key, value);
    else if (typeof value === 'number') fields.set(key, String(value));
  }
  return fields;
}

const unreadable: { readonly cause: UnreadableCause; readonly message: string } = {
  cause: 'columns',
  message: 'expected an object of JSON',
};

function readObject(text: string): LineReading {
  const line = text.trim();
  if (line === '' || line === '[' || line === ']' || line === ',') return 'skip';
  const fields = parse(line.replace(/,$/, ''));
  if (fields === undefined) return unreadable;
  if (meant(fields, 'src') === undefined || meant(fields, 'dst') === undefined) {
    return { cause: 'columns', message: 'expected the addresses of a flow' };
  }
  const type = pick(fields, icmpTypes);
  const code = pick(fields, icmpCodes);
  const proto = (meant(fields, 'proto')?.value ?? '').toLowerCase();
  const isIcmp = type !== undefined && (proto === '1' || proto === '58' || proto.includes('icmp'));
  return {
    isForeign: true,
    unit: (meaning) => (meaning === 'duration' ? 1 : (meant(fields, meaning)?.unit ?? 0)),
    text: (meaning) => {
      if (meaning === 'dport' && isIcmp && (meant(fields, 'dport')?.value ?? '0') === '0') return `${type}.${code ?? 0}`;
      if (meaning === 'duration') return '0';
      const value = meant(fields, meaning)?.value;
      // An IPv4 address in IPv6's clothes.
      return value?.replace(/^::ffff:(?=\d+\.\d+\.)/i, '');
    },
  };
}

function pick(fields: Fields, among: readonly string[]): string | undefined {
  for (const name of among) {
    const value = fields.get(name);
    if (value !== undefined) return value;
  }
  return undefined;
}

// Objects over many lines: the first line that says something opens one and does not close it.
function isBlock(lines: readonly string[]): boolean {
  const first = lines.map((line) => line.trim()).find((line) => line !== '' && line !== '[');
  return first?.startsWith('{') === true && !/\},?$/.test(first);
}

function* objectsOf(lines: readonly string[]): Generator<string> {
  if (!isBlock(lines)) {
    for (const line of lines) if (line.trim().startsWith('{')) yield line.trim().replace(/,$/, '');
    return;
  }
  const cutter = new BlockCutter();
  for (const line of lines) yield* cutter.take(line).map(({ text }) => text);
}

async function* blocks(lines: AsyncIterable<{ text: string; line: number }>): AsyncGenerator<{ text: string; line: number }> {
  const cutter = new BlockCutter();
  for await (const { text } of lines) yield* cutter.take(text);
  yield* cutter.end();
}

const objectBytesMax = 1 << 20;

/** Joins lines to objects. A brace at the start of a line begins a new object even where the one before was never closed. */
class BlockCutter {
  #held: string[] = [];
  #size = 0;
  #depth = 0;
  #line = 0;
  #startLine = 0;

  take(line: string): { text: string; line: number }[] {
    this.#line += 1;
    const found = line.startsWith('{') && this.#depth > 0 ? this.end() : [];
    if (this.#depth === 0 && !line.trimStart().startsWith('{')) {
      const rest = line.trim();
      return /^[[\],]*$/.test(rest) ? found : [...found, { text: rest, line: this.#line }];
    }
    if (this.#depth === 0) this.#startLine = this.#line;
    this.#held.push(line);
    this.#size += line.length;
    for (const [mark] of line.matchAll(/"(?:[^"\\]|\\.)*"|[{}]/g)) this.#depth += mark === '{' ? 1 : mark === '}' ? -1 : 0;
    if (this.#depth <= 0 || this.#size > objectBytesMax) found.push(...this.end());
    return found;
  }

  end(): { text: string; line: number }[] {
    const text = this.#held.join('\n').trim().replace(/,$/, '');
    this.#held = [];
    this.#size = 0;
    this.#depth = 0;
    return text === '' ? [] : [{ text, line: this.#startLine }];
  }
}
