/**
 * Open slots: what has arrived since the last flush, added up by series and slot in columns, so that a million points of ten thousand series
 * cost ten thousand cells a flush and no garbage. A series whose points jump from slot to slot (a late point, a day of old lines) closes its
 * slot and opens another; closed cells wait for the same flush.
 *
 * Law: a point is added exactly once; `drain` hands over everything and starts from nothing. What a cell holds is additive, so a slot may be
 * flushed in as many pieces as one likes: the store merges them.
 */

/** Cells of a flush, a column a field. */
export interface CellColumns {
  count: number;
  readonly series: Int32Array;
  /** Start of the slot, epoch seconds. */
  readonly slot: Float64Array;
  readonly counts: Float64Array;
  readonly sums: Float64Array;
  readonly mins: Float64Array;
  readonly maxs: Float64Array;
  readonly lasts: Float64Array;
  /** Epoch seconds of the newest point. */
  readonly lastAts: Float64Array;
}

const spareMax = 1 << 20;

export class OpenSlots {
  #open: CellColumns = columns(1024);
  #closed: CellColumns = columns(1024);
  #touched = new Int32Array(1024);
  #touchedCount = 0;
  #spare: CellColumns | undefined;

  /** Cells that the next drain will hand over. */
  get pending(): number {
    return this.#touchedCount + this.#closed.count;
  }

  /** Adds a point: `weight` events whose values sum to `sum`, each of `value`. Returns true when the cell held a newest point of the same second. */
  add(series: number, slot: number, seconds: number, value: number, weight: number, sum: number): boolean {
    if (series >= this.#open.slot.length) this.#open = widen(this.#open, series + 1);
    const open = this.#open;
    if (open.slot[series] !== slot) {
      this.#begin(series, slot, seconds, value, weight, sum);
      return false;
    }
    const before = open.counts[series] === 0 ? Number.NaN : (open.lastAts[series] as number);
    if (open.counts[series] === 0) {
      this.#touch(series);
      open.mins[series] = Number.POSITIVE_INFINITY;
      open.maxs[series] = Number.NEGATIVE_INFINITY;
      open.sums[series] = 0;
    }
    open.counts[series] = (open.counts[series] as number) + weight;
    open.sums[series] = (open.sums[series] as number) + sum;
    if (value < (open.mins[series] as number)) open.mins[series] = value;
    if (value > (open.maxs[series] as number)) open.maxs[series] = value;
    if (seconds >= (open.lastAts[series] as number)) {
      open.lasts[series] = value;
      open.lastAts[series] = seconds;
    }
    return seconds === before;
  }

  /** As `add`, in a cell that holds nothing but this second: the store tells by it which point a later one replaces. */
  addApart(series: number, slot: number, seconds: number, value: number): void {
    if (series >= this.#open.slot.length) this.#open = widen(this.#open, series + 1);
    this.#begin(series, slot, seconds, value, 1, value);
  }

  /** Puts a point in the place of the newest of its series where both are of the same second (carbon's last-write-wins); false when there is none such. */
  replace(series: number, slot: number, seconds: number, value: number): boolean {
    const open = this.#open;
    if (series >= open.slot.length || open.counts[series] === 0 || open.slot[series] !== slot || open.lastAts[series] !== seconds)
      return false;
    open.sums[series] = (open.sums[series] as number) + value - (open.lasts[series] as number);
    open.lasts[series] = value;
    const alone = open.counts[series] === 1;
    open.mins[series] = alone ? value : Math.min(open.mins[series] as number, value);
    open.maxs[series] = alone ? value : Math.max(open.maxs[series] as number, value);
    return true;
  }

  /** Everything since the last drain. The columns belong to the caller. */
  drain(): CellColumns {
    for (let index = 0; index < this.#touchedCount; index++) this.#close(this.#touched[index] as number);
    this.#touchedCount = 0;
    const cells = this.#closed;
    this.#closed = this.#spare ?? columns(Math.max(1024, Math.min(cells.count, 65_536)));
    this.#spare = undefined;
    return cells;
  }

  /** Gives columns back that nobody reads any more: the next drain's are written into them. */
  recycle(cells: CellColumns): void {
    if (cells.slot.length > spareMax || (this.#spare !== undefined && this.#spare.slot.length >= cells.slot.length)) return;
    cells.count = 0;
    this.#spare = cells;
  }

  #begin(series: number, slot: number, seconds: number, value: number, weight: number, sum: number): void {
    const open = this.#open;
    if (open.counts[series] !== 0) this.#close(series);
    else this.#touch(series);
    open.slot[series] = slot;
    open.counts[series] = weight;
    open.sums[series] = sum;
    open.mins[series] = value;
    open.maxs[series] = value;
    open.lasts[series] = value;
    open.lastAts[series] = seconds;
  }

  #touch(series: number): void {
    if (this.#touchedCount === this.#touched.length) {
      const wider = new Int32Array(this.#touched.length * 2);
      wider.set(this.#touched);
      this.#touched = wider;
    }
    this.#touched[this.#touchedCount++] = series;
  }

  #close(series: number): void {
    const open = this.#open;
    if (this.#closed.count === this.#closed.slot.length) this.#closed = widen(this.#closed, this.#closed.count * 2);
    const closed = this.#closed;
    const at = closed.count++;
    closed.series[at] = series;
    closed.slot[at] = open.slot[series] as number;
    closed.counts[at] = open.counts[series] as number;
    closed.sums[at] = open.sums[series] as number;
    closed.mins[at] = open.mins[series] as number;
    closed.maxs[at] = open.maxs[series] as number;
    closed.lasts[at] = open.lasts[series] as number;
    closed.lastAts[at] = open.lastAts[series] as number;
    open.counts[series] = 0;
  }
}

function columns(size: number): CellColumns {
  const numbers = (): Float64Array => new Float64Array(size);
  return {
    count: 0,
    series: new Int32Array(size),
    slot: numbers().fill(Number.NaN),
    counts: numbers(),
    sums: numbers(),
    mins: numbers(),
    maxs: numbers(),
    lasts: numbers(),
    lastAts: numbers(),
  };
}

function widen(old: CellColumns, least: number): CellColumns {
  const wider = columns(Math.max(least, old.slot.length * 2));
  wider.count = old.count;
  for (const name of ['series', 'slot', 'counts', 'sums', 'mins', 'maxs', 'lasts', 'lastAts'] as const) wider[name].set(old[name] as never);
  return wider;
}
