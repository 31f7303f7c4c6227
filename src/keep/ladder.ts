/**
 * Which archives a series has and how its slots are shown: carbon's `storage-schemas.conf` and `storage-aggregation.conf`, read as they are. Sections
 * are tried in the order of the file, the first whose pattern is found anywhere in the name counts. Retentions are `STEP:KEEP` (`10s:6h`, `60:1440`; a
 * bare second number counts points). The laws of an archive list are Whisper's: steps grow, divide each other, and coarser ones reach further back.
 *
 * Patterns run in linear time (RE2); a pattern that needs looking around runs on the engine's own. Source: "Configuring Carbon".
 */

import { RE2JS } from 're2js';
import { Malformed } from '../base/faults.js';
import { type Archive, defaultLadder, type Ladder } from './store.js';

export interface SchemaRule {
  readonly section: string;
  readonly line: number;
  readonly ladder: Ladder;
  readonly finds: (name: string) => boolean;
  readonly pattern: string;
}

export interface AggregationRule {
  readonly section: string;
  readonly line: number;
  readonly isSpecific: boolean;
  readonly method: string;
  readonly xFilesFactor: number;
  readonly finds: (name: string) => boolean;
  readonly pattern: string;
}

/** How slots are shown. */
export interface Showing {
  readonly method: string;
  readonly xFilesFactor: number;
  /** The rule of the user speaks of some names, not of all. */
  readonly isSpecific?: boolean;
}

export const aggregationMethods = ['average', 'avg', 'sum', 'min', 'max', 'last', 'count', 'absmax', 'absmin', 'avg_zero', 'median'];
const methodPattern = /^p\d{1,2}(\.\d+)?$/;

/** The schemas of a file, in its order. Throws Malformed with the line. */
export function readSchemas(text: string, file = 'storage-schemas.conf'): readonly SchemaRule[] {
  return readSections(text, file).map(({ section, line, values }) => {
    const pattern = required(values, 'pattern', section, line, file);
    const retentions = required(values, 'retentions', section, line, file);
    return { section, line, pattern, finds: finder(pattern, line, file), ladder: parseRetentions(retentions, { file, line }) };
  });
}

/** The aggregation rules of a file, in its order. Throws Malformed with the line. */
export function readAggregation(text: string, file = 'storage-aggregation.conf', find = finder): readonly AggregationRule[] {
  return readSections(text, file).map(({ section, line, values }) => {
    const pattern = required(values, 'pattern', section, line, file);
    const factor = values.get('xfilesfactor') ?? '0.5';
    const method = (values.get('aggregationmethod') ?? 'average').toLowerCase();
    const xFilesFactor = factor === '' ? Number.NaN : Number(factor);
    if (!(xFilesFactor >= 0 && xFilesFactor <= 1))
      throw new Malformed(`[${section}]: xFilesFactor is '${factor}' (expected 0 to 1)`, { file, line });
    if (!aggregationMethods.includes(method) && !methodPattern.test(method)) {
      throw new Malformed(`[${section}]: aggregationMethod is '${method}' (expected one of ${aggregationMethods.join(', ')})`, {
        file,
        line,
      });
    }
    const isSpecific = !isCatchAll(pattern);
    return {
      section,
      line,
      pattern,
      isSpecific,
      finds: find(pattern, line, file),
      method: method === 'avg' ? 'average' : method,
      xFilesFactor,
    };
  });
}

/** The first schema that a name finds; the default ladder when none does. */
export function ladderFor(rules: readonly SchemaRule[], name: string): Ladder {
  return rules.find((rule) => rule.finds(name))?.ladder ?? defaultLadder;
}

/** The first aggregation rule that a name finds. */
export function showingFor(rules: readonly AggregationRule[], name: string): Showing {
  return rules.find((rule) => rule.finds(name)) ?? { method: 'average', xFilesFactor: 0.5 };
}

/** Whether a pattern finds every name. */
export function isCatchAll(pattern: string): boolean {
  return /^(\^?\.[*+]\$?|\^?\.|\.\$)$/.test(pattern);
}

/** Where no file is given: names that speak of sums, least and greatest are shown so, all others as averages; nothing is hidden. */
export const defaultAggregation: readonly AggregationRule[] = readAggregation(
  [
    ['min', '\\.(min|lower)$', 'min'],
    ['max', '\\.(max|upper(_\\d+)?)$', 'max'],
    ['sum', '\\.(count|sum)$|^stats_counts\\.', 'sum'],
    ['default', '.*', 'average'],
  ]
    .map(([section, pattern, method]) => `[${section}]\npattern = ${pattern}\nxFilesFactor = 0\naggregationMethod = ${method}\n`)
    .join('\n'),
  'the defaults',
  // Patterns of our own are linear in any engine, and most commands need no other.
  (pattern) => {
    const expression = new RegExp(pattern);
    return (name) => expression.test(name);
  },
);

const units: readonly (readonly [string, number])[] = [
  ['seconds', 1],
  ['minutes', 60],
  ['hours', 3600],
  ['days', 86_400],
  ['weeks', 604_800],
  ['years', 31_536_000],
];

/** `10s:6h,1m:6d` as archives, finest first. Throws Malformed for what Whisper would refuse. */
export function parseRetentions(text: string, place: { file: string; line: number }): Ladder {
  const archives = text.split(',').map((definition): Archive => {
    const [step, keep, ...more] = definition.trim().split(':');
    const stepSeconds = duration(step ?? '', 1);
    const keepSeconds = duration(keep ?? '', stepSeconds);
    if (more.length > 0 || !(stepSeconds > 0) || !(keepSeconds >= stepSeconds) || keepSeconds > 4e9) {
      throw new Malformed(`'${definition.trim()}' is no retention (expected STEP:KEEP such as 10s:6h or 60:1440)`, place);
    }
    return { stepSeconds, keepSeconds: keepSeconds - (keepSeconds % stepSeconds) };
  });
  archives.sort((one, two) => one.stepSeconds - two.stepSeconds);
  archives.forEach((archive, index) => {
    const finer = archives[index - 1];
    if (finer === undefined) return;
    const named = `${finer.stepSeconds}s and ${archive.stepSeconds}s`;
    if (archive.stepSeconds === finer.stepSeconds)
      throw new Malformed(`two archives have the step ${finer.stepSeconds}s (expected one)`, place);
    if (archive.stepSeconds % finer.stepSeconds !== 0) throw new Malformed(`the steps ${named} do not divide (expected a multiple)`, place);
    if (archive.keepSeconds <= finer.keepSeconds)
      throw new Malformed(`of the steps ${named} the coarser does not reach further back (expected it to)`, place);
    if (finer.keepSeconds < archive.stepSeconds)
      throw new Malformed(`the archive of ${finer.stepSeconds}s is too short to fill a slot of ${archive.stepSeconds}s`, place);
  });
  return archives;
}

function duration(text: string, bare: number): number {
  const found = /^(\d{1,10})([a-zA-Z]*)$/.exec(text.trim());
  if (found === null) return Number.NaN;
  const unit = (found[2] as string).toLowerCase();
  if (unit === '') return Number(found[1]) * bare;
  const row = units.find(([name]) => name.startsWith(unit));
  return row === undefined ? Number.NaN : Number(found[1]) * row[1];
}

interface Section {
  readonly section: string;
  readonly line: number;
  readonly values: Map<string, string>;
}

// Python's ConfigParser as carbon uses it: `key = value` or `key: value`, names of keys in any case, `#` and `;` begin a comment line.
function readSections(text: string, file: string): Section[] {
  const sections: Section[] = [];
  for (const [index, raw] of text.split(/\r?\n/).entries()) {
    const line = index + 1;
    const trimmed = raw.replace(/^\uFEFF/, '').trim();
    if (trimmed === '' || trimmed.startsWith('#') || trimmed.startsWith(';')) continue;
    const head = /^\[([^\]]+)\]/.exec(trimmed);
    if (head !== null) {
      if (sections.some((one) => one.section === head[1])) throw new Malformed(`the section [${head[1]}] is there twice`, { file, line });
      sections.push({ section: head[1] as string, line, values: new Map() });
      continue;
    }
    const pair = /^([^=:]+?)\s*[=:]\s*(.*)$/.exec(trimmed);
    const section = sections[sections.length - 1];
    if (pair === null || section === undefined)
      throw new Malformed(`'${trimmed.slice(0, 80)}' (expected [section] or key = value)`, { file, line });
    section.values.set((pair[1] as string).toLowerCase(), (pair[2] as string).replace(/\s+;.*$/, ''));
  }
  return sections;
}

function required(values: ReadonlyMap<string, string>, key: string, section: string, line: number, file: string): string {
  const value = values.get(key);
  if (value === undefined || value === '') throw new Malformed(`[${section}] has no ${key} (expected ${key} = ...)`, { file, line });
  return value;
}

/** Whether a regular expression is found anywhere in a name. */
export function finder(pattern: string, line: number, file: string): (name: string) => boolean {
  try {
    const compiled = RE2JS.compile(pattern);
    return (name) => compiled.matcher(name).find();
  } catch {
    try {
      const compiled = new RegExp(pattern);
      return (name) => compiled.test(name.slice(0, 4096));
    } catch {
      throw new Malformed(`'${pattern}' is no regular expression`, { file, line });
    }
  }
}
