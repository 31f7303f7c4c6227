/**
 * The files that `[logs] tail` names, each followed and polled: their lines are counted in the open batch, their places written with it.
 */

import { clearHit, emptyHit } from '../base/hit.js';
import { type LogReader, openLogReader } from '../collect/log-formats.js';
import { firstLinesOf } from '../collect/log-lines.js';
import type { Configuration } from './configuration.js';
import type { HitIntake } from './hit-intake.js';
import { marksOf } from './hit-records.js';
import type { Ledger } from './ledger.js';
import { parsePlace, Tail } from './tail.js';

const pollMs = 200;
const pollBytes = 4 << 20;

export interface TailsOptions {
  readonly hits: HitIntake;
  readonly ledger: Ledger;
  readonly configuration: () => Configuration;
}

export class Tails {
  readonly #options: TailsOptions;
  #tails: { readonly path: string; readonly tail: Tail }[] = [];
  #timer: NodeJS.Timeout | undefined;

  constructor(options: TailsOptions) {
    this.#options = options;
  }

  /** Begins to follow the files of the configuration, each from the place where an earlier run stood. */
  start(): void {
    for (const path of this.#options.configuration().logs.tail) this.#tails.push({ path, tail: this.#follow(path) });
    if (this.#tails.length > 0) this.#timer = setInterval(() => this.#poll(pollBytes), pollMs);
  }

  /** Takes what is there by now and lets the files go. */
  stop(): void {
    clearInterval(this.#timer);
    this.#poll(1 << 30);
    for (const { tail } of this.#tails) tail.stop();
  }

  #follow(path: string): Tail {
    const { hits, ledger } = this.#options;
    const account = ledger.account('tail');
    let reader: LogReader = hits.reader();
    const begin = (head: Buffer, inode: number): void => {
      marks = marksOf(`${path} ${inode}`);
      const lines = firstLinesOf(head);
      reader = openLogReader(lines, hits.readerOptions());
      const hit = emptyHit();
      // Directives at the top name the columns of a W3C log, wherever reading goes on.
      for (const line of lines.filter((text) => text.startsWith('#'))) {
        clearHit(hit);
        reader.parse(line, hit);
      }
    };
    const name = `tail:${path}`;
    let marks = marksOf(path);
    const tail = new Tail(
      {
        path,
        begin,
        lines: (bytes) => hits.takeLines(bytes, reader, account),
        line: (text, at) => hits.take(text, reader, account, () => marks(at, text)),
        tooLong: () => account.reject('too-long'),
      },
      parsePlace(hits.note(name)),
    );
    hits.places.set(name, () => JSON.stringify(tail.place ?? {}));
    return tail;
  }

  #poll(bytesMax: number): void {
    if (this.#options.hits.overloaded) return;
    for (const { path, tail } of this.#tails) {
      try {
        tail.poll(bytesMax);
      } catch (error) {
        this.#options.ledger.notice('tail', `${path}: ${error instanceof Error ? error.message : String(error)}`);
      }
    }
  }
}
