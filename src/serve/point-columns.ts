/**
 * Points of one delivery (a piece of a file, the body of a request) by series and slot, until they are committed as one batch with an identity of its own. They
 * never mix with what listeners take, since a delivery that comes again must change nothing.
 *
 * Law: a point that cannot be kept is counted by cause; its neighbours are kept.
 */

import { ByteTable } from '../base/byte-table.js';
import { type PlaintextSink, parsePlaintext } from '../collect/graphite-plaintext.js';
import { graphiteName } from './graphite-session.js';
import { parseHidden, receivedName, rejectedName } from './hidden-series.js';
import type { MetricBatch, MetricStore } from './metric-store.js';
import { OpenSlots } from './open-slots.js';
import { OpenValues } from './open-values.js';

const daySeconds = 86_400;

export interface PointColumnsOptions {
  readonly metrics: Pick<MetricStore, 'ladderOf' | 'replaces' | 'keepsValues'>;
  /** Epoch seconds: what points are too old or too far ahead by, and the time of those that name none. */
  readonly nowSeconds: number;
  /** What the points came by, as their rejects are kept: `http`, `load`. */
  readonly origin: string;
  /** Whether a series may be made. */
  readonly admits: (name: string) => boolean;
}

interface SeriesWays {
  readonly stepSeconds: number;
  readonly keepSeconds: number;
  readonly replaces: boolean;
  readonly keepsValues: boolean;
}

export class PointColumns {
  readonly rejected = new Map<string, number>();
  accepted = 0;
  readonly names: string[] = [];
  readonly #options: PointColumnsOptions;
  readonly #raw = new ByteTable();
  readonly #byName = new Map<string, number>();
  readonly #ways: SeriesWays[] = [];
  readonly #slots = new OpenSlots();
  readonly #values = new OpenValues();
  readonly #rejectsKept = new Map<string, number>();
  #repeated = 0;
  #repeatedName = '';
  #bytes: Uint8Array = new Uint8Array(0);
  readonly #table = { nameOf: (series: number): string => this.names[series] as string };
  readonly #sink: PlaintextSink = {
    point: (nameStart, nameEnd, value, seconds) => this.#addRaw(nameStart, nameEnd, value, seconds),
    reject: (cause) => this.reject(cause),
  };

  constructor(options: PointColumnsOptions) {
    this.#options = options;
  }

  /** Takes whole lines of Graphite's plaintext; returns their number. */
  take(bytes: Uint8Array, start: number, end: number): number {
    this.#bytes = bytes;
    return parsePlaintext(bytes, start, end, this.#sink);
  }

  /** Takes a point of a name as it was sent; `seconds` below 0 is now. */
  add(name: string, seconds: number, value: number, weight = 1): void {
    const form = graphiteName(name);
    if (form === undefined) return this.reject('name');
    const series = this.#seriesOf(form);
    if (series < 0) this.reject('series-limit');
    else this.#put(series, seconds, value, weight);
  }

  reject(cause: string): void {
    this.rejected.set(cause, (this.rejected.get(cause) ?? 0) + 1);
  }

  /** What has been added, as a batch that counts once under its identity; starts from nothing. */
  drain(identity: string | undefined): MetricBatch {
    this.accepted = 0;
    this.#keepRejects();
    const repeats = { count: this.#repeated, name: this.#repeatedName };
    this.#repeated = 0;
    return { identity, table: this.#table, cells: this.#slots.drain(), ...this.#values.drain(), repeats };
  }

  // What was turned away since the last batch goes with this one.
  #keepRejects(): void {
    const { origin, nowSeconds } = this.#options;
    for (const [cause, count] of this.rejected) {
      const fresh = count - (this.#rejectsKept.get(cause) ?? 0);
      if (fresh > 0) this.#addHidden(rejectedName(origin, cause), nowSeconds, 1, fresh, fresh);
      this.#rejectsKept.set(cause, count);
    }
  }

  #addHidden(name: string, at: number, value: number, weight: number, sum: number): void {
    const series = this.#seriesOf(name);
    this.#slots.add(series, at - (at % (this.#ways[series] as SeriesWays).stepSeconds), at, value, weight, sum);
  }

  #addRaw(nameStart: number, nameEnd: number, value: number, seconds: number): void {
    let series = this.#raw.find(this.#bytes, nameStart, nameEnd);
    if (series < 0) {
      const name = graphiteName(Buffer.from(this.#bytes.subarray(nameStart, nameEnd)).toString('utf8'));
      if (name === undefined) return this.reject('name');
      series = this.#seriesOf(name);
      if (series < 0) return this.reject('series-limit');
      this.#raw.add(this.#bytes, nameStart, nameEnd, series);
    }
    this.#put(series, seconds, value, 1);
  }

  #put(series: number, seconds: number, value: number, weight: number): void {
    const { nowSeconds } = this.#options;
    const at = seconds < 0 ? nowSeconds : seconds;
    if (at > nowSeconds + daySeconds) return this.reject('future');
    const { stepSeconds, keepSeconds, replaces, keepsValues } = this.#ways[series] as SeriesWays;
    const slot = at - (at % stepSeconds);
    if (slot <= nowSeconds - keepSeconds) return this.reject('too-old');
    this.accepted++;
    if (replaces) {
      if (this.#slots.replace(series, slot, at, value)) return;
      this.#slots.addApart(series, slot, at, value);
    } else if (this.#slots.add(series, slot, at, value, weight, value * weight)) {
      this.#repeated++;
      this.#repeatedName = this.#table.nameOf(series);
    }
    if (weight !== 1 && !replaces) this.#addHidden(receivedName(this.#table.nameOf(series)), at, weight, 1, weight);
    if (keepsValues) this.#values.addValue(series, slot, value, weight);
  }

  #seriesOf(name: string): number {
    const known = this.#byName.get(name);
    if (known !== undefined) return known;
    if (parseHidden(name) === undefined && !this.#options.admits(name)) return -1;
    const { metrics } = this.#options;
    const ladder = metrics.ladderOf(name);
    this.#ways.push({
      stepSeconds: ladder[0]?.stepSeconds ?? 60,
      keepSeconds: ladder.at(-1)?.keepSeconds ?? 0,
      replaces: metrics.replaces(name),
      keepsValues: metrics.keepsValues(name),
    });
    const series = this.names.push(name) - 1;
    this.#byName.set(name, series);
    return series;
  }
}
