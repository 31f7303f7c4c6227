/**
 * `weir check`: lints `weir.toml`, `storage-schemas.conf` and `storage-aggregation.conf`: what would be refused at the start, and what would be taken but shows
 * wrong figures later. An error fails the check, a warning does not (unless `--strict`).
 */

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Fault } from '../base/faults.js';
import { type AggregationRule, isCatchAll, readAggregation, readSchemas, type SchemaRule, showingFor } from '../keep/ladder.js';
import { type LmdbStore, openLmdbStore } from '../keep/lmdb.js';
import { defaultLadder } from '../keep/store.js';
import { type Configuration, defaultConfiguration, readConfigurationFile } from '../serve/configuration.js';
import { maintenanceOf } from '../serve/maintenance.js';
import { percentileOf } from '../serve/rules.js';
import { servedNames } from '../serve/served-names.js';
import { storedRepeats } from '../serve/stored-metrics.js';
import type { Command, Invocation } from './command.js';
import { configurationPath, dataFolder } from './metric-store.js';

interface Finding {
  readonly level: 'error' | 'warning';
  readonly place: string;
  readonly message: string;
}

export const check: Command = {
  name: 'check',
  summary: 'lints the configuration and the storage rules',
  usage: '[--config FILE] [--schemas FILE] [--aggregation FILE] [--data DIR]',
  description: `Reads weir.toml and the storage rules that it names, and says what would be refused and what would show wrong figures:
a flush interval that does not fit the first step, counts that would be averaged, sections that can never match. Where there is a
store, it counts the points that repeated series and timestamp of another.`,
  options: [
    { name: 'config', value: 'FILE', help: 'configuration (weir.toml in the working folder, if it is there)' },
    { name: 'schemas', value: 'FILE', help: 'storage-schemas.conf (else the one that the configuration names)' },
    { name: 'aggregation', value: 'FILE', help: 'storage-aggregation.conf (else the one that the configuration names)' },
    { name: 'data', value: 'DIR', help: 'folder of the store, if there is one (./weir-data)' },
    { name: 'strict', help: 'a warning fails the check too' },
    { name: 'json', help: 'one JSON document' },
  ],
  examples: [['weir check --config weir.toml', 'lints the configuration before a start']],
  run,
};

async function run(invocation: Invocation): Promise<number> {
  const findings: Finding[] = [];
  const attempt = <T>(act: () => T, otherwise: T): T => {
    try {
      return act();
    } catch (error) {
      if (!(error instanceof Fault) && !(error instanceof Error && 'code' in error)) throw error;
      const text = error instanceof Fault ? error.line : `${error.message.replace(/^E\w+: /, '')}`;
      findings.push({ level: 'error', place: '', message: text });
      return otherwise;
    }
  };
  const path = configurationPath(invocation);
  const configuration = attempt(() => (path === undefined ? defaultConfiguration : readConfigurationFile(path)), defaultConfiguration);
  const schemasPath = invocation.text('schemas') ?? configuration.graphite.schemas;
  const aggregationPath = invocation.text('aggregation') ?? configuration.graphite.aggregation;
  const none: readonly never[] = [];
  const schemas = attempt(() => (schemasPath === undefined ? none : readSchemas(readFileSync(schemasPath, 'utf8'), schemasPath)), none);
  const aggregation = attempt(
    () => (aggregationPath === undefined ? none : readAggregation(readFileSync(aggregationPath, 'utf8'), aggregationPath)),
    none,
  );
  if (schemasPath !== undefined) findings.push(...lintSchemas(schemas, configuration, schemasPath));
  if (aggregationPath !== undefined) findings.push(...lintAggregation(aggregation, aggregationPath));
  attempt(() => maintenanceOf(configuration), none);
  findings.push(...attempt(() => lintRules(configuration, path ?? 'weir.toml'), []));
  findings.push(...(await lintRepeats(dataFolder(invocation))));
  const errors = findings.filter((finding) => finding.level === 'error').length;
  report(findings, errors, invocation);
  return errors > 0 || (invocation.flag('strict') && findings.length > 0) ? 1 : 0;
}

/** What schemas would make of the metrics that StatsD serves. */
export function lintSchemas(schemas: readonly SchemaRule[], configuration: Configuration, file: string): Finding[] {
  const findings = afterCatchAll(schemas, file);
  const { flushInterval } = configuration.statsd;
  for (const kind of ['counter', 'timer', 'gauge', 'set'] as const) {
    for (const { name } of servedNames(kind, 'example', configuration.statsd).slice(0, 2)) {
      const rule = schemas.find((one) => one.finds(name));
      const step = rule?.ladder[0]?.stepSeconds ?? flushInterval;
      if (rule === undefined || step === flushInterval) continue;
      const effect =
        step < flushInterval
          ? `senders that flush each ${flushInterval} s leave slots of ${step} s empty`
          : `${step / flushInterval} flushes share a slot (they merge, nothing is lost)`;
      const message = `[${rule.section}] has a first step of ${step} s for ${name}, but statsd.flushInterval is ${flushInterval} s: ${effect}`;
      if (!findings.some((one) => one.message.startsWith(`[${rule.section}] has a first step`)))
        findings.push({ level: 'warning', place: `${file}:${rule.line}`, message });
    }
  }
  if (!schemas.some((rule) => rule.finds('a.name.that.only.a.catch-all.finds'))) {
    findings.push({
      level: 'warning',
      place: file,
      message: 'no section matches every name (expected a last one with pattern = .*): others get 10s:6h,1m:6d,10m:1800d',
    });
  }
  return findings;
}

const counts = ['stats_counts.example', 'stats.counters.example.count', 'stats.timers.example.count', 'app.requests.count'];

/** Counts that would be shown as averages, and slots that would be hidden. */
export function lintAggregation(rules: readonly AggregationRule[], file: string): Finding[] {
  const findings = afterCatchAll(rules, file);
  for (const name of counts) {
    const { method, xFilesFactor } = showingFor(rules, name);
    const rule = rules.find((one) => one.finds(name));
    const place = rule === undefined ? file : `${file}:${rule.line}`;
    const section = rule === undefined ? 'no section' : `[${rule.section}]`;
    if (method !== 'sum' && method !== 'count')
      findings.push({ level: 'warning', place, message: `${section} shows counts such as ${name} as ${method} (expected sum)` });
    else if (xFilesFactor > 0)
      findings.push({
        level: 'warning',
        place,
        message: `${section} hides counts such as ${name} where fewer than ${100 * xFilesFactor} % of slots are filled (expected xFilesFactor = 0)`,
      });
  }
  return findings;
}

/** Rules that can never do what they say. */
export function lintRules({ rules }: Configuration, file: string): Finding[] {
  const warn = (message: string): Finding => ({ level: 'warning', place: file, message });
  return rules.flatMap((rule, index) => {
    const said = [`rule ${index + 1} (${rule.pattern})`, 'method', 'sameTimestamp', 'histogram'] as const;
    const found: Finding[] = [];
    const keys = said.slice(1).filter((key) => rule[key as 'method'] !== undefined);
    if (keys.length === 0) found.push(warn(`${said[0]} says nothing (expected method, sameTimestamp or histogram)`));
    const before = rules.slice(0, index).find((one) => isCatchAll(one.pattern) && keys.every((key) => one[key as 'method'] !== undefined));
    if (keys.length > 0 && before !== undefined)
      found.push(warn(`${said[0]} never counts: '${before.pattern}' before it finds every name`));
    if (rule.histogram === false && rule.method !== undefined && percentileOf(rule.method) !== undefined)
      found.push(warn(`${said[0]} shows ${rule.method}, but keeps no values (histogram = false): slots of several values are unknown`));
    return found;
  });
}

// Points of a store that were sent twice, or by two senders in the same second.
async function lintRepeats(folder: string): Promise<Finding[]> {
  if (!existsSync(join(folder, 'store.mdb'))) return [];
  let store: LmdbStore | undefined;
  try {
    store = await openLmdbStore({ folder, readOnly: true, ladderOf: () => defaultLadder });
    const { count, name } = await storedRepeats(store);
    if (count === 0) return [];
    const message = `${count} points or more repeated series and timestamp of another (such as ${name}) and merged with it; for senders that send a point again, a [[rule]] with sameTimestamp = "replace" keeps the last`;
    return [{ level: 'warning', place: folder, message }];
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    return [{ level: 'error', place: '', message: error.line }];
  } finally {
    await store?.close();
  }
}

function afterCatchAll(rules: readonly { section: string; line: number; pattern: string }[], file: string): Finding[] {
  const catchAll = rules.findIndex((rule) => isCatchAll(rule.pattern));
  if (catchAll < 0) return [];
  return rules.slice(catchAll + 1).map((rule) => ({
    level: 'warning',
    place: `${file}:${rule.line}`,
    message: `[${rule.section}] never counts: [${rules[catchAll]?.section}] before it matches every name`,
  }));
}

function report(findings: readonly Finding[], errors: number, { world, flag }: Invocation): void {
  if (flag('json')) {
    world.stdout.write(`${JSON.stringify({ errors, warnings: findings.length - errors, findings })}\n`);
    return;
  }
  for (const { level, place, message } of findings) world.stdout.write(`${place === '' ? '' : `${place}: `}${level}: ${message}\n`);
  world.stdout.write(findings.length === 0 ? 'no findings\n' : `${errors} errors, ${findings.length - errors} warnings\n`);
}
