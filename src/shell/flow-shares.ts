/**
 * Flows of many files folded on several cores: the files are cut into contiguous shares of about equal size, each folded by itself, and the
 * parts are merged in the order of the files, which no split can change (law 1). The first share is folded in this thread, the others by
 * workers (`flow-shares.worker.ts`), which are given the words and options of the command line as they are.
 */

import { statSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { Refused, Usage } from '../base/faults.js';
import type { FlowBatch } from '../base/flow-batch.js';
import { instantOption } from '../base/time.js';
import type { WantedColumns } from '../collect/format.js';
import { isStoreFolder, readAnyFlows } from '../query/flow-sources.js';
import type { Invocation, Option } from './command.js';
import type { FoldTask } from './flow-folds.js';
import { FlowInputs, wordsOf } from './flow-inputs.js';
import { FlowProgress } from './progress.js';

/** What a thread does with the flows of its share. */
export interface FlowFold<Part = unknown> {
  /** The columns that it looks at, if not all. */
  readonly wanted: WantedColumns | undefined;
  add(batch: FlowBatch): void;
  /** What was folded, as it can be handed to another thread. */
  part(): Part;
  /** Adds the part of a later share. */
  merge(part: Part): void;
}

/** What a worker is given: files, what to do, and the options as texts. */
export interface ShareOrder {
  readonly files: readonly string[];
  readonly task: FoldTask;
  readonly options: Readonly<Record<string, string>>;
  readonly nowMs: number;
}

/** What a share gives. */
interface SharePart {
  readonly part: unknown;
  readonly rejected: ReadonlyMap<string, number>;
  /** Lines for standard error: rejects, notices. */
  readonly said: readonly string[];
  readonly failures: readonly string[];
}

/** A worker's message: flows and files done since the last one, its part, or why there is none. */
export type ShareMessage = { readonly flows: number; readonly file: string } | { readonly done: SharePart } | { readonly refused: string };

/** What was rejected, and whether the exit code is 1. */
export interface Folded {
  readonly rejected: ReadonlyMap<string, number>;
  readonly failed: boolean;
}

export const coresOption: Option = {
  name: 'cores',
  value: 'N',
  help: 'how many cores to use (default all, but one for lists and sums by more than two keys)',
};

// Below this a second core costs more than it gives.
const worthBytes = 24 << 20;
const passedOn = ['window', 'filter', 'filter-file', 'from', 'to', 'columns', 'tz'];

/** Folds all inputs; says what was rejected and what could not be read. `task` makes the same fold in another thread. */
export async function foldFlows<Part>(fold: FlowFold<Part>, task: FoldTask, invocation: Invocation): Promise<Folded> {
  const { world } = invocation;
  const words = wordsOf(invocation);
  const cores = coresOf(invocation, task);
  const cut = isWhole(words, invocation) ? [] : await sharesOf(words, cores);
  const [first = { files: words }, ...others] = cut;
  const options = Object.fromEntries(
    passedOn.flatMap((name) => (invocation.text(name) === undefined ? [] : [[name, invocation.text(name) ?? '']])),
  );
  const inputs = new FlowInputs(
    cut.length === 0 ? invocation : { ...invocation, words: first.files, text: ofShare(invocation, first) },
    fold.wanted,
  );
  const progress = new FlowProgress(world, cut.length === 0 ? inputs.reading.files : [...new Set(cut.flatMap(({ files }) => files))]);
  const workers = others.map(({ files, share }) =>
    startWorker({ files, task, options: share === undefined ? options : { ...options, share }, nowMs: world.now() }, progress),
  );
  try {
    await foldShare(fold, inputs, invocation, (flows, file) => progress.update(flows, file));
    const parts: SharePart[] = [];
    for (const { part } of workers) parts.push(await part);
    progress.clear();
    return merged(fold, inputs, parts, invocation);
  } finally {
    progress.clear();
    for (const { worker } of workers) void worker.terminate();
  }
}

function merged<Part>(fold: FlowFold<Part>, inputs: FlowInputs, parts: readonly SharePart[], invocation: Invocation): Folded {
  const { stderr } = invocation.world;
  const rejected = new Map(inputs.rejected);
  for (const { part, rejected: causes, said } of parts) {
    for (const line of said) stderr.write(line);
    for (const [cause, count] of causes) rejected.set(cause, (rejected.get(cause) ?? 0) + count);
    fold.merge(part as Part);
  }
  for (const line of parts.flatMap(({ failures }) => failures)) stderr.write(`weir: ${line}\n`);
  inputs.report(rejected);
  const isStrict = invocation.flag('strict') && rejected.size > 0;
  return { rejected, failed: inputs.failures.length > 0 || isStrict || parts.some(({ failures }) => failures.length > 0) };
}

// What depends on all flows, or on their order, is one share.
function isWhole(words: readonly string[], invocation: Invocation): boolean {
  return (
    words.includes('-') ||
    ['rejects', 'limit'].some((name) => invocation.text(name) !== undefined) ||
    /^[-+]/.test(invocation.text('window') ?? '')
  );
}

// The files of -R and -M are named already.
function ofShare({ text }: Invocation, { share }: Share): Invocation['text'] {
  return (name) => (name === 'share' ? share : name === 'read-files' || name === 'folders' ? undefined : text(name));
}

async function foldShare<Part>(
  fold: FlowFold<Part>,
  inputs: FlowInputs,
  invocation: Invocation,
  onFlows: (count: number, file: string) => void,
): Promise<void> {
  const [from, to] = [instantOption('from', invocation.text('from')), instantOption('to', invocation.text('to'))];
  for await (const batch of inputs.selected(from, to)) {
    fold.add(batch);
    onFlows(batch.count, batch.file);
  }
}

/** Folds a share, in a worker. */
export async function foldInWorker(fold: FlowFold, order: ShareOrder, onFlows: (count: number, file: string) => void): Promise<SharePart> {
  const said: string[] = [];
  const stderr = { write: (text: string) => said.push(text) > 0 };
  const invocation = {
    words: order.files,
    text: (name: string) => order.options[name],
    list: () => [],
    flag: () => false,
    world: { stderr, now: () => order.nowMs, isTerminal: { stdout: false, stderr: false } },
  } as unknown as Invocation;
  const inputs = new FlowInputs(invocation, fold.wanted);
  await foldShare(fold, inputs, invocation, onFlows);
  return { part: fold.part(), rejected: inputs.rejected, said, failures: inputs.failures.map(({ line }) => line) };
}

/** What one thread reads: files, or a part of a store (its blocks from one key to another). */
interface Share {
  readonly files: readonly string[];
  readonly share?: string;
}

// Contiguous shares of about equal size, in the order of the input; none when one core is as good.
async function sharesOf(words: readonly string[], cores: number): Promise<Share[]> {
  const [word, ...more] = words;
  if (word !== undefined && more.length === 0 && isStoreFolder(word)) return await sharesOfStore(word, cores);
  const { files, failures } = readAnyFlows(words);
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
  return shares.filter((share) => share.length > 0).map((share) => ({ files: share }));
}

async function sharesOfStore(folder: string, cores: number): Promise<Share[]> {
  const { openFlowStore } = await import('../keep/flow-store.js');
  const store = openFlowStore(folder);
  try {
    const count = Math.min(cores, Math.floor(store.totals().bytes / worthBytes) + 1);
    return count < 2 ? [] : store.cut(count).map(({ after, upTo }) => ({ files: [folder], share: `${after}-${upTo}` }));
  } finally {
    await store.close();
  }
}

function sizeOf(file: string): number {
  try {
    return statSync(file).size;
  } catch {
    return 0;
  }
}

function startWorker(order: ShareOrder, progress: FlowProgress): { worker: Worker; part: Promise<SharePart> } {
  const worker = new Worker(new URL('flow-shares.worker.js', import.meta.url), { workerData: order });
  const part = new Promise<SharePart>((resolve, reject) => {
    worker.on('message', (message: ShareMessage) => {
      if ('done' in message) resolve(message.done);
      else if ('refused' in message) reject(new Refused(message.refused));
      else progress.update(message.flows, message.file);
    });
    worker.once('error', reject);
  });
  // It is waited for later; that it failed must not end the process before.
  part.catch(() => undefined);
  return { worker, part };
}

function coresOf(invocation: Invocation, task: FoldTask): number {
  const text = invocation.text('cores') ?? String(hasManyGroups(task) ? 1 : availableParallelism());
  if (!/^[1-9]\d{0,3}$/.test(text)) throw new Usage(`--cores '${text}' (expected a whole number from 1)`);
  return Number(text);
}

// Keys of whole connections make nearly as many groups as there are flows: bringing the groups of two cores together takes longer than making them.
function hasManyGroups(task: FoldTask): boolean {
  return task.kind === 'report' && task.groups.some(({ keys }) => keys.includes('record') || keys.split(',').length > 2);
}
