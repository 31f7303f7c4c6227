/**
 * One pass over logs: lines in, counted periods out. Text formats go through the counting kernel, which leaves what it does not
 * understand to the reference reader; other formats go through their reader alone. Both count the same (a test holds them to it).
 *
 * Memory: half of the bound is the kernel's table. While all keys fit, counts are exact and keys are bytes to the end. When they do not,
 * the table is drained into the bounded tallies of a HitCounter, again and again, and those answer, with their error (law 4, law 5).
 */

import { clearHit, emptyHit } from '../base/hit.js';
import type { LineCause } from '../collect/access-log.js';
import { type LogReader, type LogReaderOptions, lineSizeMax, openLogReader } from '../collect/log-formats.js';
import { firstLinesOf, LineCutter } from '../collect/log-lines.js';
import type { LogPlan } from '../collect/log-plan.js';
import type { LocalOffset } from '../collect/log-time.js';
import { type CounterOptions, HitCounter, type PeriodCounts } from '../fold/hit-counter.js';
import { addServed, mergeHitCounts } from '../fold/hit-counts.js';
import { inputBytes, kernelPeriodsMax, LineCounter } from '../fold/line-counter.js';
import { addCount, drainInto } from '../fold/line-drain.js';
import { kernelCan } from '../fold/line-plan.js';
import { type Period, quarterMs } from '../fold/period.js';
import type { TallyReading } from '../fold/tally.js';
import { type CountedPeriod, countedPeriod } from './rank.js';

export interface ScanOptions extends CounterOptions {
  readonly format?: string | undefined;
  readonly columns?: string | undefined;
  /** Half-open range of times that count, in milliseconds. */
  readonly fromMs: number;
  readonly toMs: number;
  readonly nowMs: number;
  /** Of times without a zone, where it is not that of the calendar. */
  readonly localOffsetMs?: LocalOffset | undefined;
  /** True: every line goes through the reference reader. */
  readonly withoutKernel?: boolean;
}

/** A refused line. */
export interface RefusedLine {
  readonly file: string;
  readonly line: number;
  readonly cause: Exclude<LineCause, ''>;
}

/** What a scan counted, fit to be sent between threads. */
export interface ScanResult {
  readonly lines: number;
  readonly rejected: ReadonlyMap<string, number>;
  readonly refused: readonly RefusedLine[];
  /** Lines passed of each input. */
  readonly passed: ReadonlyMap<string, number>;
  /** What is held in bounded tallies. */
  readonly periods: readonly PeriodCounts[];
  readonly drained: boolean;
  /** The kernel's periods with their figures, and its keys. */
  readonly kernelPeriods: readonly { readonly period: Period; readonly figures: readonly number[] }[];
  readonly entries: Uint8Array<ArrayBuffer>;
}

/** How the lines of a scan are read: times without a zone are those of its calendar. */
export function readerOptions({ format, columns, nowMs, calendar, localOffsetMs = calendar.localOffsetMs }: ScanOptions): LogReaderOptions {
  return { format, columns, nowMs, localOffsetMs };
}

const refusedShown = 5;
const nothing: TallyReading = { total: 0, exact: true, error: 0, other: 0, distinctKeys: 0, top: [] };

export class LogScan {
  readonly options: ScanOptions;
  /** What the kernel did not count, and all of it once the kernel's table was drained. */
  readonly counter: HitCounter;
  readonly rejected = new Map<string, number>();
  /** The first refused lines. */
  readonly refused: RefusedLine[] = [];
  /** Lines passed of each input, blank ones included. */
  readonly passed = new Map<string, number>();
  /** Lines counted by the reader, and refused ones. */
  #linesRead = 0;
  kernel: LineCounter | undefined;
  drained = false;
  /** Periods in the kernel's numbering. */
  kernelPeriods: Period[] = [];
  #numbers = new Map<number, number>();
  #reader: LogReader = openLogReader([], { format: 'combined', nowMs: 0 });
  #viaKernel = false;
  #plan: LogPlan | undefined;
  #file = '';
  #lineNumber = 0;
  readonly #hit = emptyHit();
  #cutter = new LineCutter();
  #held = 0;
  #skipping = false;

  constructor(options: ScanOptions) {
    this.options = options;
    this.counter = new HitCounter({ ...options, memoryBytes: options.memoryBytes / 2 });
  }

  /** Lines counted and refused so far; blank ones and directives are not lines. */
  get lines(): number {
    return this.#linesRead + (this.kernel?.lines ?? 0);
  }

  /** Starts an input, whose kind is told by its first bytes. */
  begin(file: string, head: Uint8Array): void {
    this.#file = file;
    this.#lineNumber = this.passed.get(file) ?? 0;
    this.#cutter = new LineCutter();
    this.#held = 0;
    this.#skipping = false;
    this.#reader = openLogReader(firstLinesOf(head), readerOptions(this.options));
    const { plan } = this.#reader;
    this.#viaKernel = plan !== undefined && this.options.withoutKernel !== true && kernelCan(plan, this.options.specs, this.options.keys);
    if (!this.#viaKernel || plan === undefined) return;
    this.kernel ??= new LineCounter(this.options.specs, this.options.keys, this.options.memoryBytes / 2);
    this.#plan = plan;
    this.kernel.setPlan(plan);
    this.kernel.number = this.#lineNumber;
  }

  /** Whether `room` may be filled directly. */
  get direct(): boolean {
    return this.#viaKernel;
  }

  /** Room for the next bytes of the input, for a caller that reads straight into it and then says `filled`. */
  room(): Uint8Array {
    return this.kernel?.input.subarray(this.#held, inputBytes) ?? new Uint8Array(0);
  }

  /** Takes the bytes that were put into `room`. */
  filled(size: number): void {
    const kernel = this.kernel;
    if (kernel === undefined) return;
    const end = this.#held + size;
    const at = this.#scan(kernel, 0, end);
    kernel.input.copyWithin(0, at, end);
    this.#held = end - at;
    if (this.#held <= lineSizeMax) return;
    if (!this.#skipping) {
      kernel.number += 1;
      this.#lineNumber = kernel.number;
      this.#refuse('too-long');
    }
    this.#skipping = true;
    this.#held = 0;
  }

  /** Takes the next bytes of the input. */
  push(chunk: Uint8Array): void {
    if (!this.#viaKernel) {
      this.#cutter.push(
        chunk,
        (line) => this.#take(line),
        () => this.#tooLong(),
      );
      return;
    }
    for (let at = 0; at < chunk.length; ) {
      const room = this.room();
      const part = chunk.subarray(at, at + Math.min(room.length, 4 << 20));
      room.set(part);
      this.filled(part.length);
      at += part.length;
    }
  }

  /** Adds what another scan of the same lists counted; its input came after. */
  absorb(part: ScanResult): void {
    this.#linesRead += part.lines;
    for (const [cause, count] of part.rejected) this.rejected.set(cause, (this.rejected.get(cause) ?? 0) + count);
    for (const { file, line, cause } of part.refused) {
      if (this.refused.length < refusedShown) this.refused.push({ file, line: line + (this.passed.get(file) ?? 0), cause });
    }
    for (const [file, count] of part.passed) this.passed.set(file, (this.passed.get(file) ?? 0) + count);
    for (const { period, counts } of part.periods) mergeHitCounts(this.counter.of(period).counts, counts);
    if (part.drained) this.drained = true;
    if (part.kernelPeriods.length > 0) this.#absorbKernel(part);
    this.counter.keepBound();
  }

  #absorbKernel({ kernelPeriods, entries }: ScanResult): void {
    const { specs } = this.options;
    this.kernel ??= new LineCounter(specs, this.options.keys, this.options.memoryBytes / 2);
    const kernel = this.kernel;
    if (this.kernelPeriods.length + kernelPeriods.length > kernelPeriodsMax) this.drain();
    const numbers = kernelPeriods.map(({ period }) => this.numberOf(period));
    kernelPeriods.forEach(({ figures }, index) => {
      const own = kernel.figures(numbers[index] ?? 0);
      for (const [place, value] of figures.entries()) own[place] = (own[place] ?? 0) + value;
    });
    const groupOf = (group: number): number => {
      const { period, list } = kernel.listOf(group);
      return kernel.groupOf(numbers[period] ?? 0, list);
    };
    kernel.absorb(entries, groupOf, (group, key, count) => {
      addCount(this.counter, kernel, this.kernelPeriods, group, key, count);
      this.drained = true;
    });
  }

  /** All that was counted, to be absorbed by another scan. */
  result(): ScanResult {
    if (this.drained) this.drain();
    const { kernel } = this;
    return {
      lines: this.lines,
      rejected: this.rejected,
      refused: this.refused,
      passed: this.passed,
      periods: [...this.counter.periods.values()],
      drained: this.drained,
      kernelPeriods: this.kernelPeriods.map((period, number) => ({ period, figures: [...(kernel?.figures(number) ?? [])] })),
      entries: kernel?.entries() ?? new Uint8Array(0),
    };
  }

  /** Ends the input: a last line without a newline is a line. */
  end(): void {
    if (!this.#viaKernel || this.kernel === undefined) {
      this.#cutter.end((line) => this.#take(line));
    } else {
      this.#lineNumber = this.kernel.number;
      const last = this.kernel.input.toString('latin1', 0, this.#held);
      if (this.#held > 0 && !this.#skipping) this.#take(last.endsWith('\r') ? last.slice(0, -1) : last);
      this.#held = 0;
    }
    this.passed.set(this.#file, this.#lineNumber);
  }

  // Runs the kernel over [start, end) of its input; answers where the last, incomplete line begins.
  #scan(kernel: LineCounter, start: number, end: number): number {
    let at = start;
    if (this.#skipping) {
      const newline = kernel.input.subarray(0, end).indexOf(10);
      if (newline < 0) return end;
      this.#skipping = false;
      at = newline + 1;
    }
    for (;;) {
      const { at: stopped, stop } = kernel.scan(at, end);
      at = stopped;
      if (stop === 'more') return at;
      if (stop === 'period') this.#setPeriod(kernel);
      else if (stop === 'offset') this.#setOffset(kernel);
      else if (stop === 'full') this.drain();
      else {
        const newline = kernel.input.indexOf(10, at);
        this.#lineNumber = kernel.number;
        this.#take(kernel.input.toString('latin1', at, kernel.input[newline - 1] === 13 && newline > at ? newline - 1 : newline));
        kernel.number += 1;
        at = newline + 1;
        const { plan } = this.#reader;
        if (plan === undefined || plan === this.#plan) continue;
        // A directive has named other columns.
        this.#plan = plan;
        kernel.setPlan(plan);
      }
    }
  }

  #setPeriod(kernel: LineCounter): void {
    const { fromMs, toMs, per, calendar } = this.options;
    const { timeMs } = kernel;
    if (timeMs < fromMs) kernel.setPeriod(-1, Number.NEGATIVE_INFINITY, fromMs);
    else if (timeMs >= toMs) kernel.setPeriod(-1, toMs, Number.POSITIVE_INFINITY);
    else {
      const period = this.kernelPeriods.find(({ startMs, endMs }) => timeMs >= startMs && timeMs < endMs) ?? calendar.periodAt(per, timeMs);
      const number = this.numberOf(period);
      kernel.setPeriod(number, Math.max(period.startMs, fromMs), Math.min(period.endMs, toMs));
    }
  }

  // A calendar answers the same offset for a whole quarter of an hour.
  #setOffset(kernel: LineCounter): void {
    const { timeMs } = kernel;
    const { localOffsetMs } = readerOptions(this.options);
    const low = Math.floor(timeMs / quarterMs) * quarterMs;
    kernel.setOffset(localOffsetMs?.(timeMs) ?? 0, low, low + quarterMs);
  }

  /** The kernel's number of a period, given to it if need be. */
  numberOf(period: Period): number {
    let number = this.#numbers.get(period.startMs);
    if (number !== undefined) return number;
    if (this.kernelPeriods.length >= kernelPeriodsMax) this.drain();
    number = this.kernelPeriods.length;
    this.#numbers.set(period.startMs, number);
    this.kernelPeriods.push(period);
    return number;
  }

  /** Moves all that the kernel counted into the bounded tallies. */
  drain(): void {
    const { kernel, kernelPeriods } = this;
    if (kernel === undefined) return;
    drainInto(this.counter, kernel, kernelPeriods);
    this.kernelPeriods = [];
    this.#numbers.clear();
    this.drained = true;
  }

  /** All periods with their counts; `n` is the longest list that will be asked for. */
  results(n: number): CountedPeriod[] {
    const { kernel } = this;
    if (kernel === undefined) return [...this.counter.periods.values()].map(countedPeriod);
    if (!this.drained) this.#gather(kernel);
    if (this.drained) {
      this.drain();
      return [...this.counter.periods.values()].map(countedPeriod);
    }
    const readings = kernel.readings(n);
    const lists = this.options.specs.map((spec) => spec.name);
    const groupOf = (number: number, list: string): number => kernel.groupOf(number, lists.indexOf(list));
    const times = kernel.timesServed();
    return this.kernelPeriods.map((period, number) => {
      const rest = this.counter.of(period).counts;
      const figures = kernel.figures(number);
      return {
        period,
        requests: rest.requests + (figures[0] ?? 0),
        bytes: rest.bytes + (figures[1] ?? 0),
        statusClasses: rest.statusClasses.map((count, digit) => count + (figures[2 + digit] ?? 0)),
        served: addServed(new Map(rest.served), times.get(number)),
        read: (list) => readings.get(groupOf(number, list)) ?? nothing,
        countOf: (list, key) => kernel.countOf(groupOf(number, list), key),
      };
    });
  }

  // Puts the keys of lines that the kernel did not read into its table, so that one place holds all.
  #gather(kernel: LineCounter): void {
    const lists = this.options.specs.map((spec) => spec.name);
    for (const { period, counts } of this.counter.periods.values()) {
      const number = this.numberOf(period);
      for (const [list, tally] of counts.tallies) {
        const group = kernel.groupOf(number, lists.indexOf(list));
        for (const [key, { count }] of tally.keys) {
          if (tally.floor > 0 || !kernel.insert(group, key, count)) {
            this.drained = true;
            return;
          }
          tally.keys.delete(key);
          tally.total -= count;
        }
        tally.usedBytes = 0;
      }
    }
  }

  #take(line: string): void {
    this.#lineNumber += 1;
    clearHit(this.#hit);
    const cause = this.#reader.parse(line, this.#hit);
    if (cause !== '') {
      this.#refuse(cause);
      return;
    }
    this.#linesRead += 1;
    if (this.#hit.timeMs >= this.options.fromMs && this.#hit.timeMs < this.options.toMs) this.counter.add(this.#hit);
  }

  #tooLong(): void {
    this.#lineNumber += 1;
    this.#refuse('too-long');
  }

  #refuse(cause: Exclude<LineCause, ''>): void {
    if (cause === 'blank') return;
    this.#linesRead += 1;
    this.rejected.set(cause, (this.rejected.get(cause) ?? 0) + 1);
    if (this.refused.length < refusedShown) this.refused.push({ file: this.#file, line: this.#lineNumber, cause });
  }
}
