/**
 * JSON lines for the counting kernel `count-lines.as.ts`: one walk over a line that checks its grammar and takes the members that are wanted, found
 * by their names and the objects they lie in. The same rules as `collect/json-log.ts`, which decides wherever this is not sure: an escape or
 * a byte that is no UTF-8 in a wanted text, a name that comes twice, a number of an unusual form, a value of the wrong kind, a deep nest.
 *
 *   NAMES   64 bytes each, the first for nothing:                                      SLOTS  u16 index of a name, 0: none
 *     +----------+-------------+------------+-----------+-----------+-----------+-----------+-----------+
 *     | size u32 | context u32 | name[32]   | inner u32 | field i32 | rank u32  | unit u32  | line u32  |
 *     +----------+-------------+------------+-----------+-----------+-----------+-----------+-----------+
 *   context: the object that the name lies in, 1: the line's own.  inner: the context of an object under this name, 0: none is looked into.
 *   field: -1: none.  rank: of several names of a field the lowest is taken.  line: the last line that had it.
 *   CHOSEN  16 bytes a field: rank u32, kind u32, unit u32
 */

import { STATE } from './byte-tally.as';

import { findTextEnd, isUtf8, matches, passedHigh } from './byte-find.as';

import { countFields } from './count-fields.as';

import {
  clearFields,
  F_BYTES,
  F_HOST,
  F_QUERY,
  F_REQUEST,
  F_STATUS,
  F_TARGET,
  fieldAt,
  fieldEnd,
  fieldSize,
  setField,
} from './line-keys.as';

import { setLineEnd } from './line-steps.as';

import { HARD, MORE, takeAnyTime, takeEpoch, UNIT_ANY } from './line-time.as';

const SLOTS: usize = 0x230000;
const SLOT_COUNT: u32 = 2048;
const NAMES: usize = 0x231000;
const CONTEXTS: usize = 0x23c000;
const CHOSEN: usize = 0x23d000;
const DEPTH_MAX: i32 = 60;

// Words of STATE, in bytes from it.
const SERVED: usize = 108;
const SERVED_UNIT: usize = 152;
const STRICT: usize = 160;

// Fields beyond those of text formats.
const F_TIME: i32 = 19;
const F_SERVED: i32 = 14;
const F_KEYWORD: i32 = 20;

const ABSENT: u32 = 0xffffffff;
const TEXT: u32 = 0;
const DIGITS: u32 = 1;
const OTHER: u32 = 2; // a value that the field cannot have, or that is to be looked at again

let lineNumber: u32 = 0;
// Where a value that was passed ends, and whether its text had an escape.
let passed: usize = 0;
let escaped: bool = false;

// @ts-ignore: decorator
@inline
function slotOf(context: u32, at: usize, size: usize): u32 {
  let word: u64;
  if (size <= 8) word = load<u64>(at) & (size == 8 ? 0xffffffffffffffff : ((<u64>1) << ((<u64>size) << 3)) - 1);
  else word = load<u64>(at) ^ rotl<u64>(load<u64>(at + size - 8), 23);
  const hash = (word + (<u64>context << 7) + <u64>size) * 0x9e3779b97f4a7c15;
  return <u32>(hash >> 53);
}

/** Puts a name where it is found again. */
export function addName(index: u32): void {
  const entry = NAMES + (<usize>index << 6);
  let slot = slotOf(load<u32>(entry + 4), entry + 8, <usize>load<u32>(entry));
  while (load<u16>(SLOTS + (<usize>slot << 1)) != 0) slot = (slot + 1) & (SLOT_COUNT - 1);
  store<u16>(SLOTS + (<usize>slot << 1), <u16>index);
}

// The entry of a name in a context, or 0.
// @ts-ignore: decorator
@inline
function nameAt(context: u32, at: usize, size: usize): usize {
  let slot = slotOf(context, at, size);
  while (true) {
    const index = <usize>load<u16>(SLOTS + (<usize>slot << 1));
    if (index == 0) return 0;
    const entry = NAMES + (index << 6);
    if (load<u32>(entry) == <u32>size && load<u32>(entry + 4) == context && matches(at, entry + 8, size)) return entry;
    slot = (slot + 1) & (SLOT_COUNT - 1);
  }
}

// @ts-ignore: decorator
@inline
function afterBlanks(from: usize): usize {
  let at = from;
  while (true) {
    const byte = load<u8>(at);
    if (byte != 0x20 && byte != 9 && byte != 13) return at;
    at++;
  }
}

/** Reads and counts the object that begins at `start` in the line at hand. */
export function countJson(start: usize, end: usize): i32 {
  if (load<u8>(start) != 0x7b) return HARD;
  lineNumber++;
  store<i32>(STATE + STRICT, 1);
  clearFields();
  memory.fill(CHOSEN, 0xff, 21 * 16);
  const close = readObject(start);
  if (close == 0) return HARD;
  const stop = afterBlanks(close);
  if (load<u8>(stop) != 10) return HARD;
  setLineEnd(stop);
  if (stop >= end) return MORE;
  if (!settleFields()) return HARD;
  const timed = takeChosenTime();
  return timed != MORE ? timed : countFields(stop - start > 448);
}

// Walks over an object and notes its wanted members; answers where it ends, 0: it is no object, or not one for this reader.
function readObject(start: usize): usize {
  let depth = 0;
  let isObject = true;
  let kinds: u64 = 1; // of the open containers, a bit each: 1 for an object
  let context: u32 = 1;
  let at = afterBlanks(start + 1);
  let isEmpty = load<u8>(at) == 0x7d;
  while (true) {
    if (!isEmpty) {
      let entry: usize = 0;
      if (isObject) {
        if (load<u8>(at) != 0x22) return 0;
        const nameEnd = findTextEnd(at + 1);
        if (load<u8>(nameEnd) != 0x22) return 0;
        if (context != 0) {
          entry = nameAt(context, at + 1, nameEnd - at - 1);
          if (entry != 0) {
            if (load<u32>(entry + 56) == lineNumber) return 0;
            store<u32>(entry + 56, lineNumber);
          }
        }
        at = nameEnd + 1;
        if (load<u8>(at) != 0x3a) {
          at = afterBlanks(at);
          if (load<u8>(at) != 0x3a) return 0;
        }
        at = afterBlanks(at + 1);
      }
      const byte = load<u8>(at);
      if (byte == 0x7b || byte == 0x5b) {
        if (++depth > DEPTH_MAX) return 0;
        store<u32>(CONTEXTS + (<usize>depth << 2), context);
        isObject = byte == 0x7b;
        kinds = (kinds << 1) | <u64>isObject;
        const first = afterBlanks(at + 1);
        if (isObject) {
          if (entry != 0) choose(entry, OTHER, at, at);
          context = entry == 0 ? 0 : load<u32>(entry + 40);
        } else {
          // Of a list its first value counts.
          context = 0;
          if (entry != 0 && load<u8>(first) != 0x5d) {
            if (load<u8>(first) == 0x22 || <u32>load<u8>(first) - 48 <= 9) {
              if (!passValue(first, entry)) return 0;
              at = afterBlanks(passed);
              isEmpty = true;
              if (load<u8>(at) == 0x2c) {
                at = afterBlanks(at + 1);
                isEmpty = false;
                continue;
              }
              if (load<u8>(at) != 0x5d) return 0;
              continue;
            }
            return 0;
          }
        }
        at = first;
        isEmpty = load<u8>(at) == (isObject ? 0x7d : 0x5d);
        continue;
      }
      if (!passValue(at, entry)) return 0;
      at = afterBlanks(passed);
      if (load<u8>(at) == 0x2c) {
        at = afterBlanks(at + 1);
        continue;
      }
    }
    // Closes what ends here.
    if (load<u8>(at) != (isObject ? 0x7d : 0x5d)) return 0;
    at++;
    if (depth == 0) return at;
    context = load<u32>(CONTEXTS + (<usize>depth << 2));
    depth--;
    kinds >>= 1;
    isObject = (kinds & 1) != 0;
    at = afterBlanks(at);
    isEmpty = load<u8>(at) != 0x2c;
    if (!isEmpty) at = afterBlanks(at + 1);
  }
}

// Passes a plain value; what a wanted name says is noted.
// @ts-ignore: decorator
@inline
function passValue(at: usize, entry: usize): bool {
  const byte = load<u8>(at);
  if (byte == 0x22) {
    const stop = findTextEnd(at + 1);
    if (load<u8>(stop) == 0x22) {
      passed = stop + 1;
      if (entry != 0) choose(entry, passedHigh && !isUtf8(at + 1, stop) ? OTHER : TEXT, at + 1, stop);
      return true;
    }
    if (!passEscapes(stop)) return false;
    if (entry != 0) choose(entry, OTHER, at, at);
    return true;
  }
  if (byte == 0x2d || <u32>byte - 48 <= 9) {
    if (!passNumber(at)) return false;
    if (entry != 0) choose(entry, DIGITS, at, passed);
    return true;
  }
  const word = load<u32>(at);
  const isNull = word == 0x6c6c756e;
  if (isNull || word == 0x65757274) passed = at + 4;
  else if (byte == 0x66 && load<u32>(at + 1) == 0x65736c61) passed = at + 5;
  else return false;
  // What is null is passed over, unless it is the time.
  if (entry != 0 && (!isNull || load<i32>(entry + 44) == F_TIME)) choose(entry, OTHER, at, at);
  return true;
}

// Passes the rest of a text from a backslash on.
function passEscapes(from: usize): bool {
  let at = from;
  while (true) {
    const byte = load<u8>(at);
    if (byte == 0x22) {
      passed = at + 1;
      return true;
    }
    if (byte != 0x5c) return false;
    const next = load<u8>(at + 1);
    at += 2;
    if (next == 0x75) {
      for (const stop = at + 4; at < stop; at++) {
        const digit = <u32>load<u8>(at);
        if (digit - 48 > 9 && (digit | 0x20) - 97 > 5) return false;
      }
    } else if (next != 0x22 && next != 0x5c && next != 0x2f && next != 0x62 && next != 0x66 && next != 0x6e && next != 0x72 && next != 0x74)
      return false;
    at = findTextEnd(at);
  }
}

// Passes a number without an exponent.
function passNumber(from: usize): bool {
  let at = from;
  if (load<u8>(at) == 0x2d) at++;
  const start = at;
  while (<u32>load<u8>(at) - 48 <= 9) at++;
  if (at == start || (load<u8>(start) == 48 && at > start + 1)) return false;
  if (load<u8>(at) == 0x2e) {
    const point = at++;
    while (<u32>load<u8>(at) - 48 <= 9) at++;
    if (at == point + 1) return false;
  }
  passed = at;
  return true;
}

// Notes a value for its field if none of a better name was met. An object counts for nothing, but as the time it is none.
// @ts-ignore: decorator
@inline
function choose(entry: usize, kind: u32, at: usize, stop: usize): void {
  const field = load<i32>(entry + 44);
  if (field < 0) return;
  if (kind == OTHER && load<u8>(at) == 0x7b && field != F_TIME) return;
  const chosen = CHOSEN + (<usize>field << 4);
  const rank = load<u32>(entry + 48);
  if (rank >= load<u32>(chosen)) return;
  store<u32>(chosen, rank);
  store<u32>(chosen + 4, kind);
  store<u32>(chosen + 8, load<u32>(entry + 52));
  setField(field, at, stop);
}

// @ts-ignore: decorator
@inline
function isAbsent(field: i32): bool {
  return load<u32>(CHOSEN + (<usize>field << 4)) == ABSENT;
}

// @ts-ignore: decorator
@inline
function kindOf(field: i32): u32 {
  return load<u32>(CHOSEN + (<usize>field << 4) + 4);
}

// Whether the fields can be counted as they stand; a target that is a whole request becomes one.
function settleFields(): bool {
  store<i32>(STATE + SERVED, 0);
  for (let field = F_HOST; field <= F_KEYWORD; field++) {
    if (isAbsent(field)) continue;
    const kind = kindOf(field);
    if (kind == OTHER) return false;
    const isFigure = field == F_STATUS || field == F_BYTES || field == F_SERVED || field == F_TIME;
    if (kind == DIGITS && !isFigure) return false;
    if (kind == TEXT && (field == F_BYTES || field == F_SERVED) && isNothing(field)) setField(field, 0, 0);
  }
  if (fieldAt(F_SERVED) != 0) {
    store<i32>(STATE + SERVED, F_SERVED);
    const unit = load<u32>(CHOSEN + (F_SERVED << 4) + 8);
    store<f64>(STATE + SERVED_UNIT, unit == 1 ? 1000.0 : unit == 3 ? 1e-3 : unit == 4 ? 1e-6 : 1.0);
  }
  return isAbsent(F_TARGET) || settleTarget();
}

// @ts-ignore: decorator
@inline
function isNothing(field: i32): bool {
  return fieldSize(field) == 0 || (fieldSize(field) == 1 && load<u8>(fieldAt(field)) == 0x2d);
}

function settleTarget(): bool {
  const at = fieldAt(F_TARGET);
  const stop = fieldEnd(F_TARGET);
  let letters = at;
  while (letters < stop && <u32>load<u8>(letters) - 65 <= 25) letters++;
  if (letters == at) return true;
  // Capitals and a blank begin a request line; other words are left to the caller.
  if (letters == stop || load<u8>(letters) != 0x20) return false;
  setField(F_REQUEST, at, stop);
  setField(F_TARGET, 0, 0);
  return true;
}

function takeChosenTime(): i32 {
  if (isAbsent(F_TIME)) return HARD;
  const at = fieldAt(F_TIME);
  const stop = fieldEnd(F_TIME);
  const unit = load<u32>(CHOSEN + (F_TIME << 4) + 8);
  return kindOf(F_TIME) == TEXT && unit == <u32>UNIT_ANY ? takeAnyTime(at, stop) : takeEpoch(at, stop, unit);
}
