/**
 * Sets of flow files and windows of time as nfdump's users name them:
 *
 *   -R DIR            all files of a folder            -R DIR/FIRST          from that file to the last
 *   -R DIR/FIRST:LAST those and the ones between       -R FIRST:LAST         the same in the folders of -M, or here
 *   -M A/ONE:TWO      the folders A/ONE and A/TWO, in which -R (or the files named) are looked for
 *   -t 2026/11/23.10:00:00-2026/11/23.11:00:00        flows that begin and end within; parts may be left out, a day alone is the day and what follows
 *   -t +10, -t -10    the first, the last ten seconds of all flows
 *
 * Source: nfdump(1), whose names of files sort as their times do.
 */

import { readdirSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { Malformed, Usage } from '../base/faults.js';
import { isFile } from '../collect/paths.js';
import { ZoneCalendar } from '../fold/period.js';
import type { Option } from './command.js';

export const setOptions: readonly Option[] = [
  { name: 'read-files', short: 'R', value: 'FIRST:LAST', help: "files of a folder, from one to another, as nfdump's -R" },
  { name: 'folders', short: 'M', value: 'DIRS', help: "folders side by side, /data/one:two, as nfdump's -M" },
  {
    name: 'window',
    short: 't',
    value: 'WINDOW',
    help: 'flows within 2026/11/23.10:00-2026/11/23.11:00, or the first (+10) or last (-10) seconds',
  },
  { name: 'limit', short: 'c', value: 'N', help: 'at most the first N flows that pass' },
];

/** The inputs that words, -R and -M name together. */
export function inputWords(words: readonly string[], files: string | undefined, folders: string | undefined): readonly string[] {
  if (files === undefined && folders === undefined) return words;
  const roots = folders === undefined ? [''] : foldersOf(folders);
  if (files !== undefined) {
    if (words.length > 0) throw new Usage('-R: expected no other files');
    return roots.flatMap((root) => rangeOf(root, files));
  }
  if (words.length === 0) return roots;
  return roots.flatMap((root) => words.map((word) => join(root, word)));
}

/** `/data/one:two:three` is /data/one, /data/two and /data/three. */
function foldersOf(text: string): string[] {
  const [first = '', ...others] = text.split(':');
  if (first === '') throw new Usage(`-M '${text}': expected folders, /data/one:two`);
  return [first, ...others.filter((name) => name !== '').map((name) => join(dirname(first), name))];
}

function rangeOf(root: string, text: string): string[] {
  const [first = '', last] = text.split(':');
  const path = root === '' ? first : join(root, first);
  const isFolder = statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
  if (isFolder && last === undefined) return [path];
  const folder = isFolder ? path : dirname(path);
  const from = isFolder ? '' : basename(path);
  let names: string[];
  try {
    names = readdirSync(folder, { withFileTypes: true }).flatMap((entry) => (isFile(entry) ? [entry.name] : []));
  } catch (error) {
    throw new Malformed('no such folder', { file: folder }, error);
  }
  const chosen = names
    .filter(
      (name) => !name.startsWith('.') && !/^nfcapd\.current/.test(name) && name >= from && (last === undefined || name <= basename(last)),
    )
    .sort();
  if (chosen.length === 0)
    throw new Malformed(`no file from '${from}'${last === undefined ? '' : ` to '${basename(last)}'`}`, { file: folder });
  return chosen.map((name) => join(folder, name));
}

/** A window: milliseconds of the epoch, both ends included; or so many seconds from the first or to the last flow. */
export type Window =
  | { readonly fromMs: number; readonly toMs: number }
  | { readonly firstSeconds: number }
  | { readonly lastSeconds: number };

/** Reads `-t`. Times are those of the zone. */
export function parseWindow(text: string, zone: string): Window {
  const relative = /^([+-])(\d{1,9})$/.exec(text);
  if (relative !== null) return relative[1] === '+' ? { firstSeconds: Number(relative[2]) } : { lastSeconds: Number(relative[2]) };
  const [from = '', to] = text.split('-');
  const calendar = new ZoneCalendar(zone);
  const start = instantMs(from, calendar);
  const end = to === undefined ? Number.POSITIVE_INFINITY : instantMs(to, calendar);
  if (Number.isNaN(start) || Number.isNaN(end) || end < start) {
    throw new Usage(`-t '${text}': expected 2026/11/23.10:00:00-2026/11/23.11:00:00, parts of it, or +10 or -10 seconds`);
  }
  return { fromMs: start, toMs: end };
}

function instantMs(text: string, calendar: ZoneCalendar): number {
  const match = /^(\d{4})(?:\/(\d\d)(?:\/(\d\d)(?:\.(\d\d)(?::(\d\d)(?::(\d\d))?)?)?)?)?$/.exec(text);
  if (match === null) return Number.NaN;
  const [year, month = 1, day = 1, hour = 0, minute = 0, second = 0] = match
    .slice(1)
    .map((part) => (part === undefined ? undefined : Number(part)));
  const local = Date.UTC(year ?? 0, month - 1, day, hour, minute, second);
  return local - calendar.offsetMs(local - calendar.offsetMs(local));
}
