/**
 * `weir profile`: the distribution of flows over packets, bytes, duration or bytes a packet, over any number of files in one pass, and saved
 * ones added to it.
 */

import { readFileSync } from 'node:fs';
import { Malformed, Usage } from '../base/faults.js';
import { checkTimeZone } from '../base/time.js';
import { bothParts, partsOf, type WantedColumns } from '../collect/format.js';
import { defaultBins, type ProfileBy, parseBins, profileUnits } from '../fold/histogram.js';
import {
  type GroupField,
  groupColumns,
  groupFields,
  type ProfilePer,
  type ProfileShape,
  parseGroup,
  profileBys,
  profilePers,
} from '../fold/profile.js';
import { profileText, readProfile } from '../fold/profile-file.js';
import { pngOf } from '../render/png.js';
import { profileChart } from '../render/profile-chart.js';
import { type ProfileAnswer, profileCsv, profileJson, profileTable } from '../render/profile-rows.js';
import type { Command, Invocation } from './command.js';
import { ProfileFold } from './flow-folds.js';
import { inputOptions, wordsOf } from './flow-inputs.js';
import { isAnswered, textOfServer } from './flow-server.js';
import { setOptions } from './flow-sets.js';
import { coresOption, foldFlows } from './flow-shares.js';
import { writeWhole } from './write-whole.js';

export const profile: Command = {
  name: 'profile',
  summary: 'the distribution of flows over packets, bytes, duration or bytes a packet',
  usage: 'FLOWS... [--by FIELD] [OPTIONS]',
  description: `Counts flows, packets and bytes in bins of a figure of the flow record, over any number of files in one pass. Counts are raw and
percentages are made last, so that the profile of a month is the sum of its days and of its files. --save keeps the raw counts, --add adds
them again, in any order; bins that differ never merge.

Biflows count their forward side. Bins hold both their ends; durations are whole milliseconds.`,
  options: [
    { name: 'by', value: 'FIELD', choices: profileBys, help: 'what the bins are over (default packets)' },
    { name: 'bins', value: 'LIST', help: 'bins of your own: 1,2,3-10,11-100,101-' },
    { name: 'group', value: 'FIELDS', help: `a profile for each value of ${groupFields.join(', ')}` },
    { name: 'by-file', help: 'a profile for each file' },
    { name: 'per', value: 'PERIOD', choices: profilePers, help: 'a profile for each interval, by the start of the flow' },
    { name: 'spread', help: "with --per: shares a long flow's packets and bytes among the intervals that it lasted" },
    { name: 'save', value: 'FILE', help: 'writes the raw counts there, as JSON; - is standard output' },
    { name: 'add', value: 'FILE', repeatable: true, help: 'adds saved counts' },
    { name: 'svg', value: 'FILE', help: 'draws the shares of flows, packets and bytes in each bin' },
    { name: 'png', value: 'FILE', help: 'the same picture as PNG' },
    { name: 'log', help: 'a logarithmic axis' },
    { name: 'title', value: 'TEXT', help: 'title of the picture' },
    coresOption,
    { name: 'json', help: 'one JSON document, or a line for each file, interval and group' },
    { name: 'csv', help: 'a row a bin, with a header' },
    ...setOptions,
    ...inputOptions,
  ],
  examples: [
    ['weir profile samples/flows.csv', 'how many flows have 1 packet, 2, 3, ...'],
    ['weir profile /var/netflow/2026/11 --bins 1,2,3-99,100- --per day --tz Europe/Berlin --json', 'a profile for each day of a month'],
    ['weir profile --add monday.json --add tuesday.json', "the sum of two days' saved counts"],
  ],
  run: runProfile,
};

async function runProfile(invocation: Invocation): Promise<number> {
  const { world } = invocation;
  const words = wordsOf(invocation);
  const added = invocation.list('add').map((file) => ({ file, ...readSaved(file) }));
  if (words.length === 0 && added.length === 0)
    throw new Usage('profile: expected at least one file, folder, glob, -, store or server, --data DIR, or --add FILE');
  // Saved counts alone say what they are of.
  const sole = words.length === 0 && added[0] !== undefined && !asksForShape(invocation) ? added[0].shape : undefined;
  const shape = sole ?? shapeOf(invocation);
  const wanted = wantedBy(shape);
  const fold = new ProfileFold(shape, wanted);
  const made = fold.profile;
  let exitCode = 0;
  const rejected = new Map<string, number>();
  const [server] = words;
  if (server !== undefined && isAnswered(words, invocation)) {
    const saved = readProfile(await textOfServer(server, 'profile', { format: 'counts' }, invocation), server);
    made.merge(saved.cells, saved.shape, server);
    addCounts(rejected, saved.rejected);
  } else if (words.length > 0) {
    const counted = await foldFlows(fold, { kind: 'profile', shape, wanted }, invocation);
    addCounts(rejected, counted.rejected);
    if (counted.failed) exitCode = 1;
  }
  for (const { file, shape, rejected: causes, cells } of added) {
    made.merge(cells, shape, file);
    addCounts(rejected, causes);
  }
  const cells = made.cells();
  if (cells.length === 0) cells.push({ histogram: made.total() });
  const answer = { shape: made.shape, rejected, cells };
  if (exitCode === 1 && invocation.flag('strict')) return exitCode;
  const save = invocation.text('save');
  if (save === '-') {
    world.stdout.write(profileText({ ...answer, cells: made.cells() }));
    return exitCode;
  }
  if (save !== undefined) writeWhole(save, profileText({ ...answer, cells: made.cells() }));
  await draw(answer, invocation);
  const columns = world.isTerminal.stdout ? (process.stdout.columns ?? 100) : 120;
  const text = invocation.flag('json') ? profileJson(answer) : invocation.flag('csv') ? profileCsv(answer) : profileTable(answer, columns);
  world.stdout.write(text);
  return exitCode;
}

async function draw(answer: ProfileAnswer, invocation: Invocation): Promise<void> {
  const [svg, png] = [invocation.text('svg'), invocation.text('png')];
  if (svg === undefined && png === undefined) return;
  const title =
    invocation.text('title') ?? `Flows by ${answer.shape.bins.by === 'duration' ? 'duration' : profileUnits[answer.shape.bins.by]}`;
  const chart = profileChart(answer, { logarithmic: invocation.flag('log'), title });
  if (svg !== undefined) writeWhole(svg, chart);
  if (png !== undefined) writeWhole(png, await pngOf(chart));
}

function shapeOf(invocation: Invocation): ProfileShape {
  const by = (invocation.text('by') ?? 'packets') as ProfileBy;
  const bins = invocation.text('bins');
  const per = invocation.text('per') as ProfilePer | undefined;
  if (invocation.flag('spread') && per === undefined) throw new Usage('--spread: expected --per too');
  return {
    bins: bins === undefined ? defaultBins(by) : parseBins(by, bins),
    group: groupOf(invocation),
    byFile: invocation.flag('by-file'),
    per,
    zone: checkTimeZone(invocation.text('tz') ?? 'UTC'),
    spread: invocation.flag('spread'),
  };
}

// Counters, times where there is a period or a duration, and what the groups are of.
function wantedBy({ bins, group, per }: ProfileShape): WantedColumns | undefined {
  return bothParts(partsOf(groupColumns(group)), per !== undefined || bins.by === 'duration' ? ['times'] : []);
}

function asksForShape(invocation: Invocation): boolean {
  return ['by', 'bins', 'group', 'per'].some((name) => invocation.text(name) !== undefined) || invocation.flag('by-file');
}

function groupOf(invocation: Invocation): GroupField[] {
  const text = invocation.text('group');
  return text === undefined ? [] : parseGroup(text);
}

function readSaved(file: string) {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw new Malformed('cannot be read', { file }, error);
  }
  return readProfile(text, file);
}

function addCounts(whole: Map<string, number>, part: ReadonlyMap<string, number>): void {
  for (const [cause, count] of part) whole.set(cause, (whole.get(cause) ?? 0) + count);
}
