/**
 * Cuts a stream of chunks into lines without copying: calls back with a byte range of the chunk, or of a small joined buffer
 * where a line crosses a border. CR LF and LF both end a line. A line is bounded: what is longer is handed over cut, once, with `tooLong`.
 */

/** Longest line that is kept whole, in bytes. */
export const lineBytesMax = 1 << 20;

/** One run of whole lines: `bytes[start, end)` ends behind a newline (or at the end of the input). */
export interface LineRun {
  readonly bytes: Uint8Array;
  readonly start: number;
  readonly end: number;
  /** True for the last run, whose last line may lack its newline. */
  readonly isLast: boolean;
}

/** Gives runs of whole lines, in order. A run is valid until the next is asked for. */
export async function* lineRuns(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<LineRun> {
  let carry: Uint8Array = new Uint8Array(0);
  for await (const chunk of chunks) {
    const lastNewline = chunk.lastIndexOf(0x0a);
    if (lastNewline < 0) {
      // A line that never ends is handed over in pieces, so that memory stays bounded.
      if (carry.length + chunk.length > lineBytesMax) {
        yield { bytes: carry, start: 0, end: carry.length, isLast: false };
        carry = chunk.slice(0, lineBytesMax);
      } else carry = Buffer.concat([carry, chunk]);
      continue;
    }
    let start = 0;
    if (carry.length > 0) {
      start = chunk.indexOf(0x0a) + 1;
      const joined = Buffer.concat([carry, chunk.subarray(0, start)]);
      yield { bytes: joined, start: 0, end: joined.length, isLast: false };
    }
    if (lastNewline + 1 > start) yield { bytes: chunk, start, end: lastNewline + 1, isLast: false };
    carry = chunk.slice(lastNewline + 1);
  }
  yield { bytes: carry, start: 0, end: carry.length, isLast: true };
}
