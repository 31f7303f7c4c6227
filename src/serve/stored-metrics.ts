/**
 * The daemon's metrics on a store of `keep`: measures go in as columns, timers and sets as the bytes of their kinds, and slots come out on the step of the
 * finest archive that reaches back to the start of the range (stitching is the store's). A StatsD metric's ladder is the finest of those of its served names.
 */

import type { CoarseRange } from '../collect/whisper-points.js';
import { countMembers, encodeMembers, memberSetCodec } from '../fold/member-set.js';
import { decodeTimer, encodeTimer, type TimerValues, timerOf, timerValuesCodec } from '../fold/timer-values.js';
import type { Showing } from '../keep/ladder.js';
import { archiveReaching, type CellPart, type Codecs, type Ladder, type NotePut, type Store } from '../keep/store.js';
import type { Configuration } from './configuration.js';
import { parseHidden, rejectedLadder } from './hidden-series.js';
import type { LoadedSeries } from './loaded-series.js';
import type { MetricBatch, MetricStore, Repeats, StoredSlots } from './metric-store.js';
import { isStoredForm, parseStoredName, servedNames } from './served-names.js';
import { readStateSlots } from './stored-states.js';

/** What the rules of storage say of a name. */
export interface StorageRules {
  readonly ladderOf: (name: string) => Ladder;
  readonly methodOf: (name: string) => Showing;
  /** Where the points of a series came from the coarser archives of a file. */
  readonly coarseOf: (name: string) => readonly CoarseRange[];
  /** Whether any rule shows medians or percentiles. */
  readonly hasPercentiles: boolean;
}

/** How timers and sets merge in the store: what `keep` is handed when it is opened. */
export const metricCodecs: Codecs = { histogram: timerValuesCodec, distinct: memberSetCodec };

export interface StoredMetricsOptions {
  readonly store: Store;
  readonly rules: () => StorageRules;
  /** The archives of a stored name. */
  readonly ladderOf: (name: string) => Ladder;
  readonly replaces: (name: string) => boolean;
  readonly keepsValues: (name: string) => boolean;
  /** What a series that came from a file or a writer of states is. */
  readonly stateOf?: (name: string) => LoadedSeries | undefined;
  readonly now: () => number;
  readonly sizeBytes: () => number;
  /** Names that the store holds when it is opened. */
  readonly names: readonly string[];
}

const expireMs = 10_000;
/** The note that tells `weir check` of points which repeated series and time: a JSON object of `Repeats`. */
export const repeatsNote = 'repeats';
/** The note that says since when rejects are kept: epoch seconds as text. */
const rejectsNote = 'rejects-since';
const alignedSlotsMax = 2_000_000;

/** The ladder of a stored name: its own, or the finest of those of the names that a StatsD metric is served under. */
export function ladderOfStored(stored: string, rules: StorageRules, settings: Configuration['statsd']): Ladder {
  const hidden = parseHidden(stored);
  if (hidden !== undefined) return hidden.kind === 'rejected' ? rejectedLadder : ladderOfStored(hidden.stored, rules, settings);
  const statsd = parseStoredName(stored);
  if (statsd === undefined) return rules.ladderOf(stored);
  const ladders = servedNames(statsd.kind, statsd.name, settings).map((one) => rules.ladderOf(one.name));
  return ladders.reduce((finest, one) => ((one[0]?.stepSeconds ?? Infinity) < (finest[0]?.stepSeconds ?? Infinity) ? one : finest));
}

/** A MetricStore over a store. */
export function storedMetrics(options: StoredMetricsOptions): MetricStore {
  const { store } = options;
  const { ladderOf } = options;
  let expiredMs = 0;
  let repeats: Repeats | undefined;
  let rejectsSince: number | undefined;
  return {
    ladderOf,
    newestOf: (name) => (options.stateOf?.(name)?.state === undefined ? undefined : options.stateOf(name)?.upTo),
    methodOf: (name) => options.rules().methodOf(name),
    replaces: options.replaces,
    keepsValues: options.keepsValues,
    names: () => options.names,
    commit: async (batch) => {
      const { table } = batch;
      let repeatedName = '';
      // A StatsD metric has no time of its own (its cells are flushed twice a second), and a point that takes another's place adds nothing.
      const isStamped = (series: number): boolean => {
        const name = table.nameOf(series);
        if (isStoredForm(name) || options.replaces(name)) return false;
        repeatedName = name;
        return true;
      };
      const told = (batch.repeats?.count ?? 0) === 0 ? repeats : added(repeats ?? (await storedRepeats(store)), batch.repeats as Repeats);
      const nowSeconds = Math.floor(options.now() / 1000);
      const isFirst = rejectsSince === undefined && (await storedRejectsSince(store)) === undefined;
      const since = isFirst ? [{ name: rejectsNote, value: Buffer.from(String(nowSeconds)) }] : [];
      const receipt = await store.commit({
        identity: batch.identity,
        nowSeconds,
        cells: { table, measures: batch.cells, parts: partsOf(batch), isStamped },
        notes: told === undefined ? since : [...since, noteOf(told)],
      });
      // What the store saw repeated is told with the next batch.
      const { applied, repeated } = receipt;
      if (applied) rejectsSince ??= nowSeconds;
      repeats = repeated === 0 ? undefined : added(told ?? (await storedRepeats(store)), { count: repeated, name: repeatedName });
      if (options.now() - expiredMs >= expireMs) {
        expiredMs = options.now();
        await store.expire(Math.floor(expiredMs / 1000));
      }
      return { applied, repeated };
    },
    slotsOf: (name, ...range) =>
      slotsOf(options.stateOf?.(name), ladderOf(name), ...(range as [number, number, number, number | undefined])),
    read: (name, from, until, now, alignSeconds, valuesOnly) =>
      read(options, ladderOf(name), name, from, until, now, alignSeconds, valuesOnly),
    rejectsSince: () => storedRejectsSince(store),
    sizeBytes: options.sizeBytes,
    close: async () => {
      const notes = repeats === undefined ? [] : [noteOf(repeats)];
      // A store that takes nothing any more is closed all the same.
      if (notes.length > 0) await store.commit({ nowSeconds: Math.floor(options.now() / 1000), notes }).catch(() => {});
      await store.close();
    },
  };
}

/** What `repeatsNote` holds. */
export async function storedRepeats(store: Store): Promise<Repeats> {
  for await (const { name, value } of store.scan('note', { prefix: repeatsNote }))
    if (name === repeatsNote) return JSON.parse(Buffer.from(value).toString()) as Repeats;
  return { count: 0, name: '' };
}

async function storedRejectsSince(store: Store): Promise<number | undefined> {
  for await (const { name, value } of store.scan('note', { prefix: rejectsNote }))
    if (name === rejectsNote) return Number(Buffer.from(value).toString());
  return undefined;
}

function noteOf(repeats: Repeats): NotePut {
  return { name: repeatsNote, value: Buffer.from(JSON.stringify(repeats)) };
}

function added(before: Repeats, { count, name }: Repeats): Repeats {
  return { count: before.count + count, name: name === '' ? before.name : name };
}

function partsOf(batch: MetricBatch): CellPart[] {
  const timers = batch.timers.map(
    ({ series, slot, values, weight }): CellPart => ({
      kind: 'histogram',
      series: batch.table.nameOf(series),
      slot,
      bytes: encodeTimer(timerOf(values, weight)),
    }),
  );
  const sets = batch.sets.map(
    ({ series, slot, members }): CellPart => ({
      kind: 'distinct',
      series: batch.table.nameOf(series),
      slot,
      bytes: encodeMembers(members),
    }),
  );
  return [...timers, ...sets];
}

async function read(
  options: StoredMetricsOptions,
  ladder: Ladder,
  name: string,
  from: number,
  until: number,
  now: number,
  alignSeconds: number | undefined,
  valuesOnly: boolean | undefined,
): Promise<StoredSlots> {
  const held = options.stateOf?.(name);
  const { stepSeconds, start, end } = slotsOf(held, ladder, from, until, now, alignSeconds);
  const count = Math.max(0, (end - start) / stepSeconds);
  const range = { series: [name], stepSeconds, start, end };
  const kind = parseStoredName(name)?.kind;
  if (kind === 'timer' || kind === 'set') return await readParts(options, kind, range, count);
  if (held?.state !== undefined) return await readStateSlots(options.store, held, range, now, alignSeconds === 0);
  const values = kind === undefined && options.keepsValues(name) ? (await readParts(options, 'timer', range, count)).values : undefined;
  for await (const { cells, release, values: single } of options.store.scan('measure', { ...range, isShown: true, valuesOnly })) {
    const held = release === undefined ? {} : { release };
    if (single !== undefined) return { ...emptySlots(stepSeconds, start, 0), single, ...held };
    const finest = ladder[0]?.stepSeconds ?? stepSeconds;
    const share = finest / stepSeconds;
    const { counts, sums, mins, maxs, lasts } = cells;
    const coarse = options.rules().coarseOf(name);
    // The store may tell counts and filled by one array.
    const filled = share === 1 && coarse.length === 0 ? cells.filled : shares(cells.filled, share);
    fillCoarse(counts, filled, start, stepSeconds, coarse);
    const slots = { stepSeconds, start, counts, sums, mins, maxs, lasts, filled };
    return { ...slots, ...(values === undefined ? {} : { values }), ...held };
  }
  return emptySlots(stepSeconds, start, count);
}

function slotsOf(
  held: LoadedSeries | undefined,
  ladder: Ladder,
  from: number,
  until: number,
  now: number,
  alignSeconds: number | undefined,
): { stepSeconds: number; start: number; end: number } {
  // A state series ages by its own newest reading.
  const reachedAt = held?.state === undefined ? now : Math.min(now, held.upTo);
  const reaching = archiveReaching(ladder, from, reachedAt).stepSeconds;
  const stepSeconds = alignSeconds === undefined ? reaching : alignedStep(ladder, reaching, alignSeconds, until - from);
  const start = from - (from % stepSeconds) + stepSeconds;
  return { stepSeconds, start, end: Math.max(start + stepSeconds, until - (until % stepSeconds) + stepSeconds) };
}

function shares(filled: Float64Array, share: number): Float64Array {
  const shown = new Float64Array(filled.length);
  for (let at = 0; at < shown.length; at++) shown[at] = (filled[at] as number) * share;
  return shown;
}

// A point that a file had for a longer slot stands for all of it: the file has hidden what its own factor hides. Where such points end within a slot, the
// file's slot was this one.
function fillCoarse(counts: Float64Array, filled: Float64Array, start: number, stepSeconds: number, ranges: readonly CoarseRange[]): void {
  for (const [from, until, step] of ranges) {
    const first = Math.max(0, Math.floor((from - start) / stepSeconds));
    const end = Math.min(counts.length, Math.ceil((until - start) / stepSeconds));
    for (let at = first; at < end; at++) {
      const slot = start + at * stepSeconds;
      const whole = slot >= from && slot + stepSeconds <= until;
      if (counts[at] !== 0) filled[at] = whole ? Math.min(1, ((counts[at] as number) * step) / stepSeconds) : 1;
    }
  }
}

// The coarsest step up to one that divides the seconds asked for, within bounds; else that one.
function alignedStep(ladder: Ladder, reaching: number, alignSeconds: number, seconds: number): number {
  const steps = ladder.map((archive) => archive.stepSeconds).filter((step) => step <= reaching && seconds / step <= alignedSlotsMax);
  const aligned = alignSeconds === 0 ? undefined : steps.findLast((step) => alignSeconds % step === 0);
  return aligned ?? steps[0] ?? reaching;
}

async function readParts(
  { store }: StoredMetricsOptions,
  kind: 'timer' | 'set',
  range: { series: readonly string[]; stepSeconds: number; start: number; end: number },
  count: number,
): Promise<StoredSlots> {
  const slots = emptySlots(range.stepSeconds, range.start, count);
  const values: (TimerValues | undefined)[] = new Array(count);
  const distinct = new Float64Array(count);
  for await (const row of store.scan(kind === 'timer' ? 'histogram' : 'distinct', range)) {
    const slot = Math.floor((row.slot - range.start) / range.stepSeconds);
    if (slot < 0 || slot >= count) continue;
    slots.filled[slot] = 1;
    if (kind === 'timer') {
      const timer = decodeTimer(row.bytes);
      values[slot] = timer;
      slots.counts[slot] = timer.weight;
    } else {
      distinct[slot] = countMembers(row.bytes);
      slots.counts[slot] = 1;
    }
  }
  return { ...slots, values, distinct };
}

function emptySlots(stepSeconds: number, start: number, count: number): StoredSlots {
  const column = (): Float64Array => new Float64Array(count);
  return { stepSeconds, start, counts: column(), sums: column(), mins: column(), maxs: column(), lasts: column(), filled: column() };
}
