/**
 * The words by which RRDtool is told what a database holds: `DS:rtt:GAUGE:600:0:U`, `DS:sum:COMPUTE:in,out,+`, `RRA:AVERAGE:0.5:12:60`. Heartbeats, steps and rows
 * may be durations (`10m`, `1d`, `2M`), as of rrdtool 1.7. Messages are worded as rrdtool words them. Source: the manual page rrdcreate(1).
 */

import { Usage } from '../base/faults.js';
import { type RrdFunction, type RrdSourceType, rrdFunctions, rrdSourceTypes } from './rrd-database.js';

/** A source as it was told. */
export interface SourceDefinition {
  readonly name: string;
  readonly type: RrdSourceType;
  /** Seconds; 0 for COMPUTE. */
  readonly heartbeat: number;
  /** Bounds of the rate; NaN where there is none. */
  readonly min: number;
  readonly max: number;
  readonly compute: string | undefined;
}

/** An archive as it was told. */
export interface ArchiveDefinition {
  readonly cf: RrdFunction;
  readonly xff: number;
  readonly pdpPerRow: number;
  readonly rows: number;
}

export interface DatabaseDefinition {
  /** Seconds a primary point. */
  readonly step: number;
  readonly sources: readonly SourceDefinition[];
  readonly archives: readonly ArchiveDefinition[];
}

const sourcesMax = 1000;
const archivesMax = 1000;
const rowsMax = 1e8;
const heldFunctions: readonly RrdFunction[] = ['AVERAGE', 'MIN', 'MAX', 'LAST'];

/** A database from the words of `create`, without its name and options. Throws Usage. */
export function parseDefinition(words: readonly string[], step: number): DatabaseDefinition {
  const sources: SourceDefinition[] = [];
  const archives: ArchiveDefinition[] = [];
  for (const word of words) {
    if (word.startsWith('DS:')) {
      const source = parseSource(word, sources);
      if (sources.some(({ name }) => name === source.name)) throw new Usage(`Duplicate DS name: ${source.name}`);
      sources.push(source);
    } else if (word.startsWith('RRA:')) archives.push(parseArchive(word, step));
    else throw new Usage(`can't parse argument '${word.slice(0, 200)}' (expected DS:... or RRA:...)`);
  }
  if (archives.length === 0) throw new Usage('you must define at least one Round Robin Archive (expected RRA:AVERAGE:0.5:1:600)');
  if (sources.length === 0) throw new Usage('you must define at least one Data Source (expected DS:name:GAUGE:600:U:U)');
  if (sources.length > sourcesMax || archives.length > archivesMax)
    throw new Usage(`${sources.length} sources and ${archives.length} archives (expected at most ${sourcesMax} of each)`);
  if (!archives.some(({ cf }) => heldFunctions.includes(cf))) throw new Usage(`no archive of ${heldFunctions.join(', ')} (expected one)`);
  return { step, sources, archives };
}

/** Whole seconds of a duration such as `300`, `5m` or `1d`; undefined when it is none above 0. */
export function parseDuration(text: string): number | undefined {
  const found = /^(\d{1,12})([smhdwMy]?)$/.exec(text);
  if (found === null || Number(found[1]) === 0) return undefined;
  const seconds = { s: 1, m: 60, h: 3600, d: 86_400, w: 604_800, M: 2_678_400, y: 31_622_400 }[found[2] === '' ? 's' : (found[2] as 's')];
  return Number(found[1]) * seconds;
}

function parseSource(word: string, before: readonly SourceDefinition[]): SourceDefinition {
  const fault = (message: string): Usage => new Usage(`${word.slice(0, 200)}: ${message}`);
  const found = /^DS:([A-Za-z0-9_-]{1,19}):([A-Z]+):(.+)$/s.exec(word);
  if (found === null)
    throw fault('invalid DS format (expected DS:NAME:TYPE:HEARTBEAT:MIN:MAX, a name of at most 19 letters, digits, _ and -)');
  const [, name, type, rest] = found as unknown as [string, string, RrdSourceType, string];
  if (!rrdSourceTypes.includes(type)) throw fault(`invalid DS type specified (${type}; expected ${rrdSourceTypes.join(', ')})`);
  if (type === 'COMPUTE') {
    if (before.length === 0) throw fault('failed to parse computed data source (expected sources before it)');
    return { name, type, heartbeat: 0, min: Number.NaN, max: Number.NaN, compute: rest };
  }
  const parts = rest.split(':');
  const heartbeat = parseDuration(parts[0] as string);
  if (heartbeat === undefined) throw fault(`heartbeat '${parts[0]}': value must be (suffixed) positive number`);
  if (parts.length !== 3) throw fault('failed to extract min:max (expected HEARTBEAT:MIN:MAX)');
  const [min, max] = parts.slice(1).map((text) => {
    const bound = text === 'U' ? Number.NaN : Number(text);
    if (text !== 'U' && (text.trim() === '' || Number.isNaN(bound))) throw fault(`'${text}' is no bound (expected a number or U)`);
    return bound;
  }) as [number, number];
  if (min >= max) throw fault('min must be less than max in DS definition');
  return { name, type, heartbeat, min, max, compute: undefined };
}

function parseArchive(word: string, step: number): ArchiveDefinition {
  const fault = (message: string): Usage => new Usage(`${word.slice(0, 200)}: ${message}`);
  const [, cf = '', ...rest] = word.split(':');
  if (!(rrdFunctions as readonly string[]).includes(cf)) throw fault(`Unrecognized consolidation function ${cf}`);
  if (!heldFunctions.includes(cf as RrdFunction)) {
    const rows = Number(rest[0]);
    if (!(rows > 0 && rows <= rowsMax)) throw fault(`Invalid row count ${rest[0] ?? ''}: value must be positive`);
    return { cf: cf as RrdFunction, xff: 0, pdpPerRow: 1, rows };
  }
  if (rest.length !== 3) throw fault(`Expected at least 4 arguments for RRA but got ${rest.length + 1}`);
  const [factor, steps, rowText] = rest as [string, string, string];
  const xff = /^\d*\.?\d+(e-?\d+)?$/i.test(factor) ? Number(factor) : Number.NaN;
  if (!(xff >= 0 && xff < 1)) throw fault('Invalid xff: must be between 0 and 1');
  const pdpPerRow = countOf(steps, step);
  if (pdpPerRow === undefined) throw fault(`Invalid step ${steps}: value must be positive, and a whole number of steps of ${step} s`);
  const rows = countOf(rowText, step * pdpPerRow);
  if (rows === undefined || rows > rowsMax) throw fault(`Invalid row count ${rowText}: value must be positive, and at most ${rowsMax}`);
  if (step * pdpPerRow * rows > 4e9) throw fault('the archive reaches back more than 126 years (expected fewer rows)');
  return { cf: cf as RrdFunction, xff, pdpPerRow, rows };
}

// A plain number counts; a duration is divided by what one of them takes.
function countOf(text: string, seconds: number): number | undefined {
  const duration = parseDuration(text);
  if (duration === undefined || /^\d+$/.test(text)) return duration;
  return duration % seconds === 0 ? duration / seconds : undefined;
}

/** Whether an archive keeps what a state cell holds (the others belong to the Holt-Winters forecast). */
export function isHeldFunction(cf: RrdFunction): boolean {
  return heldFunctions.includes(cf);
}
