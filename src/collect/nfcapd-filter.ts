/**
 * A filter as a program for the kernel `nfcapd-scan.as.ts`, which draws a step: it is asked of the bytes of a record before any column is filled. Each
 * step tests one field and names the step that follows if it holds and if it does not, so that `and`, `or` and `not` cost nothing and what is decided is
 * not looked at further. The law: a record passes just when its columns would pass `filter.ts`, which does the same for every format.
 *
 * What has no step here (fields of rare elements, long lists, filters of many words) is left to that.
 */

import type { Comparator, FilterNode } from './filter-tree.js';
import type { Network } from './filter-values.js';

/** Bytes of a step and of a table of 65,536 values, and how many of each there can be. */
export const stepBytes = 64;
export const stepsMax = 120;
export const tableBytes = 65536;
export const tablesMax = 4;

/** Steps as the kernel reads them, but that addresses are numbers still: steps from 2, 0 and 1 being the ends; tables from 0. */
export interface RowProgram {
  readonly steps: Uint8Array;
  readonly count: number;
  /** The first step. */
  readonly entry: number;
  /** Of the values of a list, by step. */
  readonly tables: readonly { readonly step: number; readonly bits: Uint8Array }[];
}

/** Where a step has its fields. */
export const stepFields = { operation: 0, element: 4, offset: 8, ifSo: 12, ifNot: 16, form: 20, value: 24 } as const;

const operation = { masked8: 0, masked16: 1, masked32: 2, family: 3, equal: 4, less: 5, greater: 6, among: 7, network: 8 } as const;
const form = { u8: 0, u16: 1, u32: 2, u64: 3, duration: 4, bps: 5, pps: 6, bpp: 7, flows: 8 } as const;
type Form = keyof typeof form;

/** Columns and figures by the type of their element, their offset in it and their form. */
const places: Readonly<Record<string, readonly [element: number, offset: number, form: Form]>> = {
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
const wholeMasks: Readonly<Partial<Record<Form, readonly [operation: number, mask: number]>>> = {
  u8: [operation.masked8, 0xff],
  u16: [operation.masked16, 0xffff],
  u32: [operation.masked32, 0xffffffff],
};

/** The program of a filter; undefined where it is not to be had, or where nothing has to be asked. */
export function rowProgram(tree: FilterNode): RowProgram | undefined {
  const writer = new ProgramWriter();
  const entry = writer.node(tree, 1, 0);
  return writer.isWhole && entry > 1 ? { steps: writer.steps, count: writer.count, entry, tables: writer.tables } : undefined;
}

class ProgramWriter {
  readonly steps = new Uint8Array(stepsMax * stepBytes);
  readonly tables: { step: number; bits: Uint8Array }[] = [];
  count = 0;
  /** Whether all of the filter could be written so far. */
  isWhole = true;
  readonly #view = new DataView(this.steps.buffer);

  /** Writes what decides a node, from its end; answers the step to begin with. */
  node(node: FilterNode, ifSo: number, ifNot: number): number {
    switch (node.is) {
      case 'all':
        return ifSo;
      case 'and':
      case 'or':
        return this.#chain(node.of, node.is === 'and', ifSo, ifNot, (of, so, not) => this.node(of, so, not));
      case 'not':
        return this.node(node.of, ifNot, ifSo);
      case 'family': {
        // nfdump's `inet` is what is not IPv6.
        const [so, not] = node.isIpv6 ? [ifSo, ifNot] : [ifNot, ifSo];
        return this.#step(operation.family, 0, 0, so, not, (at) => this.#view.setUint32(at + stepFields.value, 6, true));
      }
      case 'flags': {
        const [so, not] = node.any ? [ifNot, ifSo] : [ifSo, ifNot];
        return this.#masked(
          operation.masked8,
          places['flags'] as readonly [number, number, Form],
          node.mask,
          node.any ? 0 : node.mask,
          so,
          not,
        );
      }
      case 'number':
        return this.#chain(node.columns, node.every, ifSo, ifNot, (column, so, not) =>
          this.#number(column, node.comparator, node.values, so, not),
        );
      case 'address':
        return this.#chain(node.columns, node.every, ifSo, ifNot, (column, so, not) =>
          this.#chain(node.networks, false, so, not, (network, one, other) => this.#network(column, network, one, other)),
        );
      default:
        return this.#none();
    }
  }

  #none(): number {
    this.isWhole = false;
    return 0;
  }

  // The last of them is written first: those before it go on to it.
  #chain<T>(of: readonly T[], every: boolean, ifSo: number, ifNot: number, write: (one: T, ifSo: number, ifNot: number) => number): number {
    let entry = every && of.length > 0 ? ifSo : ifNot;
    for (let index = of.length - 1; index >= 0 && this.isWhole; index--)
      entry = every ? write(of[index] as T, entry, ifNot) : write(of[index] as T, ifSo, entry);
    return entry;
  }

  #number(column: string, comparator: Comparator, values: readonly number[], ifSo: number, ifNot: number): number {
    const place = Object.hasOwn(places, column) ? places[column] : undefined;
    const [value, second] = values;
    if (place === undefined || value === undefined) return this.#none();
    if (values.length > 2) return this.#among(place, values, ifSo, ifNot);
    if (comparator !== '=') return this.#compared(place, comparator, value, ifSo, ifNot);
    const last = second === undefined ? ifNot : this.#equal(place, second, ifSo, ifNot);
    return this.#equal(place, value, ifSo, last);
  }

  #equal(place: readonly [number, number, Form], value: number, ifSo: number, ifNot: number): number {
    const [masked, mask] = wholeMasks[place[2]] ?? [operation.equal, 0];
    if (mask === 0 || !Number.isInteger(value) || value < 0 || value > mask) return this.#compared(place, '=', value, ifSo, ifNot);
    return this.#masked(masked, place, mask, value, ifSo, ifNot);
  }

  #compared([element, offset, name]: readonly [number, number, Form], by: Comparator, value: number, ifSo: number, ifNot: number): number {
    const isTurned = by === '>=' || by === '<=';
    const [so, not] = isTurned ? [ifNot, ifSo] : [ifSo, ifNot];
    const how = by === '=' ? operation.equal : by === '<' || by === '>=' ? operation.less : operation.greater;
    return this.#step(how, element, offset, so, not, (at) => {
      this.#view.setUint32(at + stepFields.form, form[name], true);
      this.#view.setFloat64(at + stepFields.value, value, true);
    });
  }

  #masked(
    how: number,
    [element, offset]: readonly [number, number, Form],
    mask: number,
    value: number,
    ifSo: number,
    ifNot: number,
  ): number {
    return this.#step(how, element, offset, ifSo, ifNot, (at) => {
      this.#view.setUint32(at + stepFields.form, mask, true);
      this.#view.setUint32(at + stepFields.value, value, true);
    });
  }

  #among([element, offset, name]: readonly [number, number, Form], values: readonly number[], ifSo: number, ifNot: number): number {
    if ((name !== 'u8' && name !== 'u16') || this.tables.length === tablesMax) return this.#none();
    const bits = new Uint8Array(tableBytes);
    for (const value of values) if (value < tableBytes) bits[value] = 1;
    this.tables.push({ step: this.count, bits });
    return this.#step(operation.among, element, offset, ifSo, ifNot, (at) => this.#view.setUint32(at + stepFields.form, form[name], true));
  }

  #network(column: string, { bytes, bits }: Network, ifSo: number, ifNot: number): number {
    if (column !== 'src' && column !== 'dst') return this.#none();
    const masks = new Uint8Array(16);
    for (let bit = 0; bit < bits; bit++) masks[bit >> 3]! |= 0x80 >> (bit & 7);
    const long = (of: Uint8Array, at: number): bigint => new DataView(of.buffer, of.byteOffset).getBigUint64(at, false);
    return this.#step(operation.network, addressElement, 0, ifSo, ifNot, (at) => {
      this.#view.setUint32(at + stepFields.form, column === 'src' ? 0 : 1, true);
      for (const half of [0, 8]) {
        this.#view.setBigUint64(at + stepFields.value + half, long(masks, half), true);
        this.#view.setBigUint64(at + stepFields.value + 16 + half, long(bytes, half) & long(masks, half), true);
      }
    });
  }

  #step(how: number, element: number, offset: number, ifSo: number, ifNot: number, fill: (at: number) => void): number {
    if (this.count === stepsMax) return this.#none();
    const at = this.count * stepBytes;
    this.#view.setUint32(at + stepFields.operation, how, true);
    this.#view.setUint32(at + stepFields.element, layoutPlace(element), true);
    this.#view.setUint32(at + stepFields.offset, offset, true);
    this.#view.setUint32(at + stepFields.ifSo, ifSo, true);
    this.#view.setUint32(at + stepFields.ifNot, ifNot, true);
    fill(at);
    return 2 + this.count++;
  }
}
