/**
 * Planned maintenance: windows `START/END` (RFC 3339 or epoch seconds), from `weir.toml`, its file, and the command line. They are left out of what
 * availability is a share of. A file has a window a line; what follows a `#`, or a blank behind the window, is a remark.
 */

import { existsSync, readFileSync } from 'node:fs';
import { Malformed, Refused } from '../base/faults.js';
import { parseInstant } from '../base/time.js';
import { joinSpans } from '../query/availability.js';
import type { TimeSpan } from '../query/function.js';
import type { Configuration } from './configuration.js';

const windowsMax = 100_000;

/** A window. Times without a zone are of `timeZone`. Throws Malformed. */
export function parseWindow(text: string, timeZone = 'UTC'): TimeSpan {
  const [start, end, ...more] = text
    .trim()
    .split('/')
    .map((part) => parseInstant(part, timeZone)?.seconds);
  if (start === undefined || end === undefined || more.length > 0 || !(start < end))
    throw new Malformed(`'${text.slice(0, 100)}' is no window (expected START/END as 2026-11-01T02:00:00Z/2026-11-01T04:00:00Z)`);
  return { start, end };
}

/** The windows of a file. Throws Malformed with the line. */
export function readWindows(file: string, timeZone = 'UTC'): TimeSpan[] {
  if (!existsSync(file)) throw new Refused('is not there (expected a file of maintenance windows)', { file });
  const lines = readFileSync(file, 'utf8').split(/\r?\n/);
  if (lines.length > windowsMax) throw new Refused(`has ${lines.length} lines (expected at most ${windowsMax})`, { file });
  return lines.flatMap((line, index) => {
    const text = line.replace(/#.*$/, '').trim().split(/\s+/)[0] ?? '';
    if (text === '') return [];
    try {
      return [parseWindow(text, timeZone)];
    } catch (error) {
      throw new Malformed(error instanceof Error ? error.message : String(error), { file, line: index + 1 }, error);
    }
  });
}

/** All windows of a configuration, and others, in order. */
export function maintenanceOf({ availability }: Configuration, more: readonly TimeSpan[] = []): readonly TimeSpan[] {
  const file = availability.maintenanceFile === undefined ? [] : readWindows(availability.maintenanceFile);
  return joinSpans([...availability.maintenance.map((text) => parseWindow(text)), ...file, ...more]);
}
