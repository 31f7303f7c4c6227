/** `weir store init, dump, compact, backup`: makes, prints, compacts and copies the store of a folder. */

import { existsSync, mkdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { Refused, Usage } from '../base/faults.js';
import type { Command, Invocation } from './command.js';
import { clockOf, configurationOf, dataFolder, openMetrics } from './metric-store.js';
import { dumpStore, kindsOf } from './store-dump.js';
import { compactHits, copyHits, dumpHits, holdsHits } from './store-hits.js';

const verbs: Readonly<Record<string, (invocation: Invocation, words: readonly string[]) => Promise<void>>> = {
  init,
  dump,
  compact,
  backup,
};

export const store: Command = {
  name: 'store',
  summary: 'makes, prints, compacts a store',
  usage: 'init|dump [PREFIX]|compact|backup FOLDER [--data DIR]',
  description: `init makes an empty store. dump prints what it holds, kind by kind, as CSV (a header a kind, a blank line between) or JSON
lines: measures, states, timers, sets and tallies by series and slot, records, blocks of flows, notes; with PREFIX what belongs to series, tables or notes whose name
begins so. With --hits it prints the counts of requests. It works beside a running daemon. compact folds what is open and writes the file anew without its free pages;
no daemon may have the store then. backup makes FOLDER, a store of its own with all there is, beside a running daemon; a name that ends in .mdb gets the metrics and records alone, as one file.`,
  options: [
    { name: 'data', value: 'DIR', help: 'folder of the store (./weir-data)' },
    { name: 'config', value: 'FILE', help: 'configuration (weir.toml in the working folder, if it is there)' },
    { name: 'now', value: 'T', help: 'the time to take as now' },
    { name: 'json', help: 'JSON lines instead of CSV' },
    { name: 'kind', value: 'KINDS', help: 'dump: only these: measure, state, histogram, distinct, tally, record, flow, note' },
    { name: 'hits', help: 'dump: the counts of requests, by quarter of an hour' },
  ],
  examples: [
    ['weir store init --data weir-data', 'makes an empty store'],
    ['weir store dump stats. --json', 'every cell of some series'],
    ['weir store dump --kind state ping', 'the known and unknown time of readings'],
    ['weir store backup monday', 'a store of one moment, beside a running daemon: weir top --data monday'],
    ['weir store compact', 'gives free pages back to the disk'],
  ],
  run: async (invocation) => {
    const [verb, ...words] = invocation.words;
    const act = verb === undefined || !Object.hasOwn(verbs, verb) ? undefined : verbs[verb];
    if (act === undefined || words.length > 1) throw new Usage('store: expected init, dump, compact or backup');
    await act(invocation, words);
    return 0;
  },
};

async function init(invocation: Invocation): Promise<void> {
  const folder = dataFolder(invocation);
  if (existsSync(join(folder, 'store.mdb'))) throw new Refused('there is a store already', { file: folder });
  const { metrics } = await openMetrics(invocation, configurationOf(invocation), clockOf(invocation), false);
  await metrics.close();
  invocation.world.stderr.write(`weir: ${folder}: an empty store\n`);
}

async function dump(invocation: Invocation, [prefix = '']: readonly string[]): Promise<void> {
  const now = clockOf(invocation);
  if (invocation.flag('hits')) return await dumpHits(dataFolder(invocation), now, invocation.flag('json'), invocation.world);
  const kinds = kindsOf(invocation.text('kind'));
  const { store: held, metrics } = await openMetrics(invocation, configurationOf(invocation), now, true);
  try {
    await dumpStore(held, kinds, prefix, invocation.flag('json'), invocation.world);
  } finally {
    await metrics.close();
  }
}

async function backup(invocation: Invocation, [target]: readonly string[]): Promise<void> {
  if (target === undefined) throw new Usage('store backup: expected the folder to write (or a file that ends in .mdb)');
  if (existsSync(target)) throw new Refused('is there already (expected a new name)', { file: target });
  const say = (text: string): unknown => invocation.world.stderr.write(`weir: ${text}\n`);
  const data = dataFolder(invocation);
  if (target.endsWith('.mdb')) {
    await backUpMetrics(invocation, target);
    say(`${target}: ${statSync(target).size} bytes`);
    if (holdsHits(data)) say('the counts of requests are not in it (a folder as the name copies them too)');
    return;
  }
  const hasMetrics = existsSync(join(data, 'store.mdb'));
  if (!hasMetrics && !holdsHits(data)) throw new Refused('there is no store here', { file: data });
  mkdirSync(target, { recursive: true });
  const file = join(target, 'store.mdb');
  if (hasMetrics) await backUpMetrics(invocation, file);
  const hits = holdsHits(data) ? await copyHits(data, target, clockOf(invocation)) : 0;
  say(`${target}: ${(hasMetrics ? statSync(file).size : 0) + hits} bytes`);
}

async function backUpMetrics(invocation: Invocation, file: string): Promise<void> {
  const { store: held, metrics } = await openMetrics(invocation, configurationOf(invocation), clockOf(invocation), true);
  try {
    await held.backUpTo(file);
  } finally {
    rmSync(`${file}-lock`, { force: true });
    await metrics.close();
  }
}

async function compact(invocation: Invocation): Promise<void> {
  const folder = dataFolder(invocation);
  const hasMetrics = existsSync(join(folder, 'store.mdb'));
  if (!hasMetrics && !holdsHits(folder)) throw new Refused('there is no store here', { file: folder });
  const say = (what: string, { before, after }: { before: number; after: number }): unknown =>
    invocation.world.stderr.write(`weir: ${folder}: ${what}${before} bytes before, ${after} after\n`);
  if (hasMetrics) say('', await compactMetrics(invocation, folder));
  if (holdsHits(folder)) say('counts of requests: ', await compactHits(folder, clockOf(invocation)));
}

async function compactMetrics(invocation: Invocation, folder: string): Promise<{ before: number; after: number }> {
  const path = join(folder, 'store.mdb');
  const now = clockOf(invocation);
  const before = statSync(path).size;
  const { store: held, metrics } = await openMetrics(invocation, configurationOf(invocation), now, false);
  const copy = join(folder, 'compact.mdb');
  try {
    const seconds = Math.floor(now() / 1000);
    held.settle(seconds);
    while ((await held.expire(seconds)) > 0);
    rmSync(copy, { force: true });
    await held.copyTo(copy);
    renameSync(copy, path);
  } finally {
    for (const path of [copy, `${copy}-lock`]) rmSync(path, { force: true });
    await metrics.close();
  }
  return { before, after: statSync(path).size };
}
