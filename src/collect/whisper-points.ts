/**
 * The points of a Whisper file that say all it knows, each once, in order of time. A coarse archive repeats what a finer one holds, so from it come
 * only the slots in which the finer ones hold nothing: older ones, and gaps. Where the finest archive begins in the middle of a coarse
 * slot, what the coarse slot has beyond the fine points is kept too, so that sums stay whole: the rest of a sum, the extreme of a maximum or minimum.
 *
 * Law: for the methods sum, min and max the points of any coarse slot make the figure that the file itself states there, as far as its finer points
 * agree with it.
 */

import type { WhisperArchive, WhisperFile } from './whisper.js';

/** Points in order of time; `times` are epoch seconds, the starts of their slots. */
export interface WhisperPoints {
  readonly times: Float64Array;
  readonly values: Float64Array;
}

/** A time whose points came from an archive that is not the finest: `[from, until)`, epoch seconds, and the step of the archive. */
export type CoarseRange = readonly [from: number, until: number, step: number];

/** The points of a file, and where they stand for longer slots: what the file's xFilesFactor hides is hidden there already. */
export interface FilePoints extends WhisperPoints {
  readonly coarse: readonly CoarseRange[];
}

/** All points of a file, each once. */
export function pointsOfFile(file: WhisperFile): FilePoints {
  const { archives, aggregationMethod } = file.header;
  const coarse: CoarseRange[] = [];
  let held: WhisperPoints = { times: new Float64Array(0), values: new Float64Array(0) };
  archives.forEach((archive, index) => {
    const points = archivePoints(file, archive);
    held = index === 0 ? points : joined(held, points, archive.secondsPerPoint, aggregationMethod, coarse);
  });
  return { ...held, coarse: coarse.sort((left, right) => left[0] - right[0]) };
}

// What stands in the current round of the ring: older rounds are stale.
function archivePoints(file: WhisperFile, archive: WhisperArchive): WhisperPoints {
  const { secondsPerPoint: step, points } = archive;
  let newest = 0;
  let base = 0;
  file.forEachSlot(archive, (slot, time) => {
    if (slot === 0) base = time;
    if (time > newest) newest = time;
  });
  if (base === 0) return { times: new Float64Array(0), values: new Float64Array(0) };
  const found: { time: number; value: number }[] = [];
  file.forEachSlot(archive, (slot, time, value) => {
    const inPlace = time % step === 0 && ((((time - base) / step) % points) + points) % points === slot;
    if (time > 0 && inPlace && time > newest - step * points && !Number.isNaN(value)) found.push({ time, value });
  });
  found.sort((left, right) => left.time - right.time);
  return { times: Float64Array.from(found, (point) => point.time), values: Float64Array.from(found, (point) => point.value) };
}

// Ranges of the coarse archive go to `ranges`; one goes on until a slot that finer points alone make.
function joined(fine: WhisperPoints, coarse: WhisperPoints, step: number, method: string, ranges: CoarseRange[]): WhisperPoints {
  const times: number[] = [];
  const values: number[] = [];
  const put = (time: number, value: number): void => {
    times.push(time);
    values.push(value);
  };
  let at = 0;
  const first = fine.times[0] ?? Number.POSITIVE_INFINITY;
  let open: CoarseRange | undefined;
  coarse.times.forEach((slot, index) => {
    while (at < fine.times.length && (fine.times[at] as number) < slot) put(fine.times[at] as number, fine.values[at++] as number);
    const from = at;
    while (at < fine.times.length && (fine.times[at] as number) < slot + step) at++;
    const value = coarse.values[index] as number;
    if (from === at || slot < first) {
      if (open !== undefined) ranges.pop();
      open = [open?.[0] ?? slot, slot + step, step];
      ranges.push(open);
    } else open = undefined;
    if (from === at) put(slot, value);
    else if (slot < first) {
      const rest = restOf(fine.values.subarray(from, at), value, method);
      if (rest !== undefined) put(slot, rest);
    }
    for (let point = from; point < at; point++) put(fine.times[point] as number, fine.values[point] as number);
  });
  while (at < fine.times.length) put(fine.times[at] as number, fine.values[at++] as number);
  return { times: Float64Array.from(times), values: Float64Array.from(values) };
}

function restOf(fine: Float64Array, value: number, method: string): number | undefined {
  if (method === 'sum') {
    const rest = value - fine.reduce((sum, one) => sum + one, 0);
    return rest === 0 ? undefined : rest;
  }
  if (method === 'max') return fine.some((one) => one >= value) ? undefined : value;
  if (method === 'min') return fine.some((one) => one <= value) ? undefined : value;
  return undefined;
}
