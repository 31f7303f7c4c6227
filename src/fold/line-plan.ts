/**
 * What the counting kernel (`count-lines.as.ts`) must know of a log's lines: whether it can read lines of a plan and make these lists, and the plan
 * written into its memory: steps of a text format, names of JSON members, columns. What it is not told it leaves to the reference readers.
 */

import { isDeepStrictEqual } from 'node:util';
import type { JsonField, JsonSource, JsonSources } from '../collect/json-log.js';
import { compileLogFormat, type LogField, type LogProgram, logFields } from '../collect/log-format.js';
import type { LogPlan } from '../collect/log-plan.js';
import type { W3cColumn } from '../collect/w3c-log.js';
import type { KeyField, KeyOptions, KeySpec } from './hit-keys.js';

/** The kernel's memory, as far as plans go. */
export interface PlanMemory {
  readonly bytes: Buffer;
  setInt(offset: number, value: number): void;
  setFloat(offset: number, value: number): void;
  addName(index: number): void;
}

export const state = 1024;
const program = 2048;
const slotsAt = 0x230000;
const namesAt = 0x231000;
const columnsAt = 0x23e000;
const powersAt = 0x23f000;
const nameSize = 64;
const namesMax = 512;

const word = {
  steps: 0,
  tail: 88,
  plain: 104,
  served: 108,
  kind: 136,
  columns: 140,
  agentPlus: 144,
  time: 148,
  servedUnit: 152,
  strict: 160,
};
const kinds: Readonly<Record<LogPlan['kind'], number>> = { text: 0, json: 1, columns: 2, syslog: 3, any: 4 };

const servedFields: readonly LogField[] = ['servedSeconds', 'servedMs', 'servedUs'];
const servedUnits: readonly number[] = [1000, 1, 0.001];
const timeFields: readonly LogField[] = ['clf', 'epoch', 'epochMs', 'epochUs', 'iso'];
const columnNumbers: Readonly<Record<string, number>> = { date: 40, time: 41, taken: 42 };

/** The kernel's numbers of JSON fields, and the keys that want them; figures are always wanted. */
const jsonFields: Readonly<Record<JsonField, readonly [number: number, ...wantedBy: KeyField[]]>> = {
  time: [19],
  status: [6],
  bytes: [7],
  served: [14],
  url: [11, 'url', 'keyword', 'method'],
  query: [12, 'url', 'keyword'],
  method: [10, 'method'],
  keyword: [20, 'keyword'],
  referer: [8, 'referer', 'keyword'],
  host: [1, 'host'],
  vhost: [3, 'vhost'],
  user: [2, 'user'],
  agent: [9, 'agent'],
};
const units = ['', 's', 'ms', 'us', 'ns'];

/** Whether the kernel reads lines of this plan and makes these lists. */
export function kernelCan(plan: LogPlan, specs: readonly KeySpec[], keys: KeyOptions): boolean {
  return (
    specs.length <= 32 &&
    specs.every((spec) => spec.fields.length <= 9) &&
    keys.keywordParameters.length <= 100 &&
    keys.keywordParameters.every((name) => name.length <= 31 && name.length > 0) &&
    (!('program' in plan) || textCan(plan.program)) &&
    (!('sources' in plan) || namesOf(plan.sources, specs) !== undefined)
  );
}

/** Writes a plan that the kernel can read. */
export function writePlan(plan: LogPlan, specs: readonly KeySpec[], memory: PlanMemory): void {
  memory.bytes.fill(0, state + 256, state + 512);
  for (let exponent = 0; exponent <= 22; exponent++) memory.bytes.writeDoubleLE(Number(`1e${exponent}`), powersAt + exponent * 8);
  memory.setInt(word.kind, kinds[plan.kind]);
  memory.setInt(word.agentPlus, plan.kind === 'columns' ? 1 : 0);
  memory.setInt(word.strict, 0);
  memory.setInt(word.served, 0);
  if ('program' in plan) writeProgram(plan.program, specs, memory);
  if ('columns' in plan) writeColumns(plan.columns, memory);
  if ('sources' in plan) writeNames(namesOf(plan.sources, specs) ?? [], memory);
}

// Each field once and one time; nothing stands between a time's own bytes where it would end.
function textCan({ steps, tail }: LogProgram): boolean {
  const fields = steps.map((step) => step.field).filter((field) => field !== 'skip');
  const count = (wanted: readonly LogField[]): number => fields.filter((field) => wanted.includes(field)).length;
  return (
    new Set(fields).size === fields.length &&
    count(timeFields) === 1 &&
    count(servedFields) <= 1 &&
    (!fields.includes('request') || count(['method', 'target', 'query']) === 0) &&
    (!fields.includes('query') || fields.indexOf('query') > fields.indexOf('target')) &&
    steps.length <= 60 &&
    tail.length <= 28 &&
    steps.every((step, index) => {
      const next = steps[index + 1]?.literal ?? tail;
      return step.literal.length <= 28 && (step.field !== 'clf' || /^[^0-9A-Za-z/: +-]/.test(next));
    })
  );
}

function writeProgram(format: LogProgram, specs: readonly KeySpec[], memory: PlanMemory): void {
  const { bytes } = memory;
  const needed = new Set<string>(specs.flatMap((spec) => spec.fields));
  memory.setInt(word.steps, format.steps.length);
  format.steps.forEach((step, index) => {
    const at = program + index * 32;
    const skippable = (step.field === 'agent' && !needed.has('agent')) || step.field === 'skip';
    bytes.set([logFields.indexOf(step.field), step.quoted ? 1 : 0, step.literal.length, skippable ? 0 : 1], at);
    bytes.write(step.literal, at + 4, 'latin1');
  });
  // What stands behind the last step: the kernel looks there for the end of a field.
  const last = program + format.steps.length * 32;
  bytes.fill(0, last, last + 32);
  bytes.write(format.tail, last + 4, 'latin1');
  memory.setInt(word.tail, format.tail.length);
  const { steps, tail, optionalFrom } = compileLogFormat('combined');
  memory.setInt(word.plain, isDeepStrictEqual([format.steps, format.tail, format.optionalFrom], [steps, tail, optionalFrom]) ? 1 : 0);
  const served = format.steps.find((step) => servedFields.includes(step.field))?.field ?? 'skip';
  memory.setInt(word.served, logFields.indexOf(served));
  memory.setFloat(word.servedUnit, servedUnits[servedFields.indexOf(served)] ?? 1);
  const time = format.steps.find((step) => timeFields.includes(step.field))?.field ?? 'clf';
  memory.setInt(word.time, time === 'clf' ? 0 : logFields.indexOf(time));
}

// Columns that name a field twice, or a query before its target, are left to the reader: the kernel is told of none.
function writeColumns(columns: readonly W3cColumn[], { bytes, setInt }: PlanMemory): void {
  const named = columns.filter((column) => column !== undefined);
  const wellFormed =
    new Set(named).size === named.length &&
    (!named.includes('query') || named.indexOf('query') > named.indexOf('target')) &&
    columns.length <= 1024;
  setInt(word.columns, wellFormed ? columns.length : 0);
  if (!wellFormed) return;
  columns.forEach((column, index) => {
    bytes[columnsAt + index] = column === undefined ? 0 : (columnNumbers[column] ?? logFields.indexOf(column as LogField));
  });
}

interface JsonName {
  readonly name: string;
  readonly context: number;
  inner: number;
  field: number;
  rank: number;
  unit: number;
}

// The names that the kernel looks for, in the objects that they lie in; undefined: it cannot.
function namesOf(sources: JsonSources, specs: readonly KeySpec[]): JsonName[] | undefined {
  const wanted = new Set<KeyField>(specs.flatMap((spec) => spec.fields));
  const names = new Map<string, JsonName>();
  let contexts = 1;
  for (const [field, [number, ...wantedBy]] of Object.entries(jsonFields) as [JsonField, (typeof jsonFields)[JsonField]][]) {
    if (wantedBy.length > 0 && !wantedBy.some((key) => wanted.has(key))) continue;
    for (const [rank, { path, unit }] of (sources.get(field) ?? ([] as JsonSource[])).entries()) {
      let context = 1;
      for (const [depth, name] of path.entries()) {
        if (!/^[\x20-\x7e]{1,32}$/.test(name) || /["\\]/.test(name)) return undefined;
        const entry = names.get(`${context} ${name}`) ?? { name, context, inner: 0, field: -1, rank: 0, unit: 0 };
        names.set(`${context} ${name}`, entry);
        if (depth + 1 < path.length) {
          if (entry.inner === 0) entry.inner = ++contexts;
          context = entry.inner;
        } else {
          if (entry.field >= 0 && entry.field !== number) return undefined;
          if (entry.field >= 0) continue;
          entry.field = number;
          entry.rank = rank;
          entry.unit = units.indexOf(unit);
        }
      }
    }
  }
  return names.size < namesMax ? [...names.values()] : undefined;
}

function writeNames(names: readonly JsonName[], { bytes, addName }: PlanMemory): void {
  bytes.fill(0, slotsAt, namesAt + nameSize * (names.length + 1));
  names.forEach(({ name, context, inner, field, rank, unit }, index) => {
    const at = namesAt + (index + 1) * nameSize;
    bytes.writeUInt32LE(name.length, at);
    bytes.writeUInt32LE(context, at + 4);
    bytes.write(name, at + 8, 'latin1');
    for (const [place, value] of [inner, field, rank, unit].entries()) bytes.writeInt32LE(value, at + 40 + place * 4);
    addName(index + 1);
  });
}
