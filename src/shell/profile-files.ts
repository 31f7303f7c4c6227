/**
 * Profiles of many files on several cores: the files are cut into contiguous shares of about equal size, each counted by itself and the counts
 * merged, which no split can change (law 1). The first share is counted in this thread, the others by workers (`profile.worker.ts`), which
 * are given the words and options of the command line as they are.
 */

import { statSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import { instantOption } from '../base/time.js';
import type { WantedColumns } from '../collect/format.js';
import { readFlows } from '../collect/open.js';
import { Profile, type ProfileCell, type ProfileShape } from '../fold/profile.js';
import type { Invocation } from './command.js';
import { FlowInputs, wordsOf } from './flow-inputs.js';
import { ProgressLine } from './progress.js';

/** What a worker is given: files, and the options as texts. */
export interface ProfileOrder {
  readonly files: readonly string[];
  readonly shape: ProfileShape;
  readonly options: Readonly<Record<string, string>>;
  readonly nowMs: number;
}

/** What a share gives. */
export interface ProfilePart {
  readonly cells: readonly ProfileCell[];
  readonly rejected: ReadonlyMap<string, number>;
  /** Lines for standard error: rejects, notices. */
  readonly said: readonly string[];
  readonly failures: readonly string[];
}

/** A worker's message: flows counted since the last one, or its part. */
export type ProfileMessage = { readonly flows: number } | { readonly part: ProfilePart };

// Below this a second core costs more than it gives.
const worthBytes = 24 << 20;
const passedOn = ['window', 'filter', 'filter-file', 'from', 'to', 'columns', 'tz'];

/** Counts all inputs into the profile; says what was rejected. */
export async function profileFiles(
  profile: Profile,
  invocation: Invocation,
  cores: number,
): Promise<{ rejected: ReadonlyMap<string, number>; failed: boolean }> {
  const { world } = invocation;
  const words = wordsOf(invocation);
  // What depends on all flows, or on their order, is one share.
  const isWhole =
    words.includes('-') ||
    ['rejects', 'limit'].some((name) => invocation.text(name) !== undefined) ||
    /^[-+]/.test(invocation.text('window') ?? '');
  const cut = isWhole ? [] : sharesOf(words, cores);
  const progress = world.isTerminal.stderr ? new ProgressLine(world, 'flows') : undefined;
  let flows = 0;
  const onFlows = (count: number): void => {
    flows += count;
    progress?.update(flows, 0);
  };
  const [first = words, ...others] = cut;
  const options = Object.fromEntries(
    passedOn.flatMap((name) => (invocation.text(name) === undefined ? [] : [[name, invocation.text(name) ?? '']])),
  );
  const waiting = others.map((files) => startWorker({ files, shape: profile.shape, options, nowMs: world.now() }, onFlows));
  const inputs = new FlowInputs(
    cut.length === 0 ? invocation : { ...invocation, words: first, text: withoutSets(invocation) },
    wantedBy(profile.shape, invocation),
  );
  await countInto(profile, inputs, invocation, onFlows);
  const parts = await Promise.all(waiting);
  progress?.clear();
  const rejected = new Map(inputs.rejected);
  for (const { cells, rejected: causes, said } of parts) {
    for (const line of said) world.stderr.write(line);
    for (const [cause, count] of causes) rejected.set(cause, (rejected.get(cause) ?? 0) + count);
    profile.merge(cells, profile.shape, '');
  }
  for (const line of parts.flatMap(({ failures }) => failures)) world.stderr.write(`weir: ${line}\n`);
  inputs.report(rejected);
  const isStrict = invocation.flag('strict') && rejected.size > 0;
  return { rejected, failed: inputs.failures.length > 0 || isStrict || parts.some(({ failures }) => failures.length > 0) };
}

// The files of -R and -M are named already.
function withoutSets({ text }: Invocation): Invocation['text'] {
  return (name) => (name === 'read-files' || name === 'folders' ? undefined : text(name));
}

/** Counts what the inputs hold. */
export async function countInto(
  profile: Profile,
  inputs: FlowInputs,
  invocation: Invocation,
  onFlows: (count: number) => void,
): Promise<void> {
  const [from, to] = [instantOption('from', invocation.text('from')), instantOption('to', invocation.text('to'))];
  for await (const batch of inputs.selected(from, to)) {
    profile.add(batch);
    onFlows(batch.count);
  }
}

// Groups may be of any column; else counters do, with times where there is a period, a window or a duration.
function wantedBy({ bins, group, per }: ProfileShape, invocation: Invocation): WantedColumns | undefined {
  if (group.length > 0) return undefined;
  const needsTimes = per !== undefined || bins.by === 'duration' || ['from', 'to'].some((name) => invocation.text(name) !== undefined);
  return needsTimes ? 'timed counters' : 'counters';
}

// Contiguous shares of about equal size, in the order of the input; none when one core is as good.
function sharesOf(words: readonly string[], cores: number): string[][] {
  const { files, failures } = readFlows(words);
  const sizes = files.map(sizeOf);
  const total = sizes.reduce((sum, size) => sum + size, 0);
  const count = Math.min(cores, files.length, Math.floor(total / worthBytes) + 1);
  if (count < 2 || failures.length > 0) return [];
  const shares: string[][] = Array.from({ length: count }, () => []);
  let before = 0;
  files.forEach((file, index) => {
    const size = sizes[index] ?? 0;
    shares[Math.min(count - 1, Math.floor(((before + size / 2) / total) * count))]?.push(file);
    before += size;
  });
  return shares.filter((share) => share.length > 0);
}

function sizeOf(file: string): number {
  try {
    return statSync(file).size;
  } catch {
    return 0;
  }
}

function startWorker(order: ProfileOrder, onFlows: (count: number) => void): Promise<ProfilePart> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL('profile.worker.js', import.meta.url), { workerData: order });
    worker.on('message', (message: ProfileMessage) => {
      if ('part' in message) resolve(message.part);
      else onFlows(message.flows);
    });
    worker.once('error', reject);
  });
}

/** Counts a share, for the worker. */
export async function countShare(order: ProfileOrder, onFlows: (count: number) => void): Promise<ProfilePart> {
  const said: string[] = [];
  const stderr = { write: (text: string) => said.push(text) > 0 };
  const invocation = {
    words: order.files,
    text: (name: string) => order.options[name],
    list: () => [],
    flag: () => false,
    world: { stderr, now: () => order.nowMs, isTerminal: { stdout: false, stderr: false } },
  } as unknown as Invocation;
  const inputs = new FlowInputs(invocation, wantedBy(order.shape, invocation));
  const profile = new Profile(order.shape);
  await countInto(profile, inputs, invocation, onFlows);
  return { cells: profile.cells(), rejected: inputs.rejected, said, failures: inputs.failures.map(({ line }) => line) };
}
