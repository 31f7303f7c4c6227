/**
 * Columns that were handed back: who reads many series of one range takes the same ones again and again, instead of as many megabytes for the collector. Those of
 * one size are kept, up to a bound of bytes.
 */

const idle: Float64Array[] = [];
const idleBytesMax = 24 << 20;

/** A column of zeroes. */
export function idleColumn(size: number): Float64Array {
  return idle.at(-1)?.length === size ? (idle.pop() as Float64Array).fill(0) : new Float64Array(size);
}

/** A column that is written over from its first slot to its last. */
export function usedColumn(size: number): Float64Array {
  return idle.at(-1)?.length === size ? (idle.pop() as Float64Array) : new Float64Array(size);
}

/** Takes a column that nobody looks at any more. */
export function putBack(column: Float64Array): void {
  if (idle.at(-1)?.length !== column.length) idle.length = 0;
  if ((idle.length + 1) * column.byteLength <= idleBytesMax) idle.push(column);
}
