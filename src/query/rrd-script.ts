/**
 * The statements of RRDtool's xport and graph: where data comes from and what is made of it.
 *
 *     DEF:vname=FILE:SOURCE:CF[:step=S][:start=T][:end=T][:reduce=CF]        a series
 *     CDEF:vname=EXPRESSION                                                  a column made of others
 *     VDEF:vname=vname,[N,]FUNCTION                                          one figure of a column
 *     SHIFT:vname:SECONDS|vdef                                               a column moved in time
 *     XPORT:vname[:LEGEND]                                                   a column of the answer
 *     PRINT:vname[:CF]:FORMAT[:strftime|:valstrftime|:valstrfduration]       a figure of the answer
 *
 * A colon within a part is written `\:`. A name is to be made before it is used. Source: rrdgraph_data(1), rrdxport(1).
 */

import { Malformed } from '../base/faults.js';
import type { WallClock } from '../base/wall-clock.js';
import { type RrdFunction, rrdFunctions } from '../collect/rrd-database.js';
import { parseRpn, type RpnProgram } from './rpn.js';
import { parseVdef, type VdefDefinition } from './vdef.js';
import { parseRrdTime, type RrdTime } from './when-rrd.js';

export interface DefStatement {
  readonly kind: 'def';
  readonly name: string;
  readonly file: string;
  readonly source: string;
  readonly cf: RrdFunction;
  /** Seconds, where the statement names them. */
  readonly step: number | undefined;
  readonly start: RrdTime | undefined;
  readonly end: RrdTime | undefined;
  /** How rows are joined into coarser ones; the function of the archive unless named. */
  readonly reduce: RrdFunction;
}

export type RrdStatement =
  | DefStatement
  | { readonly kind: 'cdef'; readonly name: string; readonly program: RpnProgram }
  | { readonly kind: 'vdef'; readonly name: string; readonly definition: VdefDefinition }
  | { readonly kind: 'shift'; readonly name: string; readonly by: number | string }
  | { readonly kind: 'xport'; readonly name: string; readonly legend: string }
  | PrintStatement;

export interface PrintStatement {
  readonly kind: 'print';
  readonly name: string;
  /** How a column is made one figure; undefined of a VDEF, which is one. */
  readonly cf: RrdFunction | undefined;
  readonly format: string;
  /** What is printed: the value as a number, the time of a VDEF, the value as a time, or as a duration in milliseconds. */
  readonly as: 'value' | 'strftime' | 'valstrftime' | 'valstrfduration';
}

/** Reads the statements in order. Throws Malformed, in rrdtool's words where it has some. */
export function parseRrdScript(words: readonly string[], now: number, clock: WallClock): RrdStatement[] {
  const names = new Map<string, 'column' | 'figure'>();
  const statements: RrdStatement[] = [];
  for (const word of words) {
    const statement = parseStatement(word, names, now, clock);
    statements.push(statement);
    if (statement.kind === 'def' || statement.kind === 'cdef') names.set(statement.name, 'column');
    if (statement.kind === 'vdef') names.set(statement.name, 'figure');
  }
  return statements;
}

/** Does something for an expression; what is wrong with it names it. */
export function named<Result>(name: string, act: () => Result): Result {
  try {
    return act();
  } catch (error) {
    throw error instanceof Malformed ? new Malformed(`${error.message} (in CDEF ${name})`) : error;
  }
}

type Names = ReadonlyMap<string, 'column' | 'figure'>;

function parseStatement(word: string, names: Names, now: number, clock: WallClock): RrdStatement {
  const [verb = '', ...parts] = splitParts(word);
  switch (verb) {
    case 'DEF':
      return parseDef(word, parts, names, now, clock);
    case 'CDEF':
    case 'VDEF': {
      const { name, rest } = newName(word, word.slice(verb.length + 1), names);
      return verb === 'CDEF'
        ? { kind: 'cdef', name, program: named(name, () => parseRpn(rest.replaceAll('\\:', ':'), (variable) => names.has(variable))) }
        : { kind: 'vdef', name, definition: parseVdef(name, rest, (variable) => names.get(variable) === 'column') };
    }
    case 'SHIFT':
      return parseShift(word, parts, names);
    case 'XPORT': {
      const [name = '', legend = ''] = parts;
      refuseMore(word, parts, 2);
      if (parts.length === 0) throw new Malformed('No positional VNAME');
      if (names.get(name) === 'figure') throw new Malformed(`${name} is a VDEF, one figure: XPORT wants a column (in ${word})`);
      if (!names.has(name)) throw new Malformed(`${name} is not a vname nor a number`);
      return { kind: 'xport', name, legend };
    }
    case 'PRINT':
      return parsePrint(word, parts, names);
    default:
      if (graphVerbs.has(verb.replace(/^LINE[\d.]*$/, 'LINE')))
        throw new Malformed(`${verb} draws a picture, which is not made yet (expected DEF, CDEF, VDEF, SHIFT, XPORT or PRINT in ${word})`);
      throw new Malformed(`'${verb}' is not a valid function name in ${word}`);
  }
}

const graphVerbs: ReadonlySet<string> = new Set('LINE AREA STACK TICK HRULE VRULE GPRINT COMMENT TEXTALIGN'.split(' '));

function parseDef(word: string, parts: readonly string[], names: Names, now: number, clock: WallClock): DefStatement {
  const { name, rest: file } = newName(word, parts[0] ?? '', names);
  const [, source, cfText, ...options] = parts;
  if (file === '') throw new Malformed(`No argument for definition of RRD in ${word}`);
  if (source === undefined || source === '') throw new Malformed(`No argument for definition of DS in ${word}`);
  if (cfText === undefined) throw new Malformed(`No argument for definition of CF in ${word}`);
  const cf = functionOf(cfText, 'bad CF');
  let step: number | undefined;
  let [start, end]: (RrdTime | undefined)[] = [];
  let reduce = cf;
  for (const option of options) {
    const [, key, value = ''] = /^(step|start|end|reduce|daemon)=(.*)$/s.exec(option) ?? [];
    if (key === 'step') {
      if (!/^\d{1,10}$/.test(value) || Number(value) === 0) throw new Malformed(`Bad step value: ${value}`);
      step = Number(value);
    } else if (key === 'start') start = timeOf('start', value, now, clock);
    else if (key === 'end') end = timeOf('end', value, now, clock);
    else if (key === 'reduce') reduce = functionOf(value, 'bad reduce CF');
    else if (key === 'daemon') throw new Malformed(`daemon=: Weir reads the file itself and asks no rrdcached (in ${word})`);
    else throw new Malformed(`Unused Arguments "${option}" in command : ${word}`);
  }
  return { kind: 'def', name, file, source, cf, step, start, end, reduce };
}

/** What a number may be printed by, in rrdtool's own words. */
const numberFormat = '^(?:[^%]+|%%)*%[-+ 0#]?[0-9]*(?:[.][0-9]+)?l[eEfFgG](?:[^%]+|%%)*(?:%[sS])?(?:[^%]+|%%)*$';

function parsePrint(word: string, parts: readonly string[], names: Names): PrintStatement {
  const [name = '', ...rest] = parts;
  if (rest.length === 0) throw new Malformed('No positional CF/FORMAT');
  const kind = names.get(name);
  if (kind === undefined) throw new Malformed(`undefined vname ${name}`);
  const cf = kind === 'column' ? functionOf(rest.shift() ?? '', 'bad CF for DEF/CDEF') : undefined;
  const [format = '', mode, ...more] = rest;
  if (more.length > 0) throw new Malformed(`Unused Arguments "${more.join(':')}" in command : ${word}`);
  if (mode !== undefined && mode !== 'strftime' && mode !== 'valstrftime' && mode !== 'valstrfduration')
    throw new Malformed(`Unused Arguments "${mode}" in command : ${word}`);
  if (mode === undefined && (format.length > 200 || !isNumberFormat(format)))
    throw new Malformed(`invalid format string '${format.slice(0, 200)}' (should match '${numberFormat}')`);
  return { kind: 'print', name, cf, format, as: mode ?? 'value' };
}

/** One number, perhaps a magnitude behind it, and else only text; read by pieces, so that no text takes long. */
function isNumberFormat(format: string): boolean {
  const pieces: readonly string[] = format.match(/%[-+ 0#]?\d{0,3}(?:\.\d{1,3})?l[eEfFgG]|%[sS%]|[^%]+|%/g) ?? [];
  const numberAt = pieces.findIndex((piece) => piece.length > 2 && piece.startsWith('%'));
  const magnitudes = pieces.filter((piece) => piece === '%s' || piece === '%S');
  const numbers = pieces.filter((piece) => piece.length > 2 && piece.startsWith('%'));
  return (
    numbers.length === 1 &&
    !pieces.includes('%') &&
    magnitudes.length <= 1 &&
    pieces.indexOf(magnitudes[0] ?? '') >= (magnitudes.length === 0 ? -1 : numberAt)
  );
}

function parseShift(word: string, parts: readonly string[], names: Names): RrdStatement {
  const [name = '', by = ''] = parts;
  refuseMore(word, parts, 2);
  if (names.get(name) !== 'column') throw new Malformed(`Cannot shift ${name}: it is no DEF or CDEF (in ${word})`);
  if (/^-?\d{1,12}$/.test(by)) return { kind: 'shift', name, by: Number(by) };
  if (names.get(by) !== 'figure') throw new Malformed(`'${by}' is no number and no VDEF (in ${word})`);
  return { kind: 'shift', name, by };
}

/** `name=rest`, the name not yet taken by another kind. */
function newName(word: string, text: string, names: Names): { name: string; rest: string } {
  const cut = text.indexOf('=');
  if (cut < 1) throw new Malformed(`Cannot parse vname from '${word}' (expected NAME=...)`);
  const name = text.slice(0, cut);
  if (names.has(name)) throw new Malformed(`trying to reuse vname ${name}`);
  return { name, rest: text.slice(cut + 1) };
}

function functionOf(text: string, complaint: string): RrdFunction {
  const found = rrdFunctions.find((name) => name === text);
  if (found === undefined) throw new Malformed(`${complaint}: ${text}`);
  return found;
}

function timeOf(which: string, text: string, now: number, clock: WallClock): RrdTime {
  try {
    return parseRrdTime(text, now, clock);
  } catch (error) {
    throw error instanceof Malformed ? new Malformed(`${which} time: ${error.message}`) : error;
  }
}

function refuseMore(word: string, parts: readonly string[], most: number): void {
  if (parts.length > most) throw new Malformed(`Unused Arguments "${parts.slice(most).join(':')}" in command : ${word}`);
}

/** Parts between colons, `\:` being one within a part. */
function splitParts(word: string): string[] {
  return word.split(/(?<!\\):/).map((part) => part.replaceAll('\\:', ':'));
}
