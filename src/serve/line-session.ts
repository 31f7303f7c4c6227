/**
 * Lines out of a TCP stream: whole lines are handed over as one range of bytes, the rest waits for what follows. A line above the bound is
 * counted as `too-long` and skipped to its end, in no more memory than the bound. The last line counts even without a line end.
 */

import type { Session } from './listener.js';

/** Takes whole lines in `[start, end)`; returns text to send back, if any. */
export type LineTaker = (bytes: Buffer, start: number, end: number) => string | undefined;

/** A session that hands whole lines to `take` and calls `tooLong` for each line above `sizeMax` bytes. */
export function lineSession(sizeMax: number, take: LineTaker, tooLong: (bytes: Buffer) => void): Session {
  let rest: Buffer | undefined;
  let skipping = false;
  return {
    take: (chunk) => {
      let bytes = chunk;
      let first: string | undefined;
      if (skipping) {
        const stop = bytes.indexOf(10);
        if (stop < 0) return undefined;
        skipping = false;
        bytes = bytes.subarray(stop + 1);
      } else if (rest !== undefined) {
        // Only the line that crosses the border is joined; what is behind it is read where it stands.
        const stop = bytes.indexOf(10);
        const line: Buffer = Buffer.concat([rest, stop < 0 ? bytes : bytes.subarray(0, stop + 1)]);
        rest = undefined;
        if (stop < 0) bytes = line;
        else {
          first = takeBounded(line, line.length, sizeMax, take, tooLong);
          bytes = bytes.subarray(stop + 1);
        }
      }
      const last = bytes.lastIndexOf(10);
      const second = last >= 0 ? takeBounded(bytes, last + 1, sizeMax, take, tooLong) : undefined;
      const answer = first === undefined ? second : first + (second ?? '');
      const left = bytes.subarray(last + 1);
      if (left.length > sizeMax) {
        tooLong(left);
        skipping = true;
      } else if (left.length > 0) rest = Buffer.from(left);
      return answer;
    },
    end: () => {
      if (rest !== undefined) take(rest, 0, rest.length);
      rest = undefined;
    },
  };
}

function takeBounded(bytes: Buffer, end: number, sizeMax: number, take: LineTaker, tooLong: (bytes: Buffer) => void): string | undefined {
  if (end <= sizeMax) return take(bytes, 0, end);
  // Only a chunk larger than the bound can hold a line that is: look for it, hand over what lies between.
  let answer = '';
  let from = 0;
  for (let at = 0; at < end; ) {
    const stop = bytes.indexOf(10, at);
    if (stop - at > sizeMax) {
      if (at > from) answer += take(bytes, from, at) ?? '';
      tooLong(bytes.subarray(at, stop));
      from = stop + 1;
    }
    at = stop + 1;
  }
  if (from < end) answer += take(bytes, from, end) ?? '';
  return answer;
}
