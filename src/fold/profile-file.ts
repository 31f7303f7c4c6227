/**
 * Saved profiles: raw counts as JSON, versioned, one cell a line, so that a day can be added to a month years later. The same counts give the
 * same bytes, in whatever order they were added (law 7). What is read is checked: sizes, integers, bins.
 *
 *   {"weir":"profile","version":1,"by":"packets","bins":[[1,1],[2,2],[101,null]],"group":[],"byFile":false,"per":null,"tz":"UTC","spread":false,
 *    "rejected":{"number":3},"cells":[
 *   {"file":...,"start":epoch ms,"group":[...],"flows":[...],"packets":[...],"bytes":[...]}      file, start, group: where asked for
 *   ]}
 *
 * Each list of counts has one number a bin and one more: what lies outside the bins.
 */

import { Corrupt, Malformed } from '../base/faults.js';
import { type Bins, binEnd, binsOf, type Histogram, type ProfileBy } from './histogram.js';
import { type GroupField, groupFields, type ProfileCell, type ProfilePer, type ProfileShape, profileBys, profilePers } from './profile.js';

/** What a saved file holds. */
export interface SavedProfile {
  readonly shape: ProfileShape;
  readonly rejected: ReadonlyMap<string, number>;
  readonly cells: readonly ProfileCell[];
}

/** The text of a saved profile. */
export function profileText({ shape, rejected, cells }: SavedProfile): string {
  const { bins, group, byFile, per, zone, spread } = shape;
  const head = {
    weir: 'profile',
    version: 1,
    by: bins.by,
    bins: bins.from.map((from, index) => [from, binEnd(bins, index)]),
    group,
    byFile,
    per: per ?? null,
    tz: zone,
    spread,
    rejected: Object.fromEntries([...rejected].sort(([one], [two]) => (one < two ? -1 : 1))),
  };
  const lines = cells.map(({ file, startMs, group: values, histogram }) =>
    JSON.stringify({
      ...(file === undefined ? {} : { file }),
      ...(startMs === undefined ? {} : { start: startMs }),
      ...(values === undefined ? {} : { group: values }),
      flows: [...histogram.flows],
      packets: [...histogram.packets],
      bytes: [...histogram.bytes],
    }),
  );
  return `${JSON.stringify(head).slice(0, -1)},"cells":[\n${lines.join(',\n')}\n]}\n`;
}

/** Reads a saved profile. Throws Malformed or Corrupt with the file. */
export function readProfile(text: string, file: string): SavedProfile {
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch (error) {
    throw new Malformed('is no saved profile (expected the JSON that weir profile --save writes)', { file }, error);
  }
  const head = objectOf(document, file);
  if (head.weir !== 'profile') throw new Malformed('is no saved profile (expected the JSON that weir profile --save writes)', { file });
  if (head.version !== 1) throw new Malformed(`is a saved profile of version ${String(head.version)} (expected 1)`, { file });
  const bins = readBins(head.by, head.bins, file);
  const group = listOf(head.group, file).map((name) => {
    const field = groupFields.find((known) => known === name);
    return field ?? damaged(file, `groups by '${String(name)}'`);
  });
  const per =
    head.per === null ? undefined : (profilePers.find((known) => known === head.per) ?? damaged(file, `is per '${String(head.per)}'`));
  const shape: ProfileShape = {
    bins,
    group: group as GroupField[],
    byFile: head.byFile === true,
    per: per as ProfilePer | undefined,
    zone: typeof head.tz === 'string' ? head.tz : 'UTC',
    spread: head.spread === true,
  };
  const rejected = Object.entries(objectOf(head.rejected, file)).map(([cause, count]) => [cause, countOf(count, file)] as const);
  const cells = listOf(head.cells, file).map((cell) => readCell(objectOf(cell, file), shape, file));
  return { shape, rejected: new Map(rejected), cells };
}

function readCell(cell: Record<string, unknown>, { bins, group, per, byFile }: ProfileShape, file: string): ProfileCell {
  const column = (name: string): Float64Array => {
    const list = listOf(cell[name], file);
    if (list.length !== bins.from.length + 1) damaged(file, `has ${list.length} counts of ${name} for ${bins.from.length} bins`);
    return Float64Array.from(list, (count) => countOf(count, file));
  };
  const histogram: Histogram = { flows: column('flows'), packets: column('packets'), bytes: column('bytes') };
  const values = group.length === 0 ? undefined : listOf(cell.group, file).map(String);
  if (values !== undefined && values.length !== group.length) damaged(file, `has ${values.length} values for ${group.length} groups`);
  if (byFile && typeof cell.file !== 'string') damaged(file, 'lacks the file of a cell');
  if (per !== undefined && !Number.isSafeInteger(cell.start)) damaged(file, 'lacks the start of a cell');
  return {
    ...(byFile ? { file: cell.file as string } : {}),
    ...(per === undefined ? {} : { startMs: cell.start as number }),
    ...(values === undefined ? {} : { group: values }),
    histogram,
  };
}

function readBins(by: unknown, bins: unknown, file: string): Bins {
  const known = profileBys.find((name) => name === by) ?? damaged(file, `is by '${String(by)}'`);
  const pairs = listOf(bins, file).map((pair) => listOf(pair, file));
  if (pairs.length === 0 || pairs.length > 4096) damaged(file, `has ${pairs.length} bins`);
  const from = pairs.map(([start]) => countOf(start, file));
  const last = pairs.at(-1)?.[1];
  const made = binsOf(known as ProfileBy, from, last === null ? null : countOf(last, file));
  pairs.forEach(([start, end], index) => {
    const isEnd = binEnd(made, index) === end && (end === null || (end as number) >= (start as number));
    if (!isEnd) damaged(file, `has a gap or an overlap at bin ${index + 1}`);
  });
  return made;
}

function objectOf(value: unknown, file: string): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) damaged(file, 'lacks a part');
  return value as Record<string, unknown>;
}

function listOf(value: unknown, file: string): readonly unknown[] {
  return Array.isArray(value) ? value : damaged(file, 'lacks a list');
}

function countOf(value: unknown, file: string): number {
  return Number.isSafeInteger(value) && (value as number) >= 0 ? (value as number) : damaged(file, `has a count '${String(value)}'`);
}

function damaged(file: string, what: string): never {
  throw new Corrupt(`the saved profile ${what}`, { file });
}
