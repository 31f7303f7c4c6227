/**
 * Lines of text formats for the counting kernel `count-lines.as.ts`: finds the fields of a line by the steps of its format (`collect/log-format.ts`),
 * or straight on where the format is the combined one. What it is not sure of it leaves to the reference reader (`collect/access-log.ts`).
 */

import { STATE } from './byte-tally.as';

import { digitsAt, find, findEither, findQuote, matches } from './byte-find.as';

import { countFields } from './count-fields.as';

import { F_AGENT, F_BYTES, F_HOST, F_REFERER, F_REQUEST, F_STATUS, F_USER, fieldAt, fieldEnd, setField } from './line-keys.as';

import {
  HARD,
  isLastTime,
  MORE,
  takeEpoch,
  takeIsoTime,
  takeTime,
  UNIT_ANY,
  UNIT_MICROSECONDS,
  UNIT_MILLISECONDS,
} from './line-time.as';

const PROGRAM: usize = 2048;

// Words of STATE, in bytes from it.
const STEPS: usize = 0;
const TAIL: usize = 88; // size of the text after the last field, whose bytes stand in the step after the last
const PLAIN: usize = 104; // whether the format is the combined one
const TIME_FIELD: usize = 148; // field of a time other than F_CLF, or 0

const ELSE: i32 = -1; // a line for the steps

const F_SKIP: i32 = 0;
const F_CLF: i32 = 4;
const F_EPOCH: i32 = 16;
const F_EPOCH_MS: i32 = 17;
const F_ISO: i32 = 19;

/** Where the line at hand ends: at its newline. */
export let lineEnd: usize = 0;

export function setLineEnd(at: usize): void {
  lineEnd = at;
}

/** Reads and counts a line of a text format. */
export function countText(line: usize, end: usize): i32 {
  const result = load<i32>(STATE + PLAIN) != 0 ? countPlainLine(line, end) : ELSE;
  return result == ELSE ? countLine(line, end) : result;
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

/**
 * Reads a line once, field by field, and counts it. No search passes a newline (one stands at the end of the bytes too), and no literal holds
 * one. Leaves the place of its newline in `lineEnd`; a place at `end` or beyond says that the line is not whole, and nothing was counted.
 */
function countLine(line: usize, end: usize): i32 {
  const steps = load<i32>(STATE + STEPS);
  const tail = <usize>load<i32>(STATE + TAIL);
  let at = line;
  let step = PROGRAM;
  let close: usize = 0;
  for (let index = 0; index < steps; index++, step += 32) {
    const field = <i32>load<u8>(step);
    const size = <usize>load<u8>(step + 2);
    const isLast = index + 1 == steps;
    if (!matches(at, step + 4, size)) return HARD;
    at += size;
    let stop: usize;
    if (field == F_CLF) {
      stop = at + 26;
      const timed = takeTime(at);
      if (timed != MORE) return timed;
    } else if (load<u8>(step + 1) != 0) {
      if (isLast && load<u8>(step + 3) == 0 && tail <= 1) {
        close = closeAfter(at);
        if (close > at && load<u8>(close - 1) == 0x22 && load<u8>(close - 2) != 0x5c) break;
      }
      stop = findQuote(at);
      if (load<u8>(stop) != 0x22) return HARD;
      close = 0;
    } else if (isLast && tail == 0) {
      stop = findEither(at, 0x20, 10);
      if (load<u8>(stop) == 10 && stop > at && load<u8>(stop - 1) == 13) stop--;
    } else {
      stop = findEither(at, load<u8>(step + 32 + 4), 10);
      if (load<u8>(stop) == 10) return HARD;
    }
    if (field != F_SKIP) setField(field, at, stop);
    at = stop;
  }
  if (close == 0) {
    if (!matches(at, step + 4, tail)) return HARD;
    close = closeAfter(at);
  }
  if (lineEnd >= end) return MORE;
  const timed = takeFieldTime();
  return timed != MORE ? timed : countFields(close - line > 448);
}

// Takes a time that is no F_CLF, which was taken when it was met.
function takeFieldTime(): i32 {
  const field = load<i32>(STATE + TIME_FIELD);
  if (field == 0) return MORE;
  const at = fieldAt(field);
  const stop = fieldEnd(field);
  if (field == F_ISO) return takeIsoTime(at, stop, false);
  return takeEpoch(at, stop, field == F_EPOCH ? UNIT_ANY : field == F_EPOCH_MS ? UNIT_MILLISECONDS : UNIT_MICROSECONDS);
}

// Finds the end of the line; answers where its text ends, before a carriage return.
// @ts-ignore: decorator
@inline
function closeAfter(at: usize): usize {
  lineEnd = find(at, 10);
  return lineEnd > at && load<u8>(lineEnd - 1) == 13 ? lineEnd - 1 : lineEnd;
}
