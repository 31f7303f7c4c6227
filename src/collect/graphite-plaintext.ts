/**
 * Carbon's plaintext protocol, on bytes: `NAME VALUE SECONDS\n`, blanks between, CR before LF allowed. A kernel without strings: it hands
 * over where the name stands, the value and the time, so that millions of points a second need no garbage.
 *
 *   NAME    any bytes without blanks, up to the limit given; `;tag=value` pairs belong to it
 *   VALUE   a decimal number; `NaN` is dropped and counted, infinities are rejected
 *   SECONDS epoch seconds, a fraction is cut off; `-1` and `N` mean the time of arrival
 *
 * Law: a line that is no point is rejected by cause and its neighbours are kept. Source: carbon's protocols.py (behaviour), "Feeding In Your Data".
 */

import { readNumber } from './byte-number.js';

export type PlaintextCause = 'columns' | 'name' | 'value' | 'time' | 'nan' | 'too-long';

/** Takes what the parser finds; offsets are into the bytes given. `seconds` is -1 for the time of arrival. */
export interface PlaintextSink {
  readonly point: (nameStart: number, nameEnd: number, value: number, seconds: number) => void;
  readonly reject: (cause: PlaintextCause, start: number, end: number) => void;
}

/** The longest series name taken, in bytes. */
export const nameSizeMax = 4096;

/** Reads whole lines in `[start, end)` (the last may lack its line end); returns how many lines there were, empty ones not counted. */
export function parsePlaintext(bytes: Uint8Array, start: number, end: number, sink: PlaintextSink): number {
  let count = 0;
  let at = start;
  while (at < end) {
    while (at < end && isBlank(bytes[at] as number)) at++;
    if (at < end && bytes[at] === 10) {
      at++;
      continue;
    }
    if (at >= end) break;
    count++;
    at = parseLine(bytes, at, end, sink) + 1;
  }
  return count;
}

// Reads one line that begins at `start` with a byte of its name; returns where its line end stands (or `end`).
function parseLine(bytes: Uint8Array, start: number, end: number, sink: PlaintextSink): number {
  let at = start;
  while (at < end && (bytes[at] as number) > 32) at++;
  const nameEnd = at;
  while (at < end && isBlank(bytes[at] as number)) at++;
  const valueStart = at;
  while (at < end && (bytes[at] as number) > 32) at++;
  const valueEnd = at;
  while (at < end && isBlank(bytes[at] as number)) at++;
  const timeStart = at;
  while (at < end && (bytes[at] as number) > 32) at++;
  const timeEnd = at;
  while (at < end && isBlank(bytes[at] as number)) at++;
  if (timeEnd === timeStart || (at < end && bytes[at] !== 10)) {
    const stop = lineEnd(bytes, at, end);
    sink.reject('columns', start, stop);
    return stop;
  }
  if (nameEnd - start > nameSizeMax) sink.reject('name', start, at);
  else readPoint(bytes, start, nameEnd, valueStart, valueEnd, timeStart, timeEnd, at, sink);
  return at;
}

function readPoint(
  bytes: Uint8Array,
  start: number,
  nameEnd: number,
  valueStart: number,
  valueEnd: number,
  timeStart: number,
  timeEnd: number,
  end: number,
  sink: PlaintextSink,
): void {
  const value = readNumber(bytes, valueStart, valueEnd);
  if (Number.isNaN(value)) {
    const isNan =
      valueEnd - valueStart === 3 && ((bytes[valueStart] as number) | 32) === 110 && ((bytes[valueStart + 1] as number) | 32) === 97;
    return sink.reject(isNan && ((bytes[valueStart + 2] as number) | 32) === 110 ? 'nan' : 'value', start, end);
  }
  if (timeEnd - timeStart === 1 && bytes[timeStart] === 78) return sink.point(start, nameEnd, value, -1);
  const seconds = readNumber(bytes, timeStart, timeEnd);
  if (seconds === -1) return sink.point(start, nameEnd, value, -1);
  if (!(seconds >= 0 && seconds < 1e11)) return sink.reject('time', start, end);
  sink.point(start, nameEnd, value, Math.floor(seconds));
}

function lineEnd(bytes: Uint8Array, start: number, end: number): number {
  const stop = bytes.indexOf(10, start);
  return stop < 0 || stop > end ? end : stop;
}

function isBlank(byte: number): boolean {
  return byte === 32 || byte === 9 || byte === 13 || byte === 11 || byte === 12;
}
