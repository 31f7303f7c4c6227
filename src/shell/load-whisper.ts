/**
 * `weir load FOLDER`: a Whisper tree into the store, each file a series named by its path (dots for slashes), with its archives, its method and every point
 * that it holds, once. Files go in by batches of bounded size, each durable with the note that says up to when a series is in: a load that was cut
 * short goes on, one that is repeated adds only newer points. A file that is damaged or compressed is said and left out; the others go in.
 *
 * `storage-schemas.conf` and `storage-aggregation.conf` found beside the tree are compared with the files, and differences are said.
 */

import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { Fault } from '../base/faults.js';
import { WhisperFile } from '../collect/whisper.js';
import { type CoarseRange, pointsOfFile } from '../collect/whisper-points.js';
import { readAggregation, readSchemas } from '../keep/ladder.js';
import type { Ladder, MeasureColumns, NotePut } from '../keep/store.js';
import { type LoadedSeries, loadedNote } from '../serve/loaded-series.js';
import type { Invocation } from './command.js';
import { clockOf, configurationOf, openMetrics } from './metric-store.js';
import { ProgressLine } from './progress.js';

const batchCells = 200_000;
const batchSeries = 1000;
const saidMax = 20;
const rangesMax = 500;

/** Whether the first bytes are a Whisper header, compressed ones included. */
export function looksLikeWhisper(head: Uint8Array): boolean {
  if (Buffer.from(head.subarray(0, 18)).toString('latin1') === 'whisper_compressed') return true;
  if (head.length < 28) return false;
  const view = new DataView(head.buffer, head.byteOffset, head.byteLength);
  const [method, factor, archives, offset] = [view.getUint32(0), view.getFloat32(8), view.getUint32(12), view.getUint32(16)];
  return method >= 1 && method <= 8 && factor >= 0 && factor <= 1 && archives >= 1 && archives <= 64 && offset === 16 + 12 * archives;
}

interface Found {
  readonly file: string;
  readonly name: string;
}

interface Tally {
  files: number;
  points: number;
  known: number;
  tooOld: number;
  future: number;
  failed: number;
}

/** Loads files and trees; answers false if any file failed. */
export async function loadWhisper(paths: readonly string[], invocation: Invocation): Promise<boolean> {
  const { world } = invocation;
  const found = paths.flatMap(filesOf);
  const tally: Tally = { files: 0, points: 0, known: 0, tooOld: 0, future: 0, failed: 0 };
  for (const path of paths) compareRules(path, found, invocation);
  const clock = clockOf(invocation);
  const dryRun = invocation.flag('dry-run');
  if (dryRun) for (const one of found) readOne(one, undefined, tally, invocation);
  else {
    const { store, metrics, loaded } = await openMetrics(invocation, configurationOf(invocation), clock, false);
    const progress = world.isTerminal.stderr ? new ProgressLine(world, 'points') : undefined;
    const batch = new LoadBatch();
    const commit = async (): Promise<void> => {
      if (batch.notes.length === 0) return;
      const { rejected } = await store.commit({
        nowSeconds: Math.floor(clock() / 1000),
        cells: { table: batch.table, measures: batch.columns() },
        notes: batch.notes,
      });
      tally.tooOld += rejected['too-old'];
      tally.future += rejected.future;
      batch.clear();
    };
    try {
      for (const [index, one] of found.entries()) {
        const read = readOne(one, loaded.get(one.name), tally, invocation);
        if (read === undefined) continue;
        loaded.set(one.name, read.series);
        // A file without points is a series all the same.
        if (read.times.length === 0) batch.notes.push(loadedNote(one.name, read.series));
        for (let at = 0; at < read.times.length; at += batchCells) {
          const end = Math.min(read.times.length, at + batchCells);
          batch.add(one.name, read.times.subarray(at, end), read.values.subarray(at, end));
          batch.notes.push(loadedNote(one.name, { ...read.series, upTo: read.times[end - 1] as number }));
          if (batch.count >= batchCells || batch.notes.length >= batchSeries) await commit();
        }
        progress?.update(tally.points, (index + 1) / found.length);
      }
      await commit();
      store.settle(Math.floor(clock() / 1000));
    } finally {
      progress?.clear();
      await metrics.close();
    }
  }
  world.stderr.write(`weir: ${summary(tally, found.length, dryRun)}\n`);
  return tally.failed === 0;
}

function summary(tally: Tally, files: number, dryRun: boolean): string {
  const parts = [`${files} Whisper files: ${dryRun ? 'would load' : 'loaded'} ${tally.points} points of ${tally.files} series`];
  if (tally.known > 0) parts.push(`${tally.known} points were in already`);
  if (tally.tooOld > 0) parts.push(`${tally.tooOld} are older than every archive (--now T moves the clock)`);
  if (tally.future > 0) parts.push(`${tally.future} lie more than a day ahead`);
  if (tally.failed > 0) parts.push(`${tally.failed} files were left out`);
  return parts.join(', ');
}

function filesOf(path: string): Found[] {
  if (!statSync(path).isDirectory()) return [{ file: path, name: nameOf(basename(path)) }];
  return readdirSync(path, { recursive: true, encoding: 'utf8' })
    .filter((file) => /\.c?wsp$/.test(file))
    .sort()
    .map((file) => ({ file: join(path, file), name: nameOf(file) }));
}

// Tagged series lie in carbon's own folder, `_tagged/xxx/yyy/name;tag=value`, their dots written as _DOT_.
function nameOf(file: string): string {
  const plain = file.replace(/\.c?wsp$/, '').replaceAll('\\', '/');
  const tagged = /^_tagged\/[^/]+\/[^/]+\/(.+)$/.exec(plain);
  return tagged === null ? plain.replaceAll('/', '.') : (tagged[1] as string).replaceAll('_DOT_', '.');
}

interface Read {
  readonly series: LoadedSeries;
  readonly times: Float64Array;
  readonly values: Float64Array;
}

function readOne({ file }: Found, before: LoadedSeries | undefined, tally: Tally, invocation: Invocation): Read | undefined {
  try {
    const opened = new WhisperFile(file);
    try {
      const { aggregationMethod: method, xFilesFactor, archives } = opened.header;
      const { times, values, coarse } = pointsOfFile(opened);
      const upTo = before?.upTo ?? Number.NEGATIVE_INFINITY;
      const first = times.findIndex((time) => time > upTo);
      const from = first < 0 ? times.length : first;
      tally.files++;
      tally.known += from;
      tally.points += times.length - from;
      if (from === times.length && before !== undefined) return undefined;
      const ladder: Ladder = archives.map((one) => ({ stepSeconds: one.secondsPerPoint, keepSeconds: one.retention }));
      const series = {
        ...{ method, xFilesFactor, ladder: before?.ladder ?? ladder, upTo: times.at(-1) ?? 0 },
        coarse: joinedRanges(before?.coarse ?? [], coarse, upTo),
      };
      return { series, times: times.subarray(from), values: values.subarray(from) };
    } finally {
      opened.close();
    }
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    if (++tally.failed <= saidMax) invocation.world.stderr.write(`weir: ${error.line}\n`);
    return undefined;
  }
}

// What a later load adds begins behind what is in; older ranges are those that the ladder still reaches, as far as anyone can tell from their number.
function joinedRanges(before: readonly CoarseRange[], found: readonly CoarseRange[], upTo: number): readonly CoarseRange[] {
  const added = found.filter(([, until]) => until > upTo).map(([from, until, step]): CoarseRange => [Math.max(from, upTo), until, step]);
  return [...before, ...added].slice(-rangesMax);
}

class LoadBatch {
  readonly notes: NotePut[] = [];
  readonly #names: string[] = [];
  readonly #parts: { series: number; times: Float64Array; values: Float64Array }[] = [];
  count = 0;

  // Numbers are given anew in each batch: a table of its own.
  get table(): { nameOf: (index: number) => string } {
    const names = [...this.#names];
    return { nameOf: (index) => names[index] as string };
  }

  add(name: string, times: Float64Array, values: Float64Array): void {
    this.#parts.push({ series: this.#names.push(name) - 1, times, values });
    this.count += times.length;
  }

  columns(): MeasureColumns {
    const { count } = this;
    const column = (): Float64Array => new Float64Array(count);
    const columns = {
      slot: column(),
      counts: column().fill(1),
      sums: column(),
      mins: column(),
      maxs: column(),
      lasts: column(),
      lastAts: column(),
    };
    const series = new Int32Array(count);
    let at = 0;
    for (const part of this.#parts) {
      series.fill(part.series, at, at + part.times.length);
      columns.slot.set(part.times, at);
      columns.lastAts.set(part.times, at);
      for (const name of ['sums', 'mins', 'maxs', 'lasts'] as const) columns[name].set(part.values, at);
      at += part.times.length;
    }
    return { count, series, ...columns };
  }

  clear(): void {
    this.notes.length = 0;
    this.#names.length = 0;
    this.#parts.length = 0;
    this.count = 0;
  }
}

// carbon's rules lie beside the tree, one folder up, or in the folder `conf` there.
function compareRules(path: string, found: readonly Found[], { world }: Invocation): void {
  const root = resolve(path);
  const places = [root, dirname(root), join(dirname(root), 'conf'), join(dirname(dirname(root)), 'conf')];
  const fileOf = (name: string): string | undefined => places.map((place) => join(place, name)).find((file) => existsSync(file));
  const [schemasFile, aggregationFile] = [fileOf('storage-schemas.conf'), fileOf('storage-aggregation.conf')];
  const schemas = schemasFile === undefined ? [] : readSchemas(readFileSync(schemasFile, 'utf8'), schemasFile);
  const aggregation = aggregationFile === undefined ? [] : readAggregation(readFileSync(aggregationFile, 'utf8'), aggregationFile);
  let differing = 0;
  const say = (text: string): void => {
    if (++differing <= saidMax) world.stderr.write(`weir: ${text}\n`);
  };
  for (const { file, name } of schemas.length + aggregation.length === 0 ? [] : found) {
    let header: WhisperFile['header'];
    try {
      const opened = new WhisperFile(file);
      header = opened.header;
      opened.close();
    } catch {
      continue;
    }
    const schema = schemas.find((rule) => rule.finds(name));
    const held = header.archives.map((one) => `${one.secondsPerPoint}:${one.points}`).join(',');
    const wanted = schema?.ladder.map((one) => `${one.stepSeconds}:${one.keepSeconds / one.stepSeconds}`).join(',');
    if (wanted !== undefined && wanted !== held) say(`${file}: archives ${held}, [${schema?.section}] says ${wanted}; the file's are kept`);
    const rule = aggregation.find((one) => one.finds(name));
    if (rule !== undefined && rule.method !== header.aggregationMethod)
      say(`${file}: method ${header.aggregationMethod}, [${rule.section}] says ${rule.method}; the file's is kept`);
  }
  if (differing > saidMax) world.stderr.write(`weir: ${differing - saidMax} more differences\n`);
}
