/**
 * Measure: the cell of events (counters, pushed points). Columns, so that a million cells are eight arrays and no objects.
 *
 *   count   events, weighted        sum, min, max   of their values        last, lastAt   the newest value and its time, epoch seconds
 *   filled  finest slots in the cell's interval that hold a point: xFilesFactor and percentUnknown rest on it
 *
 * Laws: `merge` (same slot, another writer) is associative and commutative with the empty cell (count 0) as its zero; `rollUp` (neighbouring slots into a
 * coarser one) is associative; counts and integer sums come out the same in any split, order and resolution. merge takes the greater `filled`,
 * since finest slots may coincide; rollUp adds. At equal `lastAt`, `add` takes the later arrival and `merge` the greater value.
 */

/** Cells, a column a field. A cell with count 0 is empty and its other fields mean nothing. */
export interface Measures {
  readonly counts: Float64Array;
  readonly sums: Float64Array;
  readonly mins: Float64Array;
  readonly maxs: Float64Array;
  readonly lasts: Float64Array;
  /** Epoch seconds. */
  readonly lastAts: Float64Array;
  readonly filled: Float64Array;
}

/** `size` empty cells. */
export function zeroMeasures(size: number): Measures {
  const column = (): Float64Array => new Float64Array(size);
  return { counts: column(), sums: column(), mins: column(), maxs: column(), lasts: column(), lastAts: column(), filled: column() };
}

/** Adds a point of `weight` events with the value to a cell of the finest step. */
export function addMeasure(cells: Measures, at: number, value: number, seconds: number, weight = 1, sum = value * weight): void {
  if (cells.counts[at] === 0) {
    setMeasure(cells, at, weight, sum, value, value, value, seconds, 1);
    return;
  }
  cells.counts[at]! += weight;
  cells.sums[at]! += sum;
  if (value < cells.mins[at]!) cells.mins[at] = value;
  if (value > cells.maxs[at]!) cells.maxs[at] = value;
  if (seconds >= cells.lastAts[at]!) {
    cells.lasts[at] = value;
    cells.lastAts[at] = seconds;
  }
}

/** Merges cell `from` of `source` into cell `at`: the same slot, told by another writer or later. */
export function mergeMeasure(cells: Measures, at: number, source: Measures, from: number): void {
  const filled = Math.max(cells.counts[at] === 0 ? 0 : cells.filled[at]!, source.filled[from]!);
  if (joinMeasure(cells, at, source, from)) cells.filled[at] = filled;
}

/** Rolls cell `from` of `source` up into the coarser cell `at`: another slot of its interval. */
export function rollUpMeasure(cells: Measures, at: number, source: Measures, from: number): void {
  const filled = (cells.counts[at] === 0 ? 0 : cells.filled[at]!) + source.filled[from]!;
  if (joinMeasure(cells, at, source, from)) cells.filled[at] = filled;
}

/**
 * Replaces the newest point of cell `at` by cell `from` where both are of the same second (carbon's last-write-wins, `sameTimestamp = "replace"`);
 * else merges. Count, sum and last are exact; min and max too while the cell held that point alone.
 */
export function replaceMeasure(cells: Measures, at: number, source: Measures, from: number): void {
  if (cells.counts[at] === 0 || cells.lastAts[at] !== source.lastAts[from] || source.counts[from] === 0) {
    mergeMeasure(cells, at, source, from);
    return;
  }
  if (cells.counts[at]! <= 1) {
    copyMeasure(cells, at, source, from);
    return;
  }
  const { counts, sums, lasts } = cells;
  counts[at] = counts[at]! - 1;
  sums[at] = sums[at]! - lasts[at]!;
  mergeMeasure(cells, at, source, from);
  lasts[at] = source.lasts[from]!;
}

/** Copies a cell. */
export function copyMeasure(cells: Measures, at: number, source: Measures, from: number): void {
  const { counts, sums, mins, maxs, lasts, lastAts, filled } = source;
  setMeasure(cells, at, counts[from]!, sums[from]!, mins[from]!, maxs[from]!, lasts[from]!, lastAts[from]!, filled[from]!);
}

/** Sets every field of a cell. */
export function setMeasure(
  cells: Measures,
  at: number,
  count: number,
  sum: number,
  min: number,
  max: number,
  last: number,
  lastAt: number,
  filled: number,
): void {
  cells.counts[at] = count;
  cells.sums[at] = sum;
  cells.mins[at] = min;
  cells.maxs[at] = max;
  cells.lasts[at] = last;
  cells.lastAts[at] = lastAt;
  cells.filled[at] = filled;
}

// All but `filled`; false when there was nothing to join.
function joinMeasure(cells: Measures, at: number, source: Measures, from: number): boolean {
  if (source.counts[from] === 0) return false;
  if (cells.counts[at] === 0) {
    copyMeasure(cells, at, source, from);
    return true;
  }
  cells.counts[at]! += source.counts[from]!;
  cells.sums[at]! += source.sums[from]!;
  if (source.mins[from]! < cells.mins[at]!) cells.mins[at] = source.mins[from]!;
  if (source.maxs[from]! > cells.maxs[at]!) cells.maxs[at] = source.maxs[from]!;
  const later = source.lastAts[from]! - cells.lastAts[at]!;
  if (later > 0 || (later === 0 && source.lasts[from]! > cells.lasts[at]!)) {
    cells.lasts[at] = source.lasts[from]!;
    cells.lastAts[at] = source.lastAts[from]!;
  }
  return true;
}

/** What a cell shows by a method of aggregation; NaN where it is empty or fewer of its `slots` finest slots are filled than the factor asks for. */
export function readMeasure(cells: Measures, at: number, method: string, xFilesFactor: number, slots: number): number {
  const count = cells.counts[at]!;
  if (count === 0 || cells.filled[at]! / slots < xFilesFactor - 1e-9) return Number.NaN;
  const [low, high] = [cells.mins[at]!, cells.maxs[at]!];
  switch (method) {
    case 'sum':
      return cells.sums[at]!;
    case 'min':
      return low;
    case 'max':
      return high;
    case 'last':
      return cells.lasts[at]!;
    case 'count':
      return count;
    case 'range':
      return high - low;
    case 'absmax':
      return Math.abs(high) >= Math.abs(low) ? high : low;
    case 'absmin':
      return Math.abs(high) < Math.abs(low) ? high : low;
    case 'avg_zero':
      return ((cells.sums[at]! / count) * cells.filled[at]!) / slots;
    default:
      return cells.sums[at]! / count;
  }
}
