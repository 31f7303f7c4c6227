/**
 * Loads files of Graphite plaintext lines into the store: `NAME VALUE SECONDS`, packed with gzip or zstd or not. A file goes in by pieces of whole lines, each a
 * batch under the hash of the whole file and its own number: a load that was broken off goes on where it stopped, and a file loaded again adds nothing.
 *
 * Law: the identity is that of the content, not of the name; a line that is no point is rejected by cause, and its neighbours are kept.
 */

import { createHash } from 'node:crypto';
import { Refused } from '../base/faults.js';
import { openInput } from '../collect/bytes-input.js';
import { parsePlaintext } from '../collect/graphite-plaintext.js';
import { lineRuns } from '../collect/lines.js';
import type { MetricStore } from './metric-store.js';
import { PointColumns } from './point-columns.js';

const chunkBytes = 1 << 20;
const pieceBytes = 4 << 20;

export interface LoadGraphiteOptions {
  readonly metrics: MetricStore;
  /** Epoch seconds: what points are too old or too far ahead by, and the time of those that name none. */
  readonly nowSeconds: number;
  readonly seriesMax: number;
  readonly progress?: ((lines: number, bytes: number) => void) | undefined;
}

export interface LoadedLines {
  lines: number;
  accepted: number;
  /** Points in pieces that the store had already. */
  known: number;
  readonly rejected: Map<string, number>;
  /** Why the file was not read to its end. */
  failure: string | undefined;
}

/** Whether most of the first whole lines are points. */
export function looksLikeGraphite(head: Uint8Array): boolean {
  const last = head.lastIndexOf(10);
  let good = 0;
  let bad = 0;
  parsePlaintext(head, 0, last < 0 ? head.length : last + 1, {
    point: () => {
      good++;
    },
    reject: (cause) => {
      if (cause === 'nan') good++;
      else bad++;
    },
  });
  return good > bad;
}

/** Loads one file. Throws what the store throws; a damaged stream ends the file and is told as its failure. */
export async function loadGraphite(file: string, options: LoadGraphiteOptions): Promise<LoadedLines> {
  const hash = await hashOf(file);
  const { metrics, nowSeconds, seriesMax } = options;
  let names = 0;
  const points = new PointColumns({ metrics, origin: 'load', nowSeconds, admits: () => ++names <= seriesMax });
  const result: LoadedLines = { lines: 0, accepted: 0, known: 0, rejected: points.rejected, failure: undefined };
  let bytes = 0;
  let size = 0;
  let piece = 0;
  const put = async (): Promise<void> => {
    const { accepted } = points;
    const { applied } = await metrics.commit(points.drain(`graphite ${hash} ${piece++}`));
    if (applied) result.accepted += accepted;
    else result.known += accepted;
    size = 0;
    options.progress?.(result.lines, bytes);
  };
  try {
    const input = await openInput(file, undefined);
    for await (const run of lineRuns(evenChunks(input.chunks()))) {
      result.lines += points.take(run.bytes, run.start, run.end);
      bytes += run.end - run.start;
      size += run.end - run.start;
      if (size >= pieceBytes) await put();
    }
  } catch (error) {
    if (error instanceof Refused) throw error;
    result.failure = error instanceof Error ? error.message : String(error);
  }
  if (size > 0) await put();
  return result;
}

// Of what is in the file, unpacked; up to a damage, if there is one.
async function hashOf(file: string): Promise<string> {
  const hash = createHash('sha256');
  const input = await openInput(file, undefined);
  try {
    for await (const chunk of input.chunks()) hash.update(chunk);
  } catch {
    hash.update('damaged');
  }
  return hash.digest('hex');
}

// Chunks of one size, so that pieces are cut at the same places whether a file is packed or not.
async function* evenChunks(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let open = new Uint8Array(chunkBytes);
  let used = 0;
  for await (const chunk of chunks) {
    for (let at = 0; at < chunk.length; ) {
      const size = Math.min(chunk.length - at, chunkBytes - used);
      open.set(chunk.subarray(at, at + size), used);
      at += size;
      used += size;
      if (used < chunkBytes) continue;
      yield open;
      open = new Uint8Array(chunkBytes);
      used = 0;
    }
  }
  if (used > 0) yield open.subarray(0, used);
}
