/**
 * Whisper files, Graphite's own database format, read natively. Big-endian:
 *
 *     header    | aggregation u32 | max retention, s u32 | xFilesFactor f32 | archive count u32 |          16 bytes
 *     archive   | offset u32 | seconds per point u32 | points u32 |                                        12 bytes each
 *     data      | time u32 | value f64 |  points times, a ring: the slot of a time is its distance from the first point's time
 *
 * Laws that the format states and this reader checks: archives go from fine to coarse, each step divides the next, each
 * covers more time than the one before, and none reaches beyond the file. A stored point whose time is not the one that its slot has in
 * the current round of the ring is stale and never shown by a fetch.
 * Source: the Whisper chapter of Graphite's documentation, https://graphite.readthedocs.io/en/latest/whisper.html
 */

import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { Malformed, Refused } from '../base/faults.js';

/** How coarse slots were made, by the number in the header. */
export const aggregations = ['', 'average', 'sum', 'last', 'max', 'min', 'avg_zero', 'absmax', 'absmin'] as const;

/** One archive of a file. */
export interface WhisperArchive {
  readonly offset: number;
  readonly secondsPerPoint: number;
  readonly points: number;
  /** Seconds that it reaches back. */
  readonly retention: number;
  readonly sizeBytes: number;
}

export interface WhisperHeader {
  readonly file: string;
  readonly aggregationMethod: string;
  readonly maxRetention: number;
  readonly xFilesFactor: number;
  readonly archives: readonly WhisperArchive[];
  readonly fileSizeBytes: number;
}

/** Values of one step: `values[i]` is that of `start + i*step`; NaN where nothing is stored. Range [start, end). */
export interface WhisperValues {
  readonly start: number;
  readonly end: number;
  readonly step: number;
  readonly values: Float64Array;
}

const headerBytes = 16;
const archiveBytes = 12;
const pointBytes = 12;
/** More archives than this in one file are taken for damage (Graphite's own files have a handful). */
const archiveCountMax = 64;

/** An open Whisper file. Call `close` when done. */
export class WhisperFile {
  readonly header: WhisperHeader;
  readonly #descriptor: number;

  /** Opens and checks a file; throws Malformed with the offset of what is wrong, Refused for a compressed one. */
  constructor(file: string) {
    this.#descriptor = openSync(file, 'r');
    try {
      const status = fstatSync(this.#descriptor);
      if (!status.isFile())
        throw new Refused(`is ${status.isDirectory() ? 'a folder' : 'a pipe or a device'} (expected a Whisper file)`, { file });
      this.header = readHeader(file, this.#descriptor);
    } catch (error) {
      closeSync(this.#descriptor);
      throw error;
    }
  }

  close(): void {
    closeSync(this.#descriptor);
  }

  /** Calls `each` with every stored slot of an archive in file order, unused ones (time 0) and stale ones included. */
  forEachSlot(archive: WhisperArchive, each: (slot: number, time: number, value: number) => void): void {
    const view = this.#read(archive.offset, archive.sizeBytes);
    for (let slot = 0; slot < archive.points; slot++) each(slot, view.getUint32(slot * pointBytes), view.getFloat64(slot * pointBytes + 4));
  }

  /** Values of one archive over (from, until], as Graphite labels slots: the first is the slot after the one that holds `from`. */
  values(archive: WhisperArchive, from: number, until: number): WhisperValues {
    const step = archive.secondsPerPoint;
    const start = from - (from % step) + step;
    let end = until - (until % step) + step;
    if (end === start) end += step;
    const count = Math.max(0, Math.min((end - start) / step, archive.points));
    end = start + count * step;
    const values = new Float64Array(count).fill(Number.NaN);
    const view = this.#read(archive.offset, archive.sizeBytes);
    const base = view.getUint32(0);
    if (base === 0) return { start, end, step, values };
    const first = Math.floor((start - base) / step);
    for (let index = 0; index < count; index++) {
      const slot = (((first + index) % archive.points) + archive.points) % archive.points;
      if (view.getUint32(slot * pointBytes) === start + index * step) values[index] = view.getFloat64(slot * pointBytes + 4);
    }
    return { start, end, step, values };
  }

  /** What Whisper's own fetch returns for (from, until] at the time `now` (epoch seconds): undefined when the range is out of reach. */
  fetch(from: number, until: number, now: number): WhisperValues | undefined {
    if (from > until) throw new Refused(`from ${from} is after until ${until}`, { file: this.header.file });
    const oldest = now - this.header.maxRetention;
    if (from > now || until < oldest) return undefined;
    const start = Math.max(from, oldest);
    const archives = this.header.archives;
    const archive = archives.find((candidate) => candidate.retention >= now - start) ?? archives[archives.length - 1];
    return archive === undefined ? undefined : this.values(archive, start, Math.min(until, now));
  }

  #read(offset: number, sizeBytes: number): DataView {
    const bytes = new Uint8Array(sizeBytes);
    let done = 0;
    while (done < sizeBytes) {
      const got = readSync(this.#descriptor, bytes, done, sizeBytes - done, offset + done);
      if (got === 0) throw new Malformed('the file ends inside an archive', { file: this.header.file, offset: offset + done });
      done += got;
    }
    return new DataView(bytes.buffer);
  }
}

function readHeader(file: string, descriptor: number): WhisperHeader {
  const fileSizeBytes = fstatSync(descriptor).size;
  const head = Buffer.alloc(Math.min(fileSizeBytes, headerBytes + archiveBytes * archiveCountMax));
  const got = readSync(descriptor, head, 0, head.length, 0);
  if (head.toString('latin1', 0, 18) === 'whisper_compressed') {
    throw new Refused('a compressed Whisper file of go-whisper (expected a classic .wsp; `go-whisper` converts it)', { file, offset: 0 });
  }
  if (got < headerBytes)
    throw new Malformed(`${got} bytes are no Whisper header (expected at least ${headerBytes})`, { file, offset: got });
  const aggregation = head.readUInt32BE(0);
  const archiveCount = head.readUInt32BE(12);
  if (aggregation < 1 || aggregation >= aggregations.length) {
    throw new Malformed(`aggregation type ${aggregation} (expected 1 to ${aggregations.length - 1}): not a Whisper file`, {
      file,
      offset: 0,
    });
  }
  const xFilesFactor = head.readFloatBE(8);
  if (!(xFilesFactor >= 0 && xFilesFactor <= 1)) throw new Malformed(`xFilesFactor ${xFilesFactor} (expected 0 to 1)`, { file, offset: 8 });
  if (archiveCount < 1 || archiveCount > archiveCountMax)
    throw new Malformed(`${archiveCount} archives (expected 1 to ${archiveCountMax})`, { file, offset: 12 });
  if (got < headerBytes + archiveBytes * archiveCount)
    throw new Malformed(`the file ends inside the list of ${archiveCount} archives`, { file, offset: got });
  const archives: WhisperArchive[] = [];
  for (let index = 0; index < archiveCount; index++)
    archives.push(readArchive(head, headerBytes + index * archiveBytes, file, fileSizeBytes, archives));
  return {
    file,
    aggregationMethod: aggregations[aggregation] ?? '',
    maxRetention: head.readUInt32BE(4),
    xFilesFactor,
    archives,
    fileSizeBytes,
  };
}

function readArchive(head: Buffer, at: number, file: string, fileSizeBytes: number, before: readonly WhisperArchive[]): WhisperArchive {
  const offset = head.readUInt32BE(at);
  const secondsPerPoint = head.readUInt32BE(at + 4);
  const points = head.readUInt32BE(at + 8);
  if (secondsPerPoint === 0 || points === 0)
    throw new Malformed(`an archive of ${points} points of ${secondsPerPoint} s`, { file, offset: at });
  const sizeBytes = points * pointBytes;
  if (offset < headerBytes || offset + sizeBytes > fileSizeBytes) {
    throw new Malformed(`archive ${before.length} ends at byte ${offset + sizeBytes}, the file at ${fileSizeBytes}: cut short`, {
      file,
      offset: fileSizeBytes,
    });
  }
  const finer = before[before.length - 1];
  if (finer !== undefined && (secondsPerPoint <= finer.secondsPerPoint || secondsPerPoint % finer.secondsPerPoint !== 0)) {
    throw new Malformed(
      `archive ${before.length} has a step of ${secondsPerPoint} s after one of ${finer.secondsPerPoint} s (expected a multiple)`,
      { file, offset: at + 4 },
    );
  }
  return { offset, secondsPerPoint, points, retention: secondsPerPoint * points, sizeBytes };
}
