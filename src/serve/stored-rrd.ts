/**
 * An RRDtool database that lives in the store: what `create` said of it, and where its writer stands. Each source is a state series of its own, named
 * by the path (`.SOURCE` behind it when there are several), so a Graphite target finds it; the writer's place is kept as a note in the same
 * commit as the cells, so that a stop loses nothing and a command goes on where the last one ended.
 *
 *   note `rrd:NAME` = {"file": "ping.rrd", "step": 300, "ds": [[name, type, heartbeat, min, max, compute], ...], "rra": [[cf, xff, pdpPerRow, rows], ...],
 *                      "at": milliseconds, "last": [readings], "pending": [[knownMs, unknownMs, integral], ...], "fineFrom": seconds}
 */

import { Corrupt } from '../base/faults.js';
import type { RrdFunction, RrdSourceType } from '../collect/rrd-database.js';
import { type ArchiveDefinition, type DatabaseDefinition, isHeldFunction, type SourceDefinition } from '../collect/rrd-definition.js';
import { type States, zeroStates } from '../fold/state.js';
import type { Archive, Ladder, NotePut } from '../keep/store.js';
import type { LoadedSeries } from './loaded-series.js';

export interface StoredRrd {
  readonly name: string;
  /** As it was first named. */
  readonly file: string;
  readonly definition: DatabaseDefinition;
  /** Names of the sources' series. */
  readonly series: readonly string[];
  readonly ladder: Ladder;
  /** The newest reading, epoch milliseconds. */
  atMs: number;
  /** The last reading of each source, as text. */
  lasts: readonly string[];
  /** The primary point in the making: a cell a source. */
  readonly pending: States;
  /** A file was loaded whose finest archive began here, epoch seconds: before it a row speaks for all of its time. */
  readonly fineFrom: number | undefined;
}

export const rrdPrefix = 'rrd:';

/** The name of a database by its path: dots for slashes, without `.rrd`. */
export function rrdName(file: string): string {
  return file
    .replace(/\.(rrd|xml)$/, '')
    .replace(/^(\.{0,2}\/)+/, '')
    .replaceAll('/', '.');
}

/** A database as `create` makes it: no reading yet, time begins at `startMs`. */
export function newRrd(file: string, definition: DatabaseDefinition, startMs: number, name = rrdName(file)): StoredRrd {
  const { sources } = definition;
  return {
    name,
    file,
    definition,
    series: sources.map((source) => (sources.length === 1 ? name : `${name}.${source.name}`)),
    ladder: ladderOf(definition),
    atMs: startMs,
    lasts: sources.map(() => 'U'),
    pending: pendingFrom(definition, startMs),
    fineFrom: undefined,
  };
}

// The part of the step before the start is unknown, as rrdtool has it.
function pendingFrom({ step, sources }: DatabaseDefinition, startMs: number): States {
  const pending = zeroStates(sources.length);
  pending.unknownMs.fill(startMs % (step * 1000));
  return pending;
}

/** Archives by step, finest first; of those that reach no further than a finer one the finer is enough. */
function ladderOf({ step, archives }: DatabaseDefinition): Ladder {
  const keeps = new Map<number, number>();
  for (const { cf, pdpPerRow, rows } of archives) {
    if (!isHeldFunction(cf)) continue;
    const stepSeconds = step * pdpPerRow;
    keeps.set(stepSeconds, Math.max(keeps.get(stepSeconds) ?? 0, stepSeconds * rows));
  }
  const ladder: Archive[] = [];
  for (const [stepSeconds, keepSeconds] of [...keeps].sort(([one], [two]) => one - two))
    if (keepSeconds > (ladder.at(-1)?.keepSeconds ?? 0)) ladder.push({ stepSeconds, keepSeconds });
  return ladder;
}

/** Two definitions that say the same. */
export function isSameDefinition(one: DatabaseDefinition, two: DatabaseDefinition): boolean {
  return JSON.stringify(shapeOf(one)) === JSON.stringify(shapeOf(two));
}

/** What each source's series is to the rules of storage: its archives, and how its slots are shown. */
export function seriesOfRrd(rrd: StoredRrd): (readonly [string, LoadedSeries])[] {
  const first = rrd.definition.archives.find(({ cf }) => isHeldFunction(cf)) as ArchiveDefinition;
  // Of a primary point, half may be unknown.
  const facts = { method: first.cf.toLowerCase(), xFilesFactor: Math.min(0.5, 1 - first.xff), ladder: rrd.ladder, upTo: rrd.atMs / 1000 };
  const heartbeats = rrd.definition.sources.map((_, index) => heartbeatOf(rrd.definition.sources, index));
  return rrd.series.map((name, index) => [
    name,
    { ...facts, state: { heartbeat: heartbeats[index] as number, ...(rrd.fineFrom === undefined ? {} : { fineFrom: rrd.fineFrom }) } },
  ]);
}

// A computed source is as old as the youngest that it may rest on.
function heartbeatOf(sources: readonly SourceDefinition[], index: number): number {
  const source = sources[index] as SourceDefinition;
  return source.type === 'COMPUTE'
    ? Math.min(...sources.filter(({ type }) => type !== 'COMPUTE').map((one) => one.heartbeat))
    : source.heartbeat;
}

/** The note of a database. */
export function rrdNote(rrd: StoredRrd): NotePut {
  const { knownMs, unknownMs, integrals } = rrd.pending;
  const text = JSON.stringify({
    file: rrd.file,
    ...shapeOf(rrd.definition),
    at: rrd.atMs,
    last: rrd.lasts,
    pending: rrd.lasts.map((_, at) => [knownMs[at], unknownMs[at], knownMs[at] === 0 ? 0 : integrals[at]]),
    ...(rrd.fineFrom === undefined ? {} : { fineFrom: rrd.fineFrom }),
  });
  return { name: rrdPrefix + rrd.name, value: new TextEncoder().encode(text) };
}

// JSON has no NaN, and no infinities: bounds that are not there are null.
function shapeOf({ step, sources, archives }: DatabaseDefinition): object {
  return {
    step,
    ds: sources.map(({ name, type, heartbeat, min, max, compute }) => [name, type, heartbeat, min, max, compute ?? null]),
    rra: archives.map(({ cf, xff, pdpPerRow, rows }) => [cf, xff, pdpPerRow, rows]),
  };
}

interface NoteShape {
  readonly file: string;
  readonly step: number;
  readonly ds: readonly (readonly [string, RrdSourceType, number, number | null, number | null, string | null])[];
  readonly rra: readonly (readonly [RrdFunction, number, number, number])[];
  readonly at: number;
  readonly last: readonly string[];
  readonly pending: readonly (readonly [number, number, number])[];
  readonly fineFrom?: number;
}

/** Databases by name, from the notes of a store. Throws Corrupt for a note that is none. */
export function readRrds(rows: Iterable<{ readonly name: string; readonly value: Uint8Array }>): Map<string, StoredRrd> {
  const found = new Map<string, StoredRrd>();
  for (const { name, value } of rows) {
    if (!name.startsWith(rrdPrefix)) continue;
    try {
      const rrd = readNote(name.slice(rrdPrefix.length), JSON.parse(new TextDecoder().decode(value)) as NoteShape);
      found.set(rrd.name, rrd);
    } catch (error) {
      throw new Corrupt(`the note '${name}' is not that of an RRDtool database`, {}, error);
    }
  }
  return found;
}

function readNote(name: string, note: NoteShape): StoredRrd {
  const definition: DatabaseDefinition = {
    step: note.step,
    sources: note.ds.map(([source, type, heartbeat, min, max, compute]) => ({
      name: source,
      type,
      heartbeat,
      min: min ?? Number.NaN,
      max: max ?? Number.NaN,
      compute: compute ?? undefined,
    })),
    archives: note.rra.map(([cf, xff, pdpPerRow, rows]) => ({ cf, xff, pdpPerRow, rows })),
  };
  const { pending, ...rest } = newRrd(note.file, definition, note.at, name);
  for (const [at, [known, unknown, integral]] of note.pending.entries()) {
    pending.knownMs[at] = known;
    pending.unknownMs[at] = unknown;
    pending.integrals[at] = integral;
  }
  if (note.last.length !== definition.sources.length || !(note.step > 0) || rest.ladder.length === 0) throw new Error('wrong lengths');
  return { ...rest, pending, lasts: note.last, fineFrom: note.fineFrom };
}
