/**
 * A profile: histograms of flows, one for each combination of file, interval and group that was asked for. The figures are raw counts, so
 * that the profile of a month is the sum of its days and of its files, to the last byte (law 1). A flow counts in the interval in which it
 * starts; with `spread` its packets and bytes are shared among the intervals that it lasted, evenly over its time, in integers that sum
 * to the record's: interval [a, b) gets floor(B*(b-first)/D) - floor(B*(a-first)/D) of B, D being its duration. Biflows count their
 * forward side.
 */

import { formatAddress } from '../base/address.js';
import { Malformed, Refused, Usage } from '../base/faults.js';
import type { FlowBatch } from '../base/flow-batch.js';
import {
  addFlows,
  BinFinder,
  type Bins,
  binRows,
  checked,
  type Histogram,
  mergeHistogram,
  type ProfileBy,
  zeroHistogram,
} from './histogram.js';
import { type Per, ZoneCalendar } from './period.js';

/** What a profile is made of. Two that differ in any of this do not merge. */
export interface ProfileShape {
  readonly bins: Bins;
  readonly group: readonly GroupField[];
  readonly byFile: boolean;
  readonly per: ProfilePer | undefined;
  readonly zone: string;
  readonly spread: boolean;
}

/** One histogram and what it is of. */
export interface ProfileCell {
  readonly file?: string;
  /** Start of the interval, milliseconds of the epoch. */
  readonly startMs?: number;
  readonly group?: readonly string[];
  readonly histogram: Histogram;
}

const pers = { '5m': 300_000, '15m': 900_000, hour: 'hour', day: 'day', month: 'month', year: 'year' } as const;
export type ProfilePer = keyof typeof pers;
export const profilePers = Object.keys(pers) as readonly ProfilePer[];

type GroupReader = (batch: FlowBatch, row: number) => string | number;

const groups = {
  proto: (batch, row) => batch.proto[row] as number,
  srcport: (batch, row) => batch.sport[row] as number,
  dstport: (batch, row) => batch.dport[row] as number,
  srcip: (batch, row) => formatAddress(batch.src, row * 16, batch.family[row] as number),
  dstip: (batch, row) => formatAddress(batch.dst, row * 16, batch.family[row] as number),
  exporter: (batch, row) => exporterOf(batch, row),
  family: (batch, row) => batch.family[row] as number,
  flags: (batch, row) => batch.flags[row] as number,
  tos: (batch, row) => batch.tos[row] as number,
  inif: (batch, row) => batch.inIf[row] as number,
  outif: (batch, row) => batch.outIf[row] as number,
  srcas: (batch, row) => batch.srcAs[row] as number,
  dstas: (batch, row) => batch.dstAs[row] as number,
  vlan: (batch, row) => batch.vlan?.[row] ?? 0,
} as const satisfies Record<string, GroupReader>;
export type GroupField = keyof typeof groups;
export const groupFields = Object.keys(groups) as readonly GroupField[];

/** Columns that groups look at. */
export function groupColumns(fields: readonly GroupField[]): string[] {
  return fields.flatMap((field) => columnsOfGroup[field]);
}
const columnsOfGroup: Readonly<Record<GroupField, readonly string[]>> = {
  proto: ['proto'],
  srcport: ['sport'],
  dstport: ['dport'],
  srcip: ['src', 'family'],
  dstip: ['dst', 'family'],
  exporter: ['exporter'],
  family: ['family'],
  flags: ['flags'],
  tos: ['tos'],
  inif: ['inIf'],
  outif: ['outIf'],
  srcas: ['srcAs'],
  dstas: ['dstAs'],
  vlan: ['vlan'],
};

// Names that users of nfdump and of the CSV have in their fingers.
const otherNames: Readonly<Record<string, GroupField>> = {
  port: 'dstport',
  sport: 'srcport',
  dport: 'dstport',
  src: 'srcip',
  dst: 'dstip',
  router: 'exporter',
  in_if: 'inif',
  out_if: 'outif',
  src_as: 'srcas',
  dst_as: 'dstas',
};

/** Cells that a profile may hold. */
const cellsMax = 200_000;

/** Reads `proto,dstport`. */
export function parseGroup(text: string): GroupField[] {
  return text.split(',').map((part) => {
    const name = part.trim().toLowerCase();
    const field = groupFields.find((known) => known === name) ?? (Object.hasOwn(otherNames, name) ? otherNames[name] : undefined);
    if (field === undefined) throw new Usage(`--group '${part.trim()}' (expected ${groupFields.join(', ')})`);
    return field;
  });
}

export class Profile {
  readonly shape: ProfileShape;
  readonly #cells = new Map<string, ProfileCell>();
  readonly #finder: BinFinder;
  readonly #calendar: ZoneCalendar;
  #bins = new Uint16Array(1 << 14);
  #interval: Interval = { startMs: 0, endMs: 0 };

  constructor(shape: ProfileShape) {
    this.shape = shape;
    this.#finder = new BinFinder(shape.bins);
    this.#calendar = new ZoneCalendar(shape.zone);
  }

  /** Counts the rows of a batch. */
  add(batch: FlowBatch): void {
    if (batch.count === 0) return;
    if (this.#bins.length < batch.count) this.#bins = new Uint16Array(batch.count);
    const bins = this.#bins;
    binRows(batch, this.shape.bins.by, this.#finder, bins);
    if (this.shape.per === undefined && this.shape.group.length === 0) addFlows(this.#cell(batch.file, undefined, undefined), batch, bins);
    else for (let row = 0; row < batch.count; row++) this.#addRow(batch, row, bins[row] as number);
  }

  /** Adds the cells of another profile of the same shape. Throws Malformed, naming both, when the shapes differ. */
  merge(cells: Iterable<ProfileCell>, shape: ProfileShape, name: string): void {
    const [own, other] = [shapeText(this.shape), shapeText(shape)];
    if (own !== other)
      throw new Malformed(`profiles that differ do not merge: this one is of ${other}, the other of ${own}`, { file: name });
    for (const { file, startMs, group, histogram } of cells) mergeHistogram(this.#cell(file ?? '', startMs, group), histogram);
  }

  /** All cells, by file, time and group. */
  cells(): ProfileCell[] {
    return [...this.#cells.values()].sort(compareCells);
  }

  /** The sum of all cells. */
  total(): Histogram {
    const sum = zeroHistogram(this.shape.bins);
    for (const { histogram } of this.#cells.values()) mergeHistogram(sum, histogram);
    return sum;
  }

  /** The interval that holds an instant. */
  intervalAt(atMs: number): Interval {
    const held = this.#interval;
    if (atMs >= held.startMs && atMs < held.endMs) return held;
    const step = pers[this.shape.per ?? 'day'];
    if (typeof step === 'number') {
      const startMs = Math.floor(atMs / step) * step;
      this.#interval = { startMs, endMs: startMs + step };
    } else this.#interval = this.#calendar.periodAt(step as Per, atMs);
    return this.#interval;
  }

  #addRow(batch: FlowBatch, row: number, bin: number): void {
    const group = this.shape.group.length === 0 ? undefined : this.shape.group.map((field) => String(groups[field](batch, row)));
    const packets = batch.packets[row] as number;
    const bytes = batch.bytes[row] as number;
    if (this.shape.per === undefined) {
      addOne(this.#cell(batch.file, undefined, group), bin, 1, packets, bytes);
      return;
    }
    const firstMs = (batch.firstSeconds[row] as number) * 1000 + Math.floor((batch.firstNanos[row] as number) / 1e6);
    const lastMs = (batch.lastSeconds[row] as number) * 1000 + Math.floor((batch.lastNanos[row] as number) / 1e6);
    let interval = this.intervalAt(firstMs);
    if (!this.shape.spread || lastMs < interval.endMs) {
      addOne(this.#cell(batch.file, interval.startMs, group), bin, 1, packets, bytes);
      return;
    }
    const firstNs = nanosOf(batch.firstSeconds[row] as number, batch.firstNanos[row] as number);
    const durationNs = nanosOf(batch.lastSeconds[row] as number, batch.lastNanos[row] as number) - firstNs;
    const share = (total: number, atMs: number): number => {
      const past = BigInt(atMs) * 1_000_000n - firstNs;
      return past >= durationNs ? total : Number((BigInt(total) * past) / durationNs);
    };
    let donePackets = 0;
    let doneBytes = 0;
    for (let flows = 1; ; flows = 0) {
      const [uptoPackets, uptoBytes] =
        lastMs < interval.endMs ? [packets, bytes] : [share(packets, interval.endMs), share(bytes, interval.endMs)];
      addOne(this.#cell(batch.file, interval.startMs, group), bin, flows, uptoPackets - donePackets, uptoBytes - doneBytes);
      if (lastMs < interval.endMs) return;
      [donePackets, doneBytes] = [uptoPackets, uptoBytes];
      interval = this.intervalAt(interval.endMs);
    }
  }

  #cell(file: string, startMs: number | undefined, group: readonly string[] | undefined): Histogram {
    const named = this.shape.byFile ? file : '';
    const key = `${named}\0${startMs ?? ''}\0${group?.join('\0') ?? ''}`;
    let cell = this.#cells.get(key);
    if (cell === undefined) {
      if (this.#cells.size >= cellsMax)
        throw new Refused(`more than ${cellsMax} intervals and groups (a coarser --per or --group has fewer)`);
      cell = {
        ...(this.shape.byFile ? { file } : {}),
        ...(startMs === undefined ? {} : { startMs }),
        ...(group === undefined ? {} : { group }),
        histogram: zeroHistogram(this.shape.bins),
      };
      this.#cells.set(key, cell);
    }
    return cell.histogram;
  }
}

interface Interval {
  readonly startMs: number;
  readonly endMs: number;
}

// The exporter's own family shows in its bytes: IPv4 is mapped; all zero is unknown.
function exporterOf({ exporter }: FlowBatch, row: number): string {
  if (exporter === undefined) return '';
  const bytes = exporter.subarray(row * 16, row * 16 + 16);
  if (bytes.every((byte) => byte === 0)) return '';
  return formatAddress(bytes, 0, bytes[10] === 0xff && bytes[11] === 0xff && bytes.subarray(0, 10).every((byte) => byte === 0) ? 4 : 6);
}

function addOne({ flows, packets, bytes }: Histogram, bin: number, one: number, packetCount: number, byteCount: number): void {
  flows[bin] = (flows[bin] as number) + one;
  packets[bin] = checked((packets[bin] as number) + packetCount);
  bytes[bin] = checked((bytes[bin] as number) + byteCount);
}

function nanosOf(seconds: number, nanos: number): bigint {
  return BigInt(seconds) * 1_000_000_000n + BigInt(nanos);
}

function compareCells(one: ProfileCell, two: ProfileCell): number {
  return (
    compareTexts(one.file ?? '', two.file ?? '') ||
    (one.startMs ?? 0) - (two.startMs ?? 0) ||
    compareGroups(one.group ?? [], two.group ?? [])
  );
}

// Numbers before texts, each in its own order.
function compareGroups(one: readonly string[], two: readonly string[]): number {
  for (let index = 0; index < one.length; index++) {
    const [left, right] = [one[index] ?? '', two[index] ?? ''];
    const order = /^\d+$/.test(left) && /^\d+$/.test(right) ? Number(left) - Number(right) : compareTexts(left, right);
    if (order !== 0) return order;
  }
  return 0;
}

function compareTexts(one: string, two: string): number {
  return one < two ? -1 : one > two ? 1 : 0;
}

/** In words what a profile is of. */
export function shapeText(shape: ProfileShape): string {
  const parts = [`bins ${shape.bins.identity}`];
  if (shape.group.length > 0) parts.push(`group ${shape.group.join(',')}`);
  if (shape.byFile) parts.push('by file');
  if (shape.per !== undefined) parts.push(`per ${shape.per} in ${shape.zone}`);
  if (shape.spread) parts.push('spread');
  return parts.join(', ');
}

/** What flows may be binned by. */
export const profileBys: readonly ProfileBy[] = ['packets', 'bytes', 'duration', 'bpp'];
