/**
 * A filter as steps for the kernel `nfcapd-filter.as.ts`, which draws a step: they are asked of the bytes of records before any column is filled. Each
 * step tests one field of many records and joins what it finds to a mask by `and` or `or`; `not` goes down to the fields. The law: a record passes just when its columns would pass `filter.ts`, which does the same for every format.
 *
 * What has no step here (fields of rare elements, long lists, filters of many words) is left to that.
 */

import type { Comparator, FilterNode } from './filter-tree.js';
import type { Network } from './filter-values.js';

/** Bytes of a step and of a table of 65,536 values, and how many of each there can be; masks that wait for each other. */
export const stepBytes = 64;
export const stepsMax = 120;
export const tableBytes = 65536;
export const tablesMax = 4;
const masksMax = 16;

/** Steps as the kernel reads them, but for the addresses of tables. */
export interface RowProgram {
  readonly steps: Uint8Array;
  readonly count: number;
  /** Of the values of a list, by step. */
  readonly tables: readonly { readonly step: number; readonly values: Uint8Array }[];
}

/** Where a step has its fields. */
export const stepFields = { operation: 0, element: 4, offset: 8, mask: 12, or: 16, turned: 20, form: 24, isNew: 28, value: 32 } as const;

const operation = { masked8: 0, masked16: 1, whole32: 2, family: 3, equal: 4, less: 5, greater: 6, among: 7, network: 8, mask: 9 } as const;
const form = { u8: 0, u16: 1, u32: 2, u64: 3, duration: 4, bps: 5, pps: 6, bpp: 7, flows: 8 } as const;
type Form = keyof typeof form;
type Place = readonly [element: number, offset: number, form: Form];

/** Where what a step finds goes: into which mask, joined to what is there, or in place of it. */
interface Into {
  readonly mask: number;
  readonly join: 'and' | 'or' | 'new';
  /** Whether it is the opposite that counts. */
  readonly isTurned: boolean;
}

/** Columns and figures by the type of their element, their offset in it and their form. */
const places: Readonly<Record<string, Place>> = {
  packets: [1, 24, 'u64'],
  bytes: [1, 32, 'u64'],
  sport: [1, 40, 'u16'],
  dport: [1, 42, 'u16'],
  icmpCode: [1, 42, 'u8'],
  icmpType: [1, 43, 'u8'],
  proto: [1, 44, 'u8'],
  flags: [1, 45, 'u8'],
  tos: [1, 47, 'u8'],
  duration: [1, 0, 'duration'],
  bps: [1, 0, 'bps'],
  pps: [1, 0, 'pps'],
  bpp: [1, 0, 'bpp'],
  inIf: [4, 0, 'u32'],
  outIf: [4, 4, 'u32'],
  srcMask: [4, 8, 'u8'],
  dstMask: [4, 9, 'u8'],
  direction: [4, 10, 'u8'],
  dstTos: [4, 11, 'u8'],
  flowsOf: [5, 0, 'flows'],
  packetsRev: [5, 8, 'u64'],
  bytesRev: [5, 16, 'u64'],
  vlan: [6, 0, 'u16'],
  dstVlan: [6, 4, 'u16'],
  srcAs: [7, 0, 'u32'],
  dstAs: [7, 4, 'u32'],
};
/** The element of addresses, and where a layout has the place of an element. */
const addressElement = 2;
const layoutPlace = (element: number): number => 8 + element * 2;
const wholes: Readonly<Partial<Record<Form, readonly [operation: number, most: number]>>> = {
  u8: [operation.masked8, 0xff],
  u16: [operation.masked16, 0xffff],
  u32: [operation.whole32, 0xffffffff],
};

/** The program of a filter; undefined where it is not to be had, or where nothing has to be asked. */
export function rowProgram(tree: FilterNode): RowProgram | undefined {
  const writer = new ProgramWriter();
  writer.node(tree, { mask: 0, join: 'new', isTurned: false });
  const { steps, count, tables } = writer;
  return writer.isWhole && count > 0 ? { steps, count, tables } : undefined;
}

class ProgramWriter {
  readonly steps = new Uint8Array(stepsMax * stepBytes);
  readonly tables: { step: number; values: Uint8Array }[] = [];
  count = 0;
  /** Whether all of the filter could be written so far. */
  isWhole = true;
  readonly #view = new DataView(this.steps.buffer);

  node(node: FilterNode, into: Into): void {
    switch (node.is) {
      case 'and':
      case 'or':
        return this.#chain(node.of, node.is, into, (of, place) => this.node(of, place));
      case 'not':
        return this.node(node.of, { ...into, isTurned: !into.isTurned });
      case 'family':
        // nfdump's `inet` is what is not IPv6.
        this.#step(operation.family, [0, 0], node.isIpv6 ? into : { ...into, isTurned: !into.isTurned }, 0, 6);
        return;
      case 'flags':
        // Any of them: not none of them.
        this.#step(
          operation.masked8,
          places['flags'] as Place,
          node.any ? { ...into, isTurned: !into.isTurned } : into,
          node.mask,
          node.any ? 0 : node.mask,
        );
        return;
      case 'number':
        return this.#chain(node.columns, node.every ? 'and' : 'or', into, (column, place) =>
          this.#number(column, node.comparator, node.values, place),
        );
      case 'address':
        return this.#chain(node.columns, node.every ? 'and' : 'or', into, (column, place) =>
          this.#chain(node.networks, 'or', place, (network, one) => this.#network(column, network, one)),
        );
      default:
        // Of what always holds nothing is asked, unless it stands among others.
        this.isWhole = false;
    }
  }

  // Turned, all of them are any of the opposites. Where they cannot be joined to what is there one by one, they are made in a mask of their own.
  #chain<T>(of: readonly T[], word: 'and' | 'or', into: Into, write: (one: T, into: Into) => void): void {
    const [first] = of;
    if (first === undefined || into.mask >= masksMax) this.isWhole = false;
    else if (of.length === 1) write(first, into);
    else {
      const join = (word === 'and') === into.isTurned ? 'or' : 'and';
      const isOwn = into.join !== 'new' && into.join !== join;
      const mask = isOwn ? into.mask + 1 : into.mask;
      of.forEach((one, index) => {
        const isFirst = index === 0 && (isOwn || into.join === 'new');
        if (this.isWhole) write(one, { mask, join: isFirst ? 'new' : join, isTurned: into.isTurned });
      });
      if (isOwn) this.#step(operation.mask, [0, 0], { ...into, isTurned: false }, mask, 0);
    }
  }

  #number(column: string, comparator: Comparator, values: readonly number[], into: Into): void {
    const place = Object.hasOwn(places, column) ? places[column] : undefined;
    if (place === undefined || values.length === 0) this.isWhole = false;
    else if (values.length > 2) this.#among(place, values, into);
    else if (comparator !== '=') this.#compared(place, comparator, values[0] as number, into);
    else this.#chain(values, 'or', into, (value, one) => this.#equal(place, value, one));
  }

  #equal(place: Place, value: number, into: Into): void {
    const [whole, most] = wholes[place[2]] ?? [operation.equal, -1];
    if (!Number.isInteger(value) || value < 0 || value > most) this.#compared(place, '=', value, into);
    else this.#step(whole, place, into, most, value);
  }

  #compared(place: Place, by: Comparator, value: number, into: Into): void {
    const how = by === '=' ? operation.equal : by === '<' || by === '>=' ? operation.less : operation.greater;
    const isTurned = (by === '>=' || by === '<=') !== into.isTurned;
    const at = this.#step(how, place, { ...into, isTurned }, form[place[2]], 0);
    if (at !== undefined) this.#view.setFloat64(at + stepFields.value, value, true);
  }

  #among(place: Place, among: readonly number[], into: Into): void {
    const [, , name] = place;
    if ((name !== 'u8' && name !== 'u16') || this.tables.length === tablesMax) {
      this.isWhole = false;
      return;
    }
    const values = new Uint8Array(tableBytes);
    for (const value of among) if (value < tableBytes) values[value] = 1;
    this.tables.push({ step: this.count, values });
    this.#step(operation.among, place, into, form[name], 0);
  }

  #network(column: string, { bytes, bits }: Network, into: Into): void {
    if (column !== 'src' && column !== 'dst') {
      this.isWhole = false;
      return;
    }
    const masks = new Uint8Array(16);
    for (let bit = 0; bit < bits; bit++) masks[bit >> 3]! |= 0x80 >> (bit & 7);
    const long = (of: Uint8Array, at: number): bigint => new DataView(of.buffer, of.byteOffset).getBigUint64(at, false);
    const at = this.#step(operation.network, [addressElement, 0], into, column === 'src' ? 0 : 1, 0);
    if (at === undefined) return;
    for (const half of [0, 8]) {
      this.#view.setBigUint64(at + stepFields.value + half, long(masks, half), true);
      this.#view.setBigUint64(at + stepFields.value + 16 + half, long(bytes, half) & long(masks, half), true);
    }
  }

  // Answers where it stands, for what else it has.
  #step(how: number, [element, offset]: readonly [number, number, Form?], into: Into, detail: number, value: number): number | undefined {
    if (this.count === stepsMax || into.mask >= masksMax) {
      this.isWhole = false;
      return undefined;
    }
    const at = this.count++ * stepBytes;
    const fields = {
      operation: how,
      element: layoutPlace(element),
      offset,
      mask: into.mask,
      or: into.join === 'or' ? 1 : 0,
      turned: into.isTurned ? 1 : 0,
      form: detail,
      isNew: into.join === 'new' ? 1 : 0,
      value,
    };
    for (const [name, field] of Object.entries(fields)) this.#view.setUint32(at + stepFields[name as keyof typeof stepFields], field, true);
    return at;
  }
}
