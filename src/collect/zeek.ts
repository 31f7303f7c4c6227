/**
 * Zeek's conn.log, as TSV (with its `#fields` header) and as JSON lines. A connection is one row with both directions: the originator's side
 * forward, the responder's reverse. Bytes are those of layer 3 (`orig_ip_bytes`), else of the payload where a log lacks them.
 *
 * TCP flags come from `history`: upper case is the originator's. ICMP's type stands in `id.orig_p`, in `id.resp_p` the type of the answer where
 * there is one to it (the code is 0 then), else the code.
 * Source: Zeek's documentation of conn.log and of Conn::Info.
 */

import type { Meaning, TimeUnit } from './csv-columns.js';
import type { FlowFormat } from './format.js';
import { firstLines, type LineReading, readTextLines } from './text-lines.js';
import type { TextRecord } from './text-record.js';

export const zeekTsv: FlowFormat = {
  name: 'Zeek conn.log',
  detect: (head) =>
    /^#separator /.test(firstLines(head, 1)[0] ?? '') && firstLines(head, 20).some((line) => /^#fields.*\bid\.orig_h\b/.test(line)),
  read: (input, options) => readTextLines(input, options, columns, tsvReader()),
};

export const zeekJson: FlowFormat = {
  name: 'Zeek conn.log as JSON',
  detect: (head) => {
    const [first = ''] = firstLines(head, 1);
    return first.startsWith('{') && first.includes('"id.orig_h"') && first.includes('"ts"');
  },
  read: (input, options) => readTextLines(input, options, columns, readJson),
};

const columns: ReadonlySet<Meaning> = new Set<Meaning>(['packets_rev', 'bytes_rev', 'flags_rev', 'vlan']);

function tsvReader(): (text: string) => LineReading {
  let separator = '\t';
  let unset = '-';
  let empty = '(empty)';
  let fields: string[] = [];
  return (text) => {
    if (text.trim() === '') return 'skip';
    if (text.startsWith('#')) {
      const [name, ...values] = text.slice(1).split(text.startsWith('#separator') ? ' ' : separator);
      if (name === 'separator')
        separator = (values[0] ?? '\\x09').replace(/\\x([0-9a-f]{2})/gi, (_, code: string) =>
          String.fromCharCode(Number.parseInt(code, 16)),
        );
      else if (name === 'unset_field') unset = values[0] ?? '-';
      else if (name === 'empty_field') empty = values[0] ?? '(empty)';
      else if (name === 'fields') fields = values;
      return 'skip';
    }
    const values = text.split(separator);
    if (values.length !== fields.length) return { cause: 'columns', message: `expected the ${fields.length} fields of the header` };
    const places = new Map(fields.map((name, index) => [name, index]));
    return recordOf((name) => {
      const value = values[places.get(name) ?? -1];
      return value === undefined || value === unset || value === empty ? undefined : value;
    });
  };
}

function readJson(text: string): LineReading {
  if (text.trim() === '') return 'skip';
  let record: unknown;
  try {
    record = JSON.parse(text);
  } catch {
    return { cause: 'columns', message: 'expected an object of JSON in one line' };
  }
  if (typeof record !== 'object' || record === null) return { cause: 'columns', message: 'expected an object of JSON in one line' };
  const fields = record as Record<string, unknown>;
  return recordOf((name) => {
    const value = fields[name];
    // A time in epoch seconds loses nothing at Zeek's six decimals.
    if (typeof value === 'number') return name === 'ts' || name === 'duration' ? value.toFixed(6) : String(value);
    return typeof value === 'string' ? value : undefined;
  });
}

function recordOf(field: (name: string) => string | undefined): TextRecord {
  const proto = field('proto') ?? '';
  const isIcmp = /^icmp/i.test(proto);
  const isSix = (field('id.orig_h') ?? '').includes(':');
  const history = field('history') ?? '';
  const texts: Partial<Record<Meaning, string | undefined>> = {
    first: field('ts'),
    duration: field('duration') ?? '0',
    src: field('id.orig_h'),
    dst: field('id.resp_h'),
    sport: isIcmp ? '0' : field('id.orig_p'),
    dport: isIcmp ? icmpOf(field('id.orig_p') ?? '0', field('id.resp_p') ?? '0', isSix) : field('id.resp_p'),
    proto: isIcmp && isSix ? '58' : proto === 'unknown_transport' ? '0' : proto,
    flags: String(/^tcp$/i.test(proto) ? flagsOf(history, true) : 0),
    flags_rev: String(/^tcp$/i.test(proto) ? flagsOf(history, false) : 0),
    packets: field('orig_pkts') ?? '0',
    bytes: field('orig_ip_bytes') ?? field('orig_bytes') ?? '0',
    packets_rev: field('resp_pkts') ?? '0',
    bytes_rev: field('resp_ip_bytes') ?? field('resp_bytes') ?? '0',
    vlan: field('vlan'),
  };
  const isText = /[-T:]/.test(texts.first ?? '');
  const unit = (meaning: Meaning): TimeUnit => (meaning === 'duration' ? 1 : isText ? 0 : 1);
  return { text: (meaning) => texts[meaning], unit };
}

// Types of which each answers the other.
const answered = [pairsOf('8-0 13-14 15-16 10-9 17-18'), pairsOf('130-131 128-129 133-134 135-136 139-140 144-145')] as const;

function pairsOf(text: string): ReadonlySet<string> {
  return new Set(text.split(' ').flatMap((pair) => [pair, pair.split('-').reverse().join('-')]));
}

function icmpOf(type: string, answer: string, isSix: boolean): string {
  return `${type}.${answered[isSix ? 1 : 0].has(`${type}-${answer}`) ? 0 : answer}`;
}

const [fin, syn, rst, psh, ack] = [1, 2, 4, 8, 16];
const historyFlags: Readonly<Record<string, number>> = { s: syn, h: syn | ack, a: ack, d: psh | ack, f: fin | ack, r: rst, i: fin | rst };

// What the packets named in the history carry at least.
function flagsOf(history: string, originator: boolean): number {
  let flags = 0;
  for (const letter of history) {
    const lower = letter.toLowerCase();
    if ((letter !== lower) === originator) flags |= historyFlags[lower] ?? 0;
  }
  return flags;
}
