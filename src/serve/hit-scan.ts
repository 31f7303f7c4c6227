/**
 * Counts the lines of a batch from its bytes by the counting kernel (`fold/line-counter.ts`), which it keeps from one batch to the next. What the kernel
 * leaves, and what lies beyond the times that are taken, goes line by line to the caller, who counts or rejects it by the reader.
 */

import { type LogReader, lineSizeMax } from '../collect/log-formats.js';
import type { LogPlan } from '../collect/log-plan.js';
import type { LocalOffset } from '../collect/log-time.js';
import type { HitCounter } from '../fold/hit-counter.js';
import type { KeyOptions, KeySpec } from '../fold/hit-keys.js';
import { kernelPeriodsMax, LineCounter } from '../fold/line-counter.js';
import { drainInto } from '../fold/line-drain.js';
import { kernelCan } from '../fold/line-plan.js';
import { type Period, quarterMs } from '../fold/period.js';

export interface HitScanOptions {
  readonly reader: LogReader;
  readonly localOffsetMs: LocalOffset | undefined;
  /** Takes what is counted; its periods are quarters of an hour. */
  readonly counter: HitCounter;
  /** Times from here on are the caller's. */
  readonly untilMs: number;
  /** Takes a line that the kernel leaves. */
  readonly take: (line: string) => void;
  readonly tooLong: () => void;
}

const kernelBytes = 32 << 20;
const pieceBytes = 1 << 20;

export class HitScan {
  #kernel: LineCounter | undefined;
  // The lists and keys that the kernel was made for.
  #made = '';
  #plan: LogPlan | undefined;
  #periods: Period[] = [];

  /** Lines that the kernel has passed, counted or blank. */
  get passed(): number {
    return this.#kernel?.number ?? 0;
  }

  /** Counts the lines of `bytes`, the last one without a newline too; answers how many the kernel counted, undefined: it cannot, none was. */
  count(bytes: Buffer, options: HitScanOptions): number | undefined {
    const { plan } = options.reader;
    const { specs, keys } = options.counter.options;
    if (plan === undefined || options.reader.linesHang === true) return undefined;
    const kernel = this.#kernelOf(plan, specs, keys);
    if (kernel === undefined) return undefined;
    kernel.setPeriod(-1, 0, 0);
    kernel.setOffset(0, 0, 0);
    kernel.number = 0;
    const before = kernel.lines;
    for (let at = 0; at < bytes.length; ) {
      let end = bytes.lastIndexOf(10, at + pieceBytes - 1) + 1;
      if (end <= at) end = bytes.indexOf(10, at) + 1 || bytes.length;
      if (textSize(bytes, at, end) > lineSizeMax && end - at > pieceBytes) options.tooLong();
      else this.#piece(kernel, bytes.subarray(at, end), options);
      at = end;
    }
    this.#drain(kernel, options.counter);
    return kernel.lines - before;
  }

  // The kernel of the batch before, where lists and plan are the same.
  #kernelOf(plan: LogPlan, specs: readonly KeySpec[], keys: KeyOptions): LineCounter | undefined {
    const made = JSON.stringify([specs, keys]);
    if (plan === this.#plan && made === this.#made) return this.#kernel;
    const can = kernelCan(plan, specs, keys);
    if (made !== this.#made) this.#kernel = undefined;
    if (can) {
      this.#kernel ??= new LineCounter(specs, keys, kernelBytes);
      this.#kernel.setPlan(plan);
    }
    this.#made = made;
    this.#plan = can ? plan : undefined;
    return can ? this.#kernel : undefined;
  }

  #piece(kernel: LineCounter, piece: Buffer, options: HitScanOptions): void {
    const { input } = kernel;
    input.set(piece);
    let end = piece.length;
    if (piece[end - 1] !== 10) input[end++] = 10;
    for (let from = 0; ; ) {
      const { at, stop } = kernel.scan(from, end);
      from = at;
      if (stop === 'more') return;
      if (stop === 'full') this.#drain(kernel, options.counter);
      else if (stop === 'offset') {
        const low = Math.floor(kernel.timeMs / quarterMs) * quarterMs;
        kernel.setOffset(options.localOffsetMs?.(kernel.timeMs) ?? 0, low, low + quarterMs);
      } else if (stop === 'hard' || kernel.timeMs > options.untilMs) {
        // Its memory may have grown, and with it moved.
        const view = kernel.input;
        const newline = view.indexOf(10, at);
        options.take(view.toString('latin1', at, newline > at && view[newline - 1] === 13 ? newline - 1 : newline));
        from = newline + 1;
      } else this.#setPeriod(kernel, options);
    }
  }

  #setPeriod(kernel: LineCounter, { counter, untilMs }: HitScanOptions): void {
    const { timeMs } = kernel;
    let number = this.#periods.findIndex(({ startMs, endMs }) => timeMs >= startMs && timeMs < endMs);
    if (number < 0) {
      if (this.#periods.length >= kernelPeriodsMax) this.#drain(kernel, counter);
      number = this.#periods.push(counter.options.calendar.periodAt('quarter', timeMs)) - 1;
    }
    const { startMs, endMs } = this.#periods[number] as Period;
    kernel.setPeriod(number, startMs, Math.min(endMs, untilMs + 1));
  }

  #drain(kernel: LineCounter, counter: HitCounter): void {
    drainInto(counter, kernel, this.#periods);
    this.#periods = [];
  }
}

// Without the end of the line.
function textSize(bytes: Buffer, start: number, end: number): number {
  const stop = bytes[end - 1] === 10 ? end - 1 : end;
  return (bytes[stop - 1] === 13 ? stop - 1 : stop) - start;
}
