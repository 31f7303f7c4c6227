/**
 * `weir load *.rrd` and trees of them (XML dumps too): each source a series named by the path, with every archive. For each stretch of time the finest archive
 * that holds it gives the states; a coarser one fills what lies before. What an archive knows of the average, the least, the greatest and the last is kept;
 * a figure that none of its step has stays unknown.
 *
 * Law: a file that is loaded again changes nothing, and one that has grown adds only time after the newest reading that is in.
 */

import { readdirSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { Fault } from '../base/faults.js';
import { openRrd } from '../collect/open-rrd.js';
import type { RrdArchive, RrdDatabase } from '../collect/rrd-database.js';
import { type DatabaseDefinition, isHeldFunction } from '../collect/rrd-definition.js';
import { type States, zeroStates } from '../fold/state.js';
import { type OpenRrd, RrdWriter } from '../serve/rrd-writer.js';
import { isSameDefinition, newRrd, rrdName } from '../serve/stored-rrd.js';
import type { Invocation } from './command.js';
import { clockOf, configurationOf, openMetrics } from './metric-store.js';
import { ProgressLine } from './progress.js';

const batchCells = 200_000;
const saidMax = 20;

/** Whether the first bytes are those of an `.rrd` file or of a dump of one. */
export function looksLikeRrd(head: Uint8Array): boolean {
  const text = Buffer.from(head.subarray(0, 512)).toString('latin1');
  return text.startsWith('RRD\0') || (/^\s*<(\?xml|!--|!DOCTYPE rrd|rrd[\s>])/.test(text) && /<rrd[\s>]|Round Robin/.test(text));
}

interface Tally {
  series: number;
  rows: number;
  known: number;
  failed: number;
}

/** Loads files and trees; answers false if any failed. */
export async function loadRrd(paths: readonly string[], invocation: Invocation): Promise<boolean> {
  const { world } = invocation;
  const found = paths.flatMap(rrdFilesOf);
  const tally: Tally = { series: 0, rows: 0, known: 0, failed: 0 };
  const clock = clockOf(invocation);
  const nowSeconds = Math.floor(clock() / 1000);
  const dryRun = invocation.flag('dry-run');
  const metrics = await openMetrics(invocation, configurationOf(invocation), clock, dryRun);
  const progress = world.isTerminal.stderr ? new ProgressLine(world, 'rows') : undefined;
  try {
    const writer = new RrdWriter({ ...metrics, names: metrics.metrics.names });
    for (const [index, { file, name }] of found.entries()) {
      try {
        const database = openRrd(file);
        try {
          loadOne(database, name, writer, tally);
        } finally {
          database.close();
        }
      } catch (error) {
        if (!(error instanceof Fault)) throw error;
        if (++tally.failed <= saidMax) world.stderr.write(`weir: ${error.line}\n`);
      }
      if (writer.pending >= batchCells && !dryRun) await writer.commit(nowSeconds);
      progress?.update(tally.rows, (index + 1) / found.length);
    }
    if (!dryRun) {
      await writer.commit(nowSeconds);
      metrics.store.settle(nowSeconds);
    }
  } finally {
    progress?.clear();
    await metrics.metrics.close();
  }
  const known = tally.known > 0 ? `, ${tally.known} files were in already` : '';
  const failed = tally.failed > 0 ? `, ${tally.failed} files were left out` : '';
  const did = dryRun ? 'would load' : 'loaded';
  world.stderr.write(`weir: ${found.length} RRD files: ${did} ${tally.rows} rows of ${tally.series} series${known}${failed}\n`);
  return tally.failed === 0;
}

/** The RRD files of a path, with the names that they get. */
export function rrdFilesOf(path: string): { file: string; name: string }[] {
  if (!statSync(path).isDirectory()) return [{ file: path, name: basename(path) }];
  return readdirSync(path, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.rrd'))
    .sort()
    .map((file) => ({ file: join(path, file), name: file.replaceAll('\\', '/') }));
}

function loadOne(database: RrdDatabase, name: string, writer: RrdWriter, tally: Tally): void {
  const definition = definitionOf(database);
  const before = writer.held(rrdName(name));
  if (before !== undefined && !isSameDefinition(before.definition, definition))
    throw new LoadFault(`the store has '${before.name}' with other sources or archives (expected the same)`, { file: database.file });
  const endMs = database.lastUpdate * 1000 + Math.floor(database.lastUpdateMicros / 1000);
  if (before !== undefined && before.atMs >= endMs) {
    tally.known++;
    return;
  }
  const groups = groupsOf(database);
  const finest = groups[0] as Group;
  const fineFrom = before === undefined ? (groups.length > 1 ? finest.start : undefined) : before.fineFrom;
  const rrd = { ...newRrd(name, definition, endMs), fineFrom, lasts: database.sources.map((source) => source.lastReading.slice(0, 29)) };
  const open = writer.add(rrd);
  let finer: Group | undefined;
  for (const group of groups) {
    const from = Math.max(group.start, (before?.atMs ?? 0) / 1000);
    const until = finer?.start ?? Number.POSITIVE_INFINITY;
    if (from < until) addRows(database, group, { from, until, finer }, open, writer, tally);
    if (group.start < until) finer = group;
  }
  addPending(database, open, writer, Math.max(before?.atMs ?? 0, 0), endMs);
  tally.series += definition.sources.length;
}

class LoadFault extends Fault {}

function definitionOf({ step, sources, archives }: RrdDatabase): DatabaseDefinition {
  return {
    step,
    sources: sources.map(({ name, type, heartbeat, min, max, compute }) => ({ name, type, heartbeat, min, max, compute })),
    archives: archives.map(({ cf, xff, pdpPerRow, rows }) => ({ cf, xff, pdpPerRow, rows })),
  };
}

/** Archives of one step. */
interface Group {
  readonly step: number;
  /** Where the longest of them begins, epoch seconds. */
  readonly start: number;
  readonly archives: readonly RrdArchive[];
}

// By step, finest first.
function groupsOf(database: RrdDatabase): readonly Group[] {
  const bySteps = new Map<number, RrdArchive[]>();
  for (const archive of database.archives)
    if (isHeldFunction(archive.cf)) bySteps.set(archive.step, [...(bySteps.get(archive.step) ?? []), archive]);
  return [...bySteps]
    .sort(([one], [two]) => one - two)
    .map(([step, archives]) => ({ step, archives, start: Math.min(...archives.map((archive) => archive.firstEnd - archive.step)) }));
}

const functions = ['AVERAGE', 'MIN', 'MAX', 'LAST'] as const;
const cell = zeroStates(1);

function addRows(
  database: RrdDatabase,
  { step, start, archives }: Group,
  span: { readonly from: number; readonly until: number; readonly finer: Group | undefined },
  open: OpenRrd,
  writer: RrdWriter,
  tally: Tally,
): void {
  const { sources } = database;
  const end = Math.min(span.until, Math.max(...archives.map(({ lastEnd }) => lastEnd)));
  const isPoint = archives.some(({ pdpPerRow }) => pdpPerRow === 1);
  const rowsOf = functions.map((cf) => {
    const archive = archives.find((one) => one.cf === cf);
    return archive === undefined ? undefined : { archive, values: database.rows(archive, 0, archive.rows) };
  });
  for (let rowStart = start + Math.max(0, Math.floor((span.from - start) / step)) * step; rowStart < end; rowStart += step) {
    const [from, to] = [Math.max(rowStart, span.from), Math.min(rowStart + step, end)];
    if (to <= from) continue;
    for (let source = 0; source < sources.length; source++) {
      const [average, min, max, last] = rowsOf.map((rows) => {
        const row = rows === undefined ? -1 : (rowStart + step - rows.archive.firstEnd) / step;
        return rows === undefined || row < 0 ? Number.NaN : (rows.values[row * sources.length + source] ?? Number.NaN);
      }) as [number, number, number, number];
      setCell(cell, from * 1000, to * 1000, isPoint, average, min, max, last);
      if (to < rowStart + step && to === span.until && cell.knownMs[0] !== 0) {
        // The rest of the row is told by finer rows; what is left for this part makes the whole row's average what the archive has.
        const fine = knownOf(database, span.finer as Group, source, to, rowStart + step);
        cell.integrals[0] = average * ((to - from) * 1000 + fine.ms) - fine.integral;
      }
      writer.put(open, source, rowStart, cell, 0);
    }
    tally.rows++;
  }
}

// What rows of a group know of a source between two times.
function knownOf(
  database: RrdDatabase,
  { archives, step }: Group,
  source: number,
  from: number,
  to: number,
): { ms: number; integral: number } {
  const known = { ms: 0, integral: 0 };
  const archive = archives.find(({ cf }) => cf === 'AVERAGE');
  if (archive === undefined) return known;
  const first = Math.max(0, Math.floor((from - archive.firstEnd) / step) + 1);
  const values = database.rows(archive, first, Math.max(0, Math.floor((to - archive.firstEnd) / step) + 1 - first));
  for (let at = source; at < values.length; at += database.sources.length) {
    const value = values[at] as number;
    if (Number.isNaN(value)) continue;
    known.ms += step * 1000;
    known.integral += value * step * 1000;
  }
  return known;
}

// A row of a primary point has one value, whatever its function; of a coarser one, what no archive tells is not held.
function setCell(
  to: States,
  fromMs: number,
  untilMs: number,
  isPoint: boolean,
  average: number,
  min: number,
  max: number,
  last: number,
): void {
  const ms = untilMs - fromMs;
  const told = [average, last, max, min].find((value) => !Number.isNaN(value));
  to.knownMs[0] = told === undefined ? 0 : ms;
  to.unknownMs[0] = told === undefined ? ms : 0;
  if (told === undefined) return;
  const pick = (value: number): number => (isPoint && Number.isNaN(value) ? told : value);
  to.integrals[0] = pick(average) * ms;
  to.mins[0] = pick(min);
  to.maxs[0] = pick(max);
  to.lasts[0] = pick(last);
  to.lastAts[0] = untilMs;
}

// The primary point in the making: what is known of the step that has not ended.
function addPending(database: RrdDatabase, open: OpenRrd, writer: RrdWriter, afterMs: number, endMs: number): void {
  const stepMs = database.step * 1000;
  const startMs = endMs - (endMs % stepMs);
  const { pending } = open.rrd;
  const { start: fineStart, step: fineStep } = groupsOf(database)[0] as Group;
  for (const [at, source] of database.sources.entries()) {
    const unknown = Math.min(endMs - startMs, source.unknownSeconds * 1000);
    const known = Number.isNaN(source.pending) ? 0 : endMs - startMs - unknown;
    pending.knownMs[at] = known;
    pending.unknownMs[at] = endMs - startMs - known;
    pending.integrals[at] = known === 0 ? 0 : source.pending * 1000;
    // A file that was loaded before had a part of this step then.
    const share = afterMs <= startMs ? 1 : Math.max(0, (endMs - afterMs) / Math.max(1, endMs - startMs));
    if (source.type === 'COMPUTE' || endMs === startMs || share === 0) continue;
    const value = known === 0 ? Number.NaN : (pending.integrals[at] as number) / known;
    setCell(cell, 0, known * share, true, value, value, value, value);
    cell.knownMs[0] = known * share;
    cell.unknownMs[0] = (endMs - startMs - known) * share;
    cell.lastAts[0] = endMs;
    const slot = startMs / 1000;
    writer.put(open, at, slot - ((slot - fineStart) % fineStep), cell, 0);
  }
}
