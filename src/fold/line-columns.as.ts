/**
 * Lines of W3C extended logs for the counting kernel `count-lines.as.ts`: values between blanks or tabs, in the columns that `#Fields:` named last.
 * The same rules as `collect/w3c-log.ts`, which decides on directives and on what is not sure here.
 *
 *   COLUMNS  one byte each: the field, or one of those below
 */

import { STATE } from './byte-tally.as';

import { find, findSpace } from './byte-find.as';

import { countFields } from './count-fields.as';

import { clearFields, setField } from './line-keys.as';

import { setLineEnd } from './line-steps.as';

import { HARD, MORE, takeIsoTime } from './line-time.as';

const COLUMNS: usize = 0x23e000;

// Words of STATE, in bytes from it.
const SERVED: usize = 108;
const SERVED_UNIT: usize = 152;
const COLUMN_COUNT: usize = 140;

// Columns that are no fields of their own.
const DATE: u8 = 40;
const TIME_OF_DAY: u8 = 41;
const TAKEN: u8 = 42;

const F_SERVED: i32 = 14;

// Date and time of day, side by side.
const stamp: usize = STATE + 576;

/** Reads and counts a line; directives are the caller's. */
export function countColumns(line: usize, end: usize): i32 {
  const columns = load<i32>(STATE + COLUMN_COUNT);
  if (columns == 0 || load<u8>(line) == 0x23) return HARD;
  clearFields();
  store<i32>(STATE + SERVED, 0);
  let stampEnd: usize = 0;
  let hasDate: bool = false;
  let at = line;
  let index = 0;
  while (true) {
    while (load<u8>(at) == 0x20 || load<u8>(at) == 9) at++;
    let from = at;
    let stop: usize;
    if (load<u8>(at) == 0x22) {
      from = at + 1;
      stop = from;
      while (load<u8>(stop) != 0x22) if (load<u8>(stop++) == 10) return HARD;
      at = stop + 1;
      const next = load<u8>(at);
      if (next != 0x20 && next != 9 && next != 10 && (next != 13 || load<u8>(at + 1) != 10)) return HARD;
    } else {
      stop = findSpace(at);
      if (load<u8>(stop) == 10 && stop > at && load<u8>(stop - 1) == 13) stop--;
      if (stop == at) break;
      at = stop;
    }
    if (index == columns) return HARD;
    const column = load<u8>(COLUMNS + index++);
    if (column == 0 || (stop == from + 1 && load<u8>(from) == 0x2d)) continue;
    if (column < DATE) setField(column, from, stop);
    else if (column == DATE) {
      if (stop != from + 10) return HARD;
      // A time that stands before its date is kept.
      store<u64>(stamp, load<u64>(from));
      store<u16>(stamp + 8, load<u16>(from + 8));
      hasDate = true;
    } else if (column == TIME_OF_DAY) {
      if (stop > from + 16) return HARD;
      store<u8>(stamp + 10, 0x20);
      v128.store(stamp + 11, v128.load(from));
      stampEnd = stamp + 11 + (stop - from);
    } else takeServed(from, stop);
  }
  if (index != columns) return HARD;
  const close = find(at, 10);
  setLineEnd(close);
  if (close >= end) return MORE;
  if (!hasDate || stampEnd == 0) return HARD;
  const timed = takeIsoTime(stamp, stampEnd, true);
  return timed != MORE ? timed : countFields(close - line > 448);
}

// Milliseconds, or seconds where there is a decimal point.
function takeServed(from: usize, stop: usize): void {
  let unit = 1.0;
  for (let at = from; at < stop; at++) if (load<u8>(at) == 0x2e) unit = 1000.0;
  setField(F_SERVED, from, stop);
  store<i32>(STATE + SERVED, F_SERVED);
  store<f64>(STATE + SERVED_UNIT, unit);
}
