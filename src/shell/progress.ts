/** A line of progress on a terminal: rate, share done, time left. Written over itself, a few times a second. */

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

  /** `count` of the unit are done, `share` of the whole (0 to 1). */
  update(count: number, share: number): void {
    const now = this.#world.monotonicMs();
    if (now - this.#shownMs < everyMs) return;
    this.#shownMs = now;
    const seconds = (now - this.#startedMs) / 1000;
    const left = share > 0.001 ? `${Math.ceil((seconds / share) * (1 - share))} s left` : '';
    this.#world.stderr.write(
      `\r\x1b[K${count} ${this.#unit}, ${Math.round(count / Math.max(seconds, 0.001))}/s, ${Math.floor(share * 100)} % ${left}`,
    );
  }

  clear(): void {
    if (this.#shownMs > 0) this.#world.stderr.write('\r\x1b[K');
  }
}
