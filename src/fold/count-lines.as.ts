/**
 * Counts the lines of a log from bytes: finds newlines, quotes and blanks with 128-bit vectors, and counts keys in an
 * open-addressing table whose keys are the bytes themselves; a key becomes a text only in the report. It counts what it reads
 * without doubt; any other line (an escape, a request that is no HTTP, a cut line, ...) stops it, and the caller's reference reader
 * decides on that one. It knows nothing but its memory, whose regions `line-plan.ts` and `line-counter.ts` lay out:
 *
 *   STATE    i32/f64 words, see below          PROGRAM  steps of 32 bytes: field, quoted, literal size, needed, literal[28]
 *   SPECS    16 bytes: count, fields[15]       NAMES    keyword parameters: 32 bytes: size, text
 *   ENGINES  64 bytes: size, label[15], count, then parameters of 8 bytes: size, text
 *   PERIODS  128 bytes each, f64: requests, bytes, status classes 0..9
 *   INPUT    lines                             SCRATCH  keys that are decoded or combined; the table of `byte-tally.as.ts`
 *
 * Each kind of log has a reader that finds the fields of a line: line-steps, line-json, line-columns, line-syslog. What follows is the same for all.
 */

import { STATE } from './byte-tally.as';

import { find } from './byte-find.as';

import { settleKeys } from './count-fields.as';

import { countColumns } from './line-columns.as';

import { countJson } from './line-json.as';

import { countText, lineEnd, setLineEnd } from './line-steps.as';

import { countAny, countSyslog } from './line-syslog.as';

import { MORE } from './line-time.as';

export { countOf, insert, place } from './byte-tally.as';
export { addName } from './line-json.as';
export { resetTime } from './line-time.as';

// Words of STATE, in bytes from it.
const NUMBER: usize = 96; // f64, lines passed
const KIND: usize = 136; // of the lines, one of those below

const KIND_TEXT: i32 = 0;
const KIND_JSON: i32 = 1;
const KIND_COLUMNS: i32 = 2;
const KIND_SYSLOG: i32 = 3;

let reason: i32 = 0;

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
  const kind = load<i32>(STATE + KIND);
  let line = start;
  store<u8>(end, 10);
  while (line < end) {
    const first = load<u8>(line);
    if (first == 10 || (first == 13 && load<u8>(line + 1) == 10)) setLineEnd(first == 10 ? line : line + 1);
    else {
      const result =
        kind == KIND_TEXT
          ? countText(line, end)
          : kind == KIND_JSON
            ? countJson(line, end)
            : kind == KIND_COLUMNS
              ? countColumns(line, end)
              : kind == KIND_SYSLOG
                ? countSyslog(line, end)
                : countAny(line, end);
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
