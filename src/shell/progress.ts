/** A line of progress on a terminal: rate, share done, time left. Written over itself, a few times a second. */

import { statSync } from 'node:fs';
import type { World } from './command.js';

const everyMs = 250;

export class ProgressLine {
  readonly #world: World;
  readonly #unit: string;
  readonly #startedMs: number;
  #shownMs = 0;

  constructor(world: World, unit: string) {
    this.#world = world;
    this.#unit = unit;
    this.#startedMs = world.monotonicMs();
  }

  /** `count` of the unit are done, `share` of the whole (0 to 1); `also` stands before them. */
  update(count: number, share: number, also = ''): void {
    const now = this.#world.monotonicMs();
    if (now - this.#shownMs < everyMs) return;
    this.#shownMs = now;
    const seconds = (now - this.#startedMs) / 1000;
    const left = share > 0.001 ? `${Math.ceil((seconds / share) * (1 - share))} s left` : '';
    this.#world.stderr.write(
      `\r\x1b[K${also}${count} ${this.#unit}, ${Math.round(count / Math.max(seconds, 0.001))}/s, ${Math.floor(share * 100)} % ${left}`,
    );
  }

  clear(): void {
    if (this.#shownMs > 0) this.#world.stderr.write('\r\x1b[K');
  }
}

/** Progress over flow files: how many files and flows are done, the share by the files' sizes. Of files in any order, by several threads. */
export class FlowProgress {
  readonly #line: ProgressLine | undefined;
  readonly #sizes = new Map<string, number>();
  #total = 0;
  #flows = 0;
  // The file that each thread is at stands for all before it: a file is done when its thread shows the next one.
  readonly #started = new Set<string>();
  #startedBytes = 0;

  constructor(world: World, files: readonly string[]) {
    this.#line = world.isTerminal.stderr ? new ProgressLine(world, 'flows') : undefined;
    if (this.#line === undefined) return;
    for (const file of files) {
      const size = file === '-' ? 0 : (statSync(file, { throwIfNoEntry: false })?.size ?? 0);
      this.#sizes.set(file, size);
      this.#total += size;
    }
  }

  /** So many more flows of `file` are done. */
  update(flows: number, file: string): void {
    if (this.#line === undefined) return;
    this.#flows += flows;
    if (!this.#started.has(file)) {
      this.#started.add(file);
      this.#startedBytes += this.#sizes.get(file) ?? 0;
    }
    const share = this.#total > 0 ? Math.max(0, this.#startedBytes - (this.#sizes.get(file) ?? 0) / 2) / this.#total : 0;
    this.#line.update(this.#flows, share, `${this.#started.size} of ${this.#sizes.size} files, `);
  }

  clear(): void {
    this.#line?.clear();
  }
}
