/**
 * Counts the lines of an access log from bytes: finds newlines, quotes and blanks with 128-bit vectors, and counts keys in an
 * open-addressing table whose keys are the bytes themselves; a key becomes a text only in the report. It counts what it reads
 * without doubt; any other line (an escape, a request that is no HTTP, a cut line, ...) stops it, and the caller's reference reader
 * (`collect/access-log.ts`) decides on that one. It knows nothing but its memory, whose regions `line-counter.ts` lays out:
 *
 *   STATE    i32/f64 words, see below          PROGRAM  steps of 32 bytes: field, quoted, literal size, needed, literal[28]
 *   SPECS    16 bytes: count, fields[15]       NAMES    keyword parameters: 32 bytes: size, text
 *   ENGINES  64 bytes: size, label[15], count, then parameters of 8 bytes: size, text
 *   PERIODS  128 bytes each, f64: requests, bytes, status classes 0..9
 *   INPUT    lines                             SCRATCH  keys that are decoded or combined; the table of `byte-tally.as.ts`
 */

import { STATE } from './byte-tally.as';

import { countFields, settleKeys } from './count-fields.as';

import { F_AGENT, F_BYTES, F_HOST, F_REFERER, F_REQUEST, F_STATUS, F_USER, FIELD } from './line-keys.as';

import { HARD, isLastTime, MORE, takeTime } from './line-time.as';

export { countOf, insert, place } from './byte-tally.as';
export { resetTime } from './line-time.as';

const PROGRAM: usize = 2048;

// Words of STATE, in bytes from it.
const STEPS: usize = 0;
const NUMBER: usize = 96; // f64, lines passed
const TAIL: usize = 88; // size of the text after the last field, 0 or 1 (a quote)
const PLAIN: usize = 104; // whether the format is the combined one

const ELSE: i32 = -1; // a line for the steps

const F_SKIP: i32 = 0;
const F_CLF: i32 = 4;

let reason: i32 = 0;
// Of the line at hand.
let lineEnd: usize = 0;

export function why(): i32 {
  return reason;
}

/** Counts complete lines in [start, end); answers where it stopped, and `why` says why. The bytes at `end` are overwritten. */
export function scan(start: usize, end: usize): usize {
  const stop = scanLines(start, end);
  settleKeys();
  return stop;
}

function scanLines(start: usize, end: usize): usize {
  const plain = load<i32>(STATE + PLAIN) != 0;
  let line = start;
  store<u8>(end, 10);
  while (line < end) {
    const first = load<u8>(line);
    if (first == 10 || (first == 13 && load<u8>(line + 1) == 10)) lineEnd = first == 10 ? line : line + 1;
    else {
      let result = plain ? countPlainLine(line, end) : ELSE;
      if (result == ELSE) result = countLine(line, end);
      if (result != MORE) {
        reason = find(line, 10) >= end ? MORE : result;
        return line;
      }
    }
    if (lineEnd >= end) break;
    line = lineEnd + 1;
    store<f64>(STATE + NUMBER, load<f64>(STATE + NUMBER) + 1.0);
  }
  reason = MORE;
  return line;
}

// @ts-ignore: decorator
@inline
function find(from: usize, byte: u8): usize {
  const wanted = i8x16.splat(byte);
  let at = from;
  while (true) {
    const mask = i8x16.bitmask(i8x16.eq(v128.load(at), wanted));
    if (mask != 0) return at + ctz(mask);
    at += 16;
  }
}

// The first of two bytes.
// @ts-ignore: decorator
@inline
function findEither(from: usize, one: u8, other: u8): usize {
  const first = i8x16.splat(one);
  const second = i8x16.splat(other);
  let at = from;
  while (true) {
    const bytes = v128.load(at);
    const mask = i8x16.bitmask(v128.or(i8x16.eq(bytes, first), i8x16.eq(bytes, second)));
    if (mask != 0) return at + ctz(mask);
    at += 16;
  }
}

// The first quote, backslash or newline.
// @ts-ignore: decorator
@inline
function findQuote(from: usize): usize {
  const quote = i8x16.splat(0x22);
  const slash = i8x16.splat(0x5c);
  const newline = i8x16.splat(10);
  let at = from;
  while (true) {
    const bytes = v128.load(at);
    const mask = i8x16.bitmask(v128.or(v128.or(i8x16.eq(bytes, quote), i8x16.eq(bytes, slash)), i8x16.eq(bytes, newline)));
    if (mask != 0) return at + ctz(mask);
    at += 16;
  }
}

// @ts-ignore: decorator
@inline
function matches(at: usize, literal: usize, size: usize): bool {
  let offset: usize = 0;
  for (; size - offset >= 8; offset += 8) if (load<u64>(at + offset) != load<u64>(literal + offset)) return false;
  return ((load<u64>(at + offset) ^ load<u64>(literal + offset)) & (((<u64>1) << ((<u64>(size - offset)) << 3)) - 1)) == 0;
}

/**
 * A line as most logs have them: `HOST - - [TIME] "REQUEST" STATUS SIZE "REFERER" "AGENT"`, the time that of the line before, nothing escaped.
 * Straight on, without the steps; answers ELSE, with nothing counted, for any other line.
 */
function countPlainLine(line: usize, end: usize): i32 {
  const hostEnd = findEither(line, 0x20, 10);
  const request = hostEnd + 35;
  // ` - - [`, the time, `] "`
  if ((load<u64>(hostEnd) & 0xffffffffffff) != 0x5b202d202d20) return ELSE;
  if (!isLastTime(hostEnd + 6) || (load<u32>(hostEnd + 32) & 0xffffff) != 0x22205d) return ELSE;
  const requestEnd = findQuote(request);
  // `" 200 `, the size, ` "`
  if (load<u16>(requestEnd) != 0x2022 || load<u8>(requestEnd + 5) != 0x20) return ELSE;
  const size = requestEnd + 6;
  const sizeEnd = size + digitsAt(size);
  const referer = sizeEnd + 2;
  if (load<u16>(sizeEnd) != 0x2220) return ELSE;
  const refererEnd = findQuote(referer);
  const agent = refererEnd + 3;
  if ((load<u32>(refererEnd) & 0xffffff) != 0x222022) return ELSE;
  const agentEnd = findQuote(agent);
  if (load<u8>(agentEnd) != 0x22) return ELSE;
  lineEnd = load<u8>(agentEnd + 1) == 10 ? agentEnd + 1 : find(agentEnd, 10);
  if (lineEnd >= end) return MORE;
  setField(F_HOST, line, hostEnd);
  setField(F_USER, hostEnd + 3, hostEnd + 4);
  setField(F_REQUEST, request, requestEnd);
  setField(F_STATUS, requestEnd + 2, requestEnd + 5);
  setField(F_BYTES, size, sizeEnd);
  setField(F_REFERER, referer, refererEnd);
  setField(F_AGENT, agent, agentEnd);
  return countFields(lineEnd - line > 448);
}

// Digits at a place, at most 15.
// @ts-ignore: decorator
@inline
function digitsAt(at: usize): usize {
  const values = i8x16.sub(v128.load(at), i8x16.splat(0x30));
  return ctz((i8x16.bitmask(i8x16.gt_u(values, i8x16.splat(9))) & 0x7fff) | 0x8000);
}

// @ts-ignore: decorator
@inline
function setField(field: i32, at: usize, stop: usize): void {
  store<u64>(FIELD + (<usize>field << 3), <u64>at | (<u64>stop << 32));
}

/**
 * Reads a line once, field by field, and counts it. No search passes a newline (one stands at the end of the bytes too), and no literal holds
 * one. Leaves the place of its newline in `lineEnd`; a place at `end` or beyond says that the line is not whole, and nothing was counted.
 */
function countLine(line: usize, end: usize): i32 {
  const steps = load<i32>(STATE + STEPS);
  let at = line;
  let step = PROGRAM;
  let close: usize = 0;
  for (let index = 0; index < steps; index++, step += 32) {
    const field = <i32>load<u8>(step);
    const size = <usize>load<u8>(step + 2);
    if (!matches(at, step + 4, size)) return HARD;
    at += size;
    let stop: usize;
    if (load<u8>(step + 1) != 0) {
      if (index + 1 == steps && load<u8>(step + 3) == 0) {
        close = closeAfter(at);
        if (close > at && load<u8>(close - 1) == 0x22 && load<u8>(close - 2) != 0x5c) {
          at = close;
          break;
        }
      }
      stop = findQuote(at);
      if (load<u8>(stop) != 0x22) return HARD;
    } else if (field == F_CLF) {
      stop = at + 26;
      const timed = takeTime(at);
      if (timed != MORE) return timed;
    } else if (index + 1 == steps) {
      stop = findEither(at, 0x20, 10);
      if (load<u8>(stop) == 10 && stop > at && load<u8>(stop - 1) == 13) stop--;
    } else {
      stop = findEither(at, load<u8>(step + 32 + 4), 10);
      if (load<u8>(stop) == 10) return HARD;
    }
    if (field != F_SKIP) setField(field, at, stop);
    at = stop;
  }
  if (close == 0) close = closeAfter(at);
  if (lineEnd >= end) return MORE;
  if (load<i32>(STATE + TAIL) != 0 && at != close && load<u8>(at) != 0x22) return HARD;
  return countFields(close - line > 448);
}

// Finds the end of the line; answers where its text ends, before a carriage return.
// @ts-ignore: decorator
@inline
function closeAfter(at: usize): usize {
  lineEnd = find(at, 10);
  return lineEnd > at && load<u8>(lineEnd - 1) == 13 ? lineEnd - 1 : lineEnd;
}
