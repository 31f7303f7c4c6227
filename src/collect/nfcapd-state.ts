/**
 * What reading an nfcapd file gathers on the way: its exporters and samplers, which stand among the flows, and what there was that no flow is
 * made of, said at the end with its count.
 *
 *     7 exporter   | 4 u32 version | 8 16 bytes address | 24 u16 family | 26 u16 exporter id | 28 u32 domain |
 *                  family 2: u32 at 16; 10: 2 u64; 0: 16 bytes as on the wire (nfdump 1.7.3 and later)
 *     8 statistics of exporters: not looked at
 *     9 sampler    | 4 i32 id | 8 u32 one in | 12 u16 mode | 14 u16 exporter id |
 *     15 sampler   | 4 u16 exporter id | 6 u16 algorithm | 8 i64 id | 16 u32 taken | 20 u32 passed over |
 */

import type { ReadOptions } from './format.js';
import { putIpv4, putIpv6 } from './nfcapd-fields.js';

/** Ids of exporters are below this. */
export const exportersMax = 65536;
/** The rate of an exporter that has several samplers. */
export const severalRates = 0xffffffff;

/** Kinds of records that carry no flows and need no word: maps, exporters, samplers, names of applications and interfaces, identity and statistics. */
const silentTypes: ReadonlySet<number> = new Set([2, 7, 8, 9, 12, 13, 14, 15, 0x8001, 0x8002]);

export class NfcapdState {
  readonly file: string;
  readonly options: ReadOptions;
  readonly isLittle: boolean;
  /** Offset of the block that is read. */
  blockOffset = 0;
  /** Extension ids by map id (layout 1). */
  readonly maps = new Map<number, readonly number[]>();
  /** Called with each map. */
  onMap: (id: number, extensions: readonly number[]) => void = () => undefined;
  /** 16 bytes an exporter id. */
  readonly exporters: Uint8Array;
  /** One in how many, by exporter id; 0 unknown. */
  readonly rates: Uint32Array;
  /** Records whose time was beyond what a column holds. */
  timesMoved = 0;
  readonly #samplers = new Map<string, number>();
  readonly #known = new Set<number>();
  readonly #foreign = new Map<string, number>();

  constructor(file: string, options: ReadOptions, isLittle: boolean, exporters: Uint8Array, rates: Uint32Array) {
    this.file = file;
    this.options = options;
    this.isLittle = isLittle;
    this.exporters = exporters;
    this.rates = rates;
  }

  /** Empties the tables of exporters for another file. */
  forget(): void {
    for (const id of this.#known) {
      this.exporters.fill(0, id * 16, id * 16 + 16);
      this.rates[id] = 0;
    }
    this.#known.clear();
  }

  /** Takes a map of extensions. */
  setMap(id: number, extensions: readonly number[]): void {
    this.maps.set(id, extensions);
    this.onMap(id, extensions);
  }

  /** Takes a record that is no flow. */
  note(view: DataView, at: number, size: number): void {
    const type = view.getUint16(at, this.isLittle);
    if (type === 7 && size >= 32) this.#exporter(view, at);
    else if (type === 9 && size >= 16) {
      this.#sampler(
        view.getUint16(at + 14, this.isLittle),
        String(view.getInt32(at + 4, this.isLittle)),
        view.getUint32(at + 8, this.isLittle),
      );
    } else if (type === 15 && size >= 24) {
      const [taken, passed] = [view.getUint32(at + 16, this.isLittle), view.getUint32(at + 20, this.isLittle)];
      const rate = taken === 0 ? 0 : Math.round((taken + passed) / taken);
      this.#sampler(
        view.getUint16(at + 4, this.isLittle),
        String(view.getBigInt64(at + 8, this.isLittle)),
        Math.min(rate, severalRates - 1),
      );
    } else if (!silentTypes.has(type)) this.foreign(`records of type ${type}`, 1);
  }

  /** Counts what no flow is made of. */
  foreign(what: string, count: number): void {
    this.#foreign.set(what, (this.#foreign.get(what) ?? 0) + count);
  }

  /** The sampling rate of an exporter, by the sampler if it has several. */
  rateOf(exporter: number, sampler: string | undefined): number {
    const rate = this.rates[exporter] ?? 0;
    return rate === severalRates ? (this.#samplers.get(`${exporter} ${sampler}`) ?? 0) : rate;
  }

  /** Counts a record of a block that cannot be read. */
  lose(at: number, cause: string, message: string): void {
    this.options.reject({
      file: this.file,
      offset: this.blockOffset,
      cause,
      count: 1,
      original: `record at byte ${at} of its block`,
      message,
    });
  }

  /** Says at the end of a file what it held beside flows. */
  say(): void {
    for (const [what, count] of this.#foreign) this.options.notice(`${this.file}: ${count} ${what}: not of this format, passed over`);
    if (this.timesMoved > 0)
      this.options.notice(`${this.file}: ${this.timesMoved} flows with times outside 1970 to 2106: kept, their times moved to that end`);
  }

  #exporter(view: DataView, at: number): void {
    const [family, id] = [view.getUint16(at + 24, this.isLittle), view.getUint16(at + 26, this.isLittle)];
    this.#known.add(id);
    if (family === 2) putIpv4(this.exporters, id, view.getUint32(at + 16, this.isLittle));
    else if (family === 10) putIpv6(this.exporters, id, view, at + 8, this.isLittle);
    else putIpv6(this.exporters, id, view, at + 8, false);
  }

  #sampler(exporter: number, id: string, rate: number): void {
    const known = this.rates[exporter] ?? 0;
    this.#known.add(exporter);
    this.#samplers.set(`${exporter} ${id}`, rate);
    this.rates[exporter] = known === 0 || known === rate ? rate : severalRates;
  }
}
