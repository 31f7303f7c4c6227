/**
 * Blocks of flow files unpacked on the other cores while this thread reads the records of earlier ones. Workers are started when the first block
 * comes and stopped by `close`. Each has one block at a time, the rest wait in order; who asks keeps at most `ahead` of them under way, which bounds
 * the memory. Answers come back by promises, so that the order is that of the asker.
 */

import { availableParallelism } from 'node:os';
import { isMainThread, Worker } from 'node:worker_threads';
import type { Codec } from '../base/block-codecs.js';
import { type Fault, Malformed } from '../base/faults.js';

/** What a worker is given. */
export interface PackedBlock {
  readonly codec: Codec;
  readonly packed: Uint8Array;
  readonly sizeMax: number;
}

/** What it gives: the data, or what is wrong. */
export interface UnpackedBlock {
  readonly data?: Uint8Array;
  readonly fault?: string;
}

interface Job {
  readonly block: PackedBlock;
  readonly resolve: (data: Uint8Array | Fault) => void;
}

const workersMax = 4;

export class UnpackPool {
  readonly #workers: Worker[] = [];
  readonly #idle: Worker[] = [];
  readonly #waiting: Job[] = [];
  readonly #busy = new Map<Worker, Job>();
  readonly #count: number;
  #failure: Malformed | undefined;

  /** `count` workers; without it as many as there are other cores, and none in a worker: its cores are taken. */
  constructor(count: number = isMainThread ? Math.min(availableParallelism() - 1, workersMax) : 0) {
    this.#count = count;
  }

  /** Blocks that may be under way at a time; 0 where there is no pool. */
  get ahead(): number {
    return this.#count * 2;
  }

  /** The data of a block, or the fault why it cannot be had. The packed bytes are handed over. */
  unpack(block: PackedBlock): Promise<Uint8Array | Fault> {
    return new Promise((resolve) => {
      this.#waiting.push({ block, resolve });
      if (this.#idle.length === 0 && this.#workers.length < this.#count) this.#start();
      this.#next();
    });
  }

  /** Stops the workers. */
  async close(): Promise<void> {
    await Promise.all(this.#workers.splice(0).map((worker) => worker.terminate()));
    this.#idle.length = 0;
  }

  #start(): void {
    const worker = new Worker(new URL('unpack.worker.js', import.meta.url));
    this.#workers.push(worker);
    this.#idle.push(worker);
    worker.on('message', ({ data, fault }: UnpackedBlock) => {
      const job = this.#busy.get(worker);
      this.#busy.delete(worker);
      this.#idle.push(worker);
      this.#next();
      job?.resolve(data ?? new Malformed(fault ?? 'damaged'));
    });
    worker.on('error', (error) => {
      this.#failure = new Malformed(`a block could not be unpacked: ${error.message}`, {}, error);
      const lost = [...this.#busy.values(), ...this.#waiting.splice(0)];
      this.#busy.clear();
      for (const job of lost) job.resolve(this.#failure);
    });
  }

  #next(): void {
    while (this.#waiting.length > 0 && (this.#failure !== undefined || this.#idle.length > 0)) {
      const job = this.#waiting.shift() as Job;
      if (this.#failure !== undefined) {
        job.resolve(this.#failure);
        continue;
      }
      const worker = this.#idle.pop() as Worker;
      this.#busy.set(worker, job);
      worker.postMessage(job.block, [job.block.packed.buffer as ArrayBuffer]);
    }
  }
}
