/**
 * A flow record whose fields are texts, from a CSV with a header, Zeek, JSON lines or a cloud's flow log: each reader says which text means
 * what, and here it becomes a row of the batch or a cause why it cannot. Counters of the reverse direction make a row a biflow.
 */

import { parseAddress } from '../base/address.js';
import { defaultBatchRows, FlowBatch, type PresentColumn, type UnreadableCause } from '../base/flow-batch.js';
import { isPlain, optionalColumns, optionalNames } from '../base/flow-columns.js';
import { type Instant, parseInstant } from '../base/time.js';
import type { Meaning, TimeUnit } from './csv-columns.js';
import type { ReadOptions } from './format.js';
import { protocolNumber } from './protocol-names.js';

/** The texts of one record. */
export interface TextRecord {
  /** The text that means this; undefined where the record has none. */
  readonly text: (meaning: Meaning) => string | undefined;
  /** The unit of a time. */
  readonly unit: (meaning: Meaning) => TimeUnit;
  /** Whether names may mean something else with others: what does not read as a column of few formats is none, and no fault of the row. */
  readonly isForeign?: boolean;
}

const limit53 = 9007199254740992;
/** What was expected, by cause. */
export const textMessages: Readonly<Record<UnreadableCause, string>> = {
  columns: 'expected the fields of the format',
  number: 'expected a whole number',
  time: 'expected a time: RFC 3339, or a number in the unit of its column',
  address: 'expected an IPv4 or IPv6 address',
  family: 'source and destination are of different address families',
  port: 'expected a port from 0 to 65535',
  icmp: 'expected type.code or type*256+code',
  range: 'a number is larger than its field (counters: 2^53)',
};

/** An empty batch with the optional columns among the meanings. */
export function textBatch(meanings: ReadonlySet<Meaning>, options: ReadOptions): FlowBatch {
  const batch = new FlowBatch(
    defaultBatchRows,
    optionalNames.filter((name) => meanings.has(optionalColumns[name].printed)),
  );
  if (options.keepOriginals) batch.originals = [];
  return batch;
}

/** Fills row `index` of the batch; answers why it cannot. `number` is the record's, for addresses that are drawn. */
export function fillRecord(
  record: TextRecord,
  batch: FlowBatch,
  index: number,
  options: ReadOptions,
  number: number,
): UnreadableCause | undefined {
  const { text } = record;
  return (
    fillTimes(record, batch, index, options) ??
    fillAddresses(text, batch, index, options, number) ??
    fillProtocol(text, batch, index) ??
    fillCounters(text, batch, index) ??
    fillOptional(record, batch, index, options)
  );
}

function fillTimes({ text, unit }: TextRecord, batch: FlowBatch, index: number, options: ReadOptions): UnreadableCause | undefined {
  const first = instantOf(text('first') ?? '', unit('first'), options.timeZone);
  const lastText = text('last');
  const last =
    lastText !== undefined
      ? instantOf(lastText, unit('last'), options.timeZone)
      : first === undefined
        ? undefined
        : lengthened(first, text('duration'), unit('duration'));
  if (
    first === undefined ||
    last === undefined ||
    first.seconds < 0 ||
    last.seconds < 0 ||
    first.seconds > 0xffffffff ||
    last.seconds > 0xffffffff
  )
    return 'time';
  batch.firstSeconds[index] = first.seconds;
  batch.firstNanos[index] = first.nanos;
  batch.lastSeconds[index] = last.seconds;
  batch.lastNanos[index] = last.nanos;
  return undefined;
}

function instantOf(text: string, unit: TimeUnit, timeZone: string | undefined): Instant | undefined {
  // nfdump prints a time that is not known (events of firewalls) so.
  if (text.startsWith('0000-00-00')) return { seconds: 0, nanos: 0 };
  if (unit === 0) return parseInstant(text, timeZone);
  const match = /^(\d{1,20})(?:\.(\d{1,9})\d*)?$/.exec(text);
  if (match === null) return undefined;
  const nanos = BigInt(match[1] ?? '0') * BigInt(1e9 / unit) + BigInt(Math.floor(Number(`0.${match[2] ?? '0'}`) * (1e9 / unit) + 1e-6));
  return { seconds: Number(nanos / 1_000_000_000n), nanos: Number(nanos % 1_000_000_000n) };
}

function lengthened(first: Instant, duration: string | undefined, unit: TimeUnit): Instant | undefined {
  if (duration === undefined) return first;
  const length = instantOf(duration, unit === 0 ? 1 : unit, undefined);
  if (length === undefined) return undefined;
  const nanos = first.nanos + length.nanos;
  return { seconds: first.seconds + length.seconds + (nanos >= 1e9 ? 1 : 0), nanos: nanos >= 1e9 ? nanos - 1e9 : nanos };
}

function fillAddresses(
  text: TextRecord['text'],
  batch: FlowBatch,
  index: number,
  options: ReadOptions,
  number: number,
): UnreadableCause | undefined {
  const said = text('family');
  const family = Number(said ?? 0);
  const [src, dst] = [text('src') ?? '', text('dst') ?? ''];
  const families = [src, dst].map((address, side) => {
    const column = side === 0 ? batch.src : batch.dst;
    if (address === '' && said !== undefined)
      return drawAddress(column, index * 16, family, number * 2 + side + (options.seed ?? 1) * 0x9e3779b1);
    return parseAddress(address, column, index * 16);
  });
  if (families[0] === 0 || families[1] === 0) return 'address';
  if (families[0] !== families[1]) return 'family';
  batch.family[index] = families[0] ?? 0;
  return undefined;
}

/** An address of 10.0.0.0/8 or fd00::/8 from a number: the same for the same seed and row. */
function drawAddress(out: Uint8Array, offset: number, family: number, number: number): 0 | 4 | 6 {
  if (family !== 4 && family !== 6) return 0;
  let state = number >>> 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return (mixed ^ (mixed >>> 14)) >>> 0;
  };
  out.fill(0, offset, offset + 16);
  if (family === 6) {
    out[offset] = 0xfd;
    for (let byte = 8; byte < 16; byte++) out[offset + byte] = next() & 0xff;
    return 6;
  }
  out[offset + 10] = 0xff;
  out[offset + 11] = 0xff;
  out[offset + 12] = 10;
  for (let byte = 13; byte < 16; byte++) out[offset + byte] = next() & 0xff;
  return 4;
}

function fillProtocol(text: TextRecord['text'], batch: FlowBatch, index: number): UnreadableCause | undefined {
  const protoText = (text('proto') ?? '0').toLowerCase();
  const proto = /^\d+$/.test(protoText) ? Number(protoText) : protocolNumber(protoText);
  if (proto === undefined) return 'number';
  if (proto > 255) return 'range';
  batch.proto[index] = proto;
  const isTyped = proto === 1 || proto === 58 || proto === 2;
  const dportText = text('dport') ?? '0';
  const dotted = isTyped ? /^(\d{1,3})\.(\d{1,3})$/.exec(dportText) : null;
  const dport =
    dotted === null
      ? whole(dportText === '' ? '0' : dportText, 65535)
      : Number(dotted[1]) > 255 || Number(dotted[2]) > 255
        ? -1
        : Number(dotted[1]) * 256 + Number(dotted[2]);
  const sport = whole(text('sport') || '0', 65535);
  if (dport < 0) return isTyped ? 'icmp' : 'port';
  if (sport < 0) return 'port';
  batch.sport[index] = sport;
  batch.dport[index] = dport;
  for (const [meaning, column] of [
    ['flags', batch.flags],
    ['flags_rev', batch.flagsRev],
  ] as const) {
    if (column === undefined) continue;
    const flags = flagsOf(text(meaning) ?? '0');
    if (flags < 0) return flags === -2 ? 'range' : 'number';
    column[index] = flags;
  }
  return undefined;
}

const letters: Readonly<Record<string, number>> = { '.': 0, F: 1, S: 2, R: 4, P: 8, A: 16, U: 32, E: 64, C: 128 };

function flagsOf(text: string): number {
  if (text === '') return 0;
  if (/^\d+$/.test(text)) return whole(text, 255);
  if (/^0x[0-9a-f]{1,2}$/i.test(text)) return Number(text);
  let flags = 0;
  for (const letter of text) flags |= letters[letter] ?? 256;
  return flags > 255 ? -1 : flags;
}

function fillCounters(text: TextRecord['text'], batch: FlowBatch, index: number): UnreadableCause | undefined {
  for (const [meaning, column, limit] of [
    ['packets', batch.packets, limit53],
    ['bytes', batch.bytes, limit53],
    ['tos', batch.tos, 255],
    ['in_if', batch.inIf, 0xffffffff],
    ['out_if', batch.outIf, 0xffffffff],
    ['src_as', batch.srcAs, 0xffffffff],
    ['dst_as', batch.dstAs, 0xffffffff],
  ] as const) {
    const value = whole(text(meaning) || '0', limit);
    if (value < 0) return value === -2 ? 'range' : 'number';
    column[index] = value;
  }
  return undefined;
}

function fillOptional(record: TextRecord, batch: FlowBatch, index: number, options: ReadOptions): UnreadableCause | undefined {
  for (const present of batch.present()) {
    if (present.name === 'flagsRev') continue;
    const { printed } = optionalColumns[present.name];
    const text = record.text(printed) ?? '';
    const cause = text === '' ? emptied(present, index) : fillOne(present, text, index, record.unit(printed), options);
    if (cause === undefined) continue;
    if (record.isForeign !== true || isPlain(present.name)) return cause;
    emptied(present, index);
  }
  return undefined;
}

function emptied({ column, width }: PresentColumn, index: number): undefined {
  column.fill(0, index * width, (index + 1) * width);
}

function fillOne(present: PresentColumn, text: string, index: number, unit: TimeUnit, options: ReadOptions): UnreadableCause | undefined {
  const { column, name } = present;
  const { kind } = optionalColumns[name];
  if (kind === 'number') {
    const value = whole(text, column instanceof Float64Array ? limit53 : 2 ** (8 * column.BYTES_PER_ELEMENT) - 1);
    if (value < 0) return value === -2 ? 'range' : 'number';
    column[index] = value;
  } else if (kind === 'address') {
    emptied(present, index);
    if (text !== '0.0.0.0' && parseAddress(text, column as Uint8Array, index * 16) === 0) return 'address';
  } else if (kind === 'mac') {
    if (!/^([0-9a-f]{2}[:-]){5}[0-9a-f]{2}$/i.test(text)) return 'number';
    column[index] = Number.parseInt(text.replace(/[:-]/g, ''), 16);
  } else if (kind === 'time') {
    const instant = instantOf(text, unit, options.timeZone);
    if (instant === undefined || instant.seconds < 0 || instant.seconds > 0xffffffff) return 'time';
    column[index] = instant.seconds * 1000 + Math.floor(instant.nanos / 1e6);
  } else return fillLabels(present, text, index);
  return undefined;
}

function fillLabels(present: PresentColumn, text: string, index: number): UnreadableCause | undefined {
  emptied(present, index);
  for (const [place, label] of text.trim().split(/ +/).slice(0, 10).entries()) {
    const match = /^(\d{1,7})-([0-7])-([01])$/.exec(label);
    if (match === null) return 'number';
    const word = Number(match[1]) * 16 + Number(match[2]) * 2 + Number(match[3]);
    if (word > 0xffffff) return 'range';
    present.column[index * 10 + place] = word;
  }
  return undefined;
}

/** Digits to a number: -1 when it is none, -2 beyond the limit. */
function whole(text: string, limit: number): number {
  if (!/^\d{1,40}$/.test(text)) return -1;
  const value = Number(text);
  return value > limit || (text.length > 15 && BigInt(text) > BigInt(limit)) ? -2 : value;
}
