/**
 * Loads a flow file into a store: its rows in blocks, some of them a batch, each batch under the hash of the whole file and its own number. A load that was
 * broken off goes on where it stopped, and a file that is loaded again adds nothing. Memory holds one batch, whatever the size of the file.
 *
 * Law: the identity is that of the content (and of what says how it is to be read), not of the name; a row that cannot be read is rejected by cause, and its
 * neighbours are kept. What came before a damage is kept, and the damage is told.
 */

import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import type { Fault } from '../base/faults.js';
import type { FlowBatch } from '../base/flow-batch.js';
import type { Reject } from '../collect/format.js';
import { flowFormats } from '../collect/formats.js';
import { type OpenOptions, readFlows } from '../collect/open.js';
import { FlowBlockWriter, type FlowRows } from '../keep/flow-block.js';
import type { Batch, FlowBlock, Store } from '../keep/store.js';

/** Blocks of a batch, and their bytes, at most. */
const batchBlocks = 16;
const batchBytes = 16 << 20;

export interface LoadFlowsOptions extends Pick<OpenOptions, 'timeZone' | 'columns'> {
  readonly store: Pick<Store, 'commit'>;
  /** Epoch seconds: when the flows arrive. */
  readonly now: () => number;
  readonly onReject?: (reject: Reject) => void;
  readonly onNotice?: (text: string) => void;
  /** So many flows of the file are read. */
  readonly progress?: (flows: number) => void;
}

export interface LoadedFlows {
  flows: number;
  /** Flows of batches that the store had already. */
  known: number;
  readonly rejected: ReadonlyMap<string, number>;
  /** Why the file was not read to its end. */
  readonly failure: Fault | undefined;
}

/** Whether the first bytes are those of a flow file; `columns` is the map of `--columns`. */
export function looksLikeFlows(head: Uint8Array, columns?: string): boolean {
  const options = { ...(columns === undefined ? {} : { columns }), reject: () => undefined, notice: () => undefined, numberBefore: 0 };
  return flowFormats.some((format) => format.detect(head, options));
}

/** Loads one file. Throws what the store throws. */
export async function loadFlows(file: string, options: LoadFlowsOptions): Promise<LoadedFlows> {
  const identity = `flows ${await hashOf(file)} ${options.timeZone ?? ''} ${options.columns ?? ''}`;
  const reading = readFlows([file], {
    ...(options.timeZone === undefined ? {} : { timeZone: options.timeZone }),
    ...(options.columns === undefined ? {} : { columns: options.columns }),
    ...(options.onReject === undefined ? {} : { onReject: options.onReject }),
    ...(options.onNotice === undefined ? {} : { onNotice: options.onNotice }),
  });
  const intake = new FlowIntake(options.store, options.now, identity);
  let flows = 0;
  for await (const batch of reading.batches()) {
    await intake.add(batch);
    flows += batch.count;
    options.progress?.(flows);
  }
  await intake.end();
  return { flows: flows - intake.known, known: intake.known, rejected: reading.rejected, failure: reading.failures[0] };
}

/** Gathers flows and commits them, batch by batch. Whoever receives flows from elsewhere than files uses it without an identity, and ends it as often as they are to last. */
export class FlowIntake {
  readonly #store: Pick<Store, 'commit'>;
  readonly #now: () => number;
  readonly #identity: string | undefined;
  readonly #writer = new FlowBlockWriter();
  #blocks: FlowRows[] = [];
  #bytes = 0;
  #batches = 0;
  #arrived = 0;
  /** Flows in batches that the store had already. */
  known = 0;

  constructor(store: Pick<Store, 'commit'>, now: () => number, identity?: string) {
    this.#store = store;
    this.#now = now;
    this.#identity = identity;
  }

  /** Adds flows; some of those before may be durable when it resolves. Throws what the store throws: what was not committed is then lost to this intake. */
  async add(batch: FlowBatch): Promise<void> {
    for (const block of this.#writer.add(batch)) await this.#take(block);
  }

  /** Commits what is left: all that was added is durable when it resolves. */
  async end(): Promise<void> {
    for (const block of this.#writer.end()) await this.#take(block);
    if (this.#blocks.length > 0) await this.#commit();
  }

  async #take(block: FlowRows): Promise<void> {
    this.#blocks.push(block);
    this.#bytes += block.bytes.length;
    if (this.#blocks.length >= batchBlocks || this.#bytes >= batchBytes) await this.#commit();
  }

  async #commit(): Promise<void> {
    // A clock that is set back changes no order.
    this.#arrived = Math.max(this.#arrived, Math.floor(this.#now()));
    const flows = this.#blocks.map((block): FlowBlock => ({ ...block, arrived: this.#arrived }));
    this.#blocks = [];
    this.#bytes = 0;
    const identity = this.#identity === undefined ? undefined : `${this.#identity} ${this.#batches++}`;
    const batch: Batch = { nowSeconds: this.#arrived, identity, flows };
    const { applied } = await this.#store.commit(batch);
    if (!applied) this.known += flows.reduce((sum, { rows }) => sum + rows, 0);
  }
}

async function hashOf(file: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(file, { highWaterMark: 1 << 20 })) hash.update(chunk as Buffer);
  return hash.digest('hex');
}
