/**
 * RRDtool's own files, `.rrd`, read natively: 32 and 64 bit, both byte orders, versions 0001 to 0005 (`rrd-layout.ts` tells the machine).
 *
 *     head          cookie, version, counts of sources S and archives A, step, ten fields
 *     source        name 20 | type 20 | ten fields: heartbeat, min, max; or the nodes of a COMPUTE                  S times
 *     archive       function 20 | long rows | long steps a row | ten fields: xff ...                                A times
 *     live          time_t last update | from version 0003 on: long microseconds
 *     primary       last reading 30 | 2 | ten fields: unknown seconds, value                                        S times
 *     preparation   ten fields: value, unknown points ...                                                           A x S times
 *     places        long row that is newest                                                                         A times
 *     rows          A times rows x S doubles, a ring each
 *
 * Laws: counts are checked against the size of the file before anything of that size is allocated; rows are read when they are asked for. A file that is
 * longer than its head says is taken, as rrdtool does; a shorter one is refused with the offset at which it ends.
 * Source: the files themselves, beside `rrdtool info` and `dump`; the layout is described in rrdtool's header rrd_format.h.
 */

import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { Malformed, Refused } from '../base/faults.js';
import { computeText } from './rrd-compute.js';
import {
  type RrdArchive,
  type RrdDatabase,
  type RrdFunction,
  RrdParameter,
  RrdScratch,
  type RrdSource,
  type RrdSourceType,
  rrdFunctions,
  rrdSourceTypes,
} from './rrd-database.js';
import { layoutText, type RrdLayout, readDouble, rrdLayout, toNativeDoubles } from './rrd-layout.js';

const nameBytes = 20;
const readingBytes = 30;
const fieldsBytes = 80;
/** A head above this is taken for damage: 256 MiB are three million rows in the making. */
const headBytesMax = 256 << 20;
const leastHeadBytes = 64;
/** Most heads are within the first read. */
const firstReadBytes = 8192;

/** An open `.rrd` file. Throws Malformed with the offset of what is wrong. */
export class RrdFile implements RrdDatabase {
  readonly file: string;
  readonly version: string;
  readonly step: number;
  readonly lastUpdate: number;
  readonly lastUpdateMicros: number;
  readonly headerBytes: number;
  readonly architecture: string;
  readonly sources: readonly RrdSource[];
  readonly archives: readonly RrdArchive[];
  readonly fileBytes: number;
  readonly #descriptor: number;
  readonly #layout: RrdLayout;
  readonly #rowsAt: readonly number[];

  /** `descriptor` is that of the file, where it is open already; `close` closes it. */
  constructor(file: string, descriptor = openSync(file, 'r')) {
    this.file = file;
    this.#descriptor = descriptor;
    try {
      const status = fstatSync(this.#descriptor);
      if (!status.isFile()) throw new Refused('not a regular file (an RRD is read at many places)', { file });
      this.fileBytes = status.size;
      const head = new Head(file, this.#descriptor, this.fileBytes);
      this.#layout = head.layout;
      this.version = head.version;
      this.step = head.step;
      this.lastUpdate = head.lastUpdate;
      this.lastUpdateMicros = head.lastUpdateMicros;
      this.headerBytes = head.headerBytes;
      this.architecture = layoutText(head.layout);
      this.sources = head.sources();
      this.archives = head.archives();
      const rowsAt: number[] = [];
      let at = head.headerBytes;
      for (const archive of this.archives) {
        rowsAt.push(at);
        at += archive.rows * this.sources.length * 8;
      }
      this.#rowsAt = rowsAt;
    } catch (error) {
      closeSync(this.#descriptor);
      throw error;
    }
  }

  rows(archive: RrdArchive, first: number, count: number): Float64Array {
    const width = this.sources.length * 8;
    const start = Math.max(0, first);
    const rows = Math.max(0, Math.min(first + count, archive.rows) - start);
    const bytes = new Uint8Array(rows * width);
    const base = this.#rowsAt[archive.index] ?? 0;
    const place = (archive.currentRow + 1 + start) % archive.rows;
    const upper = Math.min(rows, archive.rows - place);
    readFully(this.file, this.#descriptor, bytes.subarray(0, upper * width), base + place * width);
    if (rows > upper) readFully(this.file, this.#descriptor, bytes.subarray(upper * width), base);
    return toNativeDoubles(bytes, this.#layout);
  }

  close(): void {
    closeSync(this.#descriptor);
  }
}

/** The head of a file, its parts found by their sizes. */
class Head {
  readonly layout: RrdLayout;
  readonly version: string;
  readonly step: number;
  readonly lastUpdate: number;
  readonly lastUpdateMicros: number;
  readonly headerBytes: number;
  readonly #file: string;
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #sourceCount: number;
  readonly #archiveCount: number;
  readonly #at: {
    readonly sources: number;
    readonly archives: number;
    readonly primaries: number;
    readonly preparations: number;
    readonly places: number;
  };

  constructor(file: string, descriptor: number, fileBytes: number) {
    this.#file = file;
    if (fileBytes < leastHeadBytes) throw new Malformed(`${fileBytes} bytes are no RRD file`, { file, offset: fileBytes });
    const first = new Uint8Array(Math.min(fileBytes, firstReadBytes));
    readFully(file, descriptor, first, 0);
    this.#bytes = first;
    this.#view = new DataView(first.buffer);
    this.layout = rrdLayout(this.#view, { file });
    this.version = this.#text(4, 5);
    if (!/^000[1-5]$/.test(this.version))
      throw new Malformed(`RRD file version '${this.version}' (expected 0001 to 0005)`, { file, offset: 4 });
    const { longBytes, doubleAlign } = this.layout;
    const countsAt = doubleAlign === 8 ? 24 : 20;
    this.#sourceCount = this.#long(countsAt);
    this.#archiveCount = this.#long(countsAt + longBytes);
    this.step = this.#long(countsAt + 2 * longBytes);
    if (this.#sourceCount === 0 || this.#archiveCount === 0)
      throw new Malformed(`${this.#sourceCount} sources and ${this.#archiveCount} archives`, { file, offset: countsAt });
    if (this.step === 0) throw new Malformed('a step of 0 seconds', { file, offset: countsAt + 2 * longBytes });

    const sources = aligned(countsAt + 3 * longBytes, doubleAlign) + fieldsBytes;
    const archives = sources + this.#sourceCount * (2 * nameBytes + fieldsBytes);
    const live = archives + this.#archiveCount * this.#archiveBytes;
    const rest =
      this.#sourceCount * (aligned(readingBytes, doubleAlign) + fieldsBytes) +
      this.#archiveCount * (this.#sourceCount * fieldsBytes + longBytes);
    const shortest = live + longBytes + rest;
    if (shortest > fileBytes)
      throw new Malformed(
        `${this.#sourceCount} sources and ${this.#archiveCount} archives need a head of ${shortest} bytes, the file has ${fileBytes}: cut short or damaged`,
        { file, offset: fileBytes },
      );
    if (shortest > headBytesMax)
      throw new Refused(`a head of ${shortest} bytes (at most ${headBytesMax} are read)`, { file, offset: countsAt });
    if (shortest + 32 > first.length && first.length < fileBytes) {
      this.#bytes = new Uint8Array(Math.min(fileBytes, shortest + 32));
      readFully(file, descriptor, this.#bytes, 0);
      this.#view = new DataView(this.#bytes.buffer);
    }

    const liveBytes = this.#liveBytes(archives, live + rest, fileBytes);
    const primaries = live + liveBytes.total;
    const preparations = primaries + this.#sourceCount * (aligned(readingBytes, doubleAlign) + fieldsBytes);
    const places = preparations + this.#sourceCount * this.#archiveCount * fieldsBytes;
    this.headerBytes = places + this.#archiveCount * longBytes;
    this.#at = { sources, archives, primaries, preparations, places };
    this.lastUpdate = liveBytes.time === longBytes ? this.#long(live) : this.#wide(live);
    this.lastUpdateMicros = liveBytes.total > liveBytes.time ? this.#long(live + liveBytes.time) : 0;
    this.#checkSize(fileBytes);
  }

  sources(): RrdSource[] {
    const { sources: from, primaries } = this.#at;
    const size = 2 * nameBytes + fieldsBytes;
    const nameOf = (index: number): string | undefined =>
      index >= 0 && index < this.#sourceCount ? this.#text(from + index * size, nameBytes) : undefined;
    return Array.from({ length: this.#sourceCount }, (_, index) => {
      const at = from + index * size;
      const type = this.#word<RrdSourceType>(at + nameBytes, rrdSourceTypes, 'type of a data source');
      const fieldsAt = at + 2 * nameBytes;
      const fields = this.#scratch(fieldsAt);
      const primary = primaries + index * (aligned(readingBytes, this.layout.doubleAlign) + fieldsBytes);
      const state = this.#scratch(primary + aligned(readingBytes, this.layout.doubleAlign));
      const computed = type === 'COMPUTE';
      return {
        index,
        name: this.#text(at, nameBytes),
        type,
        heartbeat: computed ? 0 : fields.count(0),
        min: computed ? Number.NaN : fields.double(1),
        max: computed ? Number.NaN : fields.double(2),
        compute: computed
          ? computeText(new DataView(this.#bytes.buffer, fieldsAt, fieldsBytes), this.layout.littleEndian, nameOf, {
              file: this.#file,
              offset: fieldsAt,
            })
          : undefined,
        lastReading: this.#text(primary, readingBytes),
        pending: state.double(1),
        unknownSeconds: state.count(0),
      };
    });
  }

  archives(): RrdArchive[] {
    return Array.from({ length: this.#archiveCount }, (_, index) => {
      const { archives, preparations, places } = this.#at;
      const at = archives + index * this.#archiveBytes;
      const cf = this.#word<RrdFunction>(at, rrdFunctions, 'consolidation function');
      const { rows, pdpPerRow } = this.#archiveShape(at);
      const currentRow = this.#long(places + index * this.layout.longBytes);
      if (currentRow >= rows)
        throw new Malformed(`archive ${index} has its newest row at ${currentRow} of ${rows}`, {
          file: this.#file,
          offset: places + index * this.layout.longBytes,
        });
      const step = pdpPerRow * this.step;
      const lastEnd = this.lastUpdate - (this.lastUpdate % step);
      const parameters = this.#scratch(at + this.#archiveBytes - fieldsBytes);
      return {
        index,
        cf,
        rows,
        pdpPerRow,
        step,
        xff: parameters.double(RrdParameter.xff),
        currentRow,
        firstEnd: lastEnd - (rows - 1) * step,
        lastEnd,
        parameters,
        preparations: Array.from({ length: this.#sourceCount }, (_, source) =>
          this.#scratch(preparations + (index * this.#sourceCount + source) * fieldsBytes),
        ),
      };
    });
  }

  get #archiveBytes(): number {
    return aligned(aligned(nameBytes, this.layout.longBytes) + 2 * this.layout.longBytes, this.layout.doubleAlign) + fieldsBytes;
  }

  #archiveShape(at: number): { rows: number; pdpPerRow: number } {
    const countsAt = at + aligned(nameBytes, this.layout.longBytes);
    const rows = this.#long(countsAt);
    const pdpPerRow = this.#long(countsAt + this.layout.longBytes);
    if (rows === 0 || pdpPerRow === 0 || pdpPerRow * this.step > Number.MAX_SAFE_INTEGER)
      throw new Malformed(`an archive of ${rows} rows of ${pdpPerRow} steps`, { file: this.#file, offset: countsAt });
    return { rows, pdpPerRow };
  }

  /** Bytes of all archives' rows, each row being a double a source. */
  #rowsBytes(archivesAt: number): number {
    let total = 0;
    for (let index = 0; index < this.#archiveCount; index++)
      total += this.#archiveShape(archivesAt + index * this.#archiveBytes).rows * this.#sourceCount * 8;
    return total;
  }

  /** How wide the live head is: a time alone before version 0003; on 32 bits, 64-bit times are known by the size of the whole file. */
  #liveBytes(archivesAt: number, othersBytes: number, fileBytes: number): { time: number; total: number } {
    const { longBytes, doubleAlign } = this.layout;
    const old = Number(this.version) < 3;
    const plain = { time: longBytes, total: old ? longBytes : 2 * longBytes };
    if (longBytes === 8) return plain;
    const wide = { time: 8, total: old ? 8 : aligned(8 + longBytes, doubleAlign) };
    return fileBytes === othersBytes + wide.total + this.#rowsBytes(archivesAt) ? wide : plain;
  }

  #checkSize(fileBytes: number): void {
    const whole = this.headerBytes + this.#rowsBytes(this.#at.archives);
    if (fileBytes < whole)
      throw new Malformed(`the rows end at byte ${whole}, the file at ${fileBytes}: cut short or damaged`, {
        file: this.#file,
        offset: fileBytes,
      });
  }

  #long(offset: number): number {
    return this.layout.longBytes === 8 ? this.#wide(offset) : this.#view.getUint32(offset, this.layout.littleEndian);
  }

  #wide(offset: number): number {
    const { littleEndian } = this.layout;
    const high = this.#view.getUint32(offset + (littleEndian ? 4 : 0), littleEndian);
    const low = this.#view.getUint32(offset + (littleEndian ? 0 : 4), littleEndian);
    const value = high * 2 ** 32 + low;
    if (value > Number.MAX_SAFE_INTEGER) throw new Malformed(`a count of ${value}`, { file: this.#file, offset });
    return value;
  }

  #scratch(at: number): RrdScratch {
    const { littleEndian, wordsExchanged } = this.layout;
    return new RrdScratch(
      this.#bytes.subarray(at, at + fieldsBytes),
      (offset) => readDouble(this.#view, at + offset, littleEndian, wordsExchanged),
      (offset) => this.#long(at + offset),
    );
  }

  #text(offset: number, size: number): string {
    const bytes = Buffer.from(this.#bytes.buffer, offset, size);
    const end = bytes.indexOf(0);
    return bytes.toString('utf8', 0, end < 0 ? size : end);
  }

  #word<Word extends string>(offset: number, words: readonly Word[], what: string): Word {
    const text = this.#text(offset, nameBytes);
    const found = words.find((word) => word === text);
    if (found === undefined)
      throw new Malformed(`unknown ${what} '${text}' (expected one of ${words.join(', ')})`, { file: this.#file, offset });
    return found;
  }
}

function aligned(offset: number, alignment: number): number {
  return Math.ceil(offset / alignment) * alignment;
}

function readFully(file: string, descriptor: number, bytes: Uint8Array, offset: number): void {
  let done = 0;
  while (done < bytes.length) {
    const got = readSync(descriptor, bytes, done, bytes.length - done, offset + done);
    if (got === 0) throw new Malformed('the file ends here', { file, offset: offset + done });
    done += got;
  }
}
