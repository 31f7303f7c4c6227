/**
 * Lines a second of the counting kernel alone: URL and keyword, Zipf-like, from memory. `node dist/fold/count-lines.bench.js [LINES]`.
 */

import { compileLogFormat } from '../collect/log-format.js';
import { defaultKeyOptions, parseKeySpecs } from './hit-keys.js';
import { LineCounter } from './line-counter.js';

/** Runs the kernel over `lines` lines, `rounds` times; answers the lines counted and prints the rate. */
export function bench(lines: number, rounds: number, print: (text: string) => void): number {
  let state = 5;
  const random = (): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
  const texts: string[] = [];
  for (let index = 0; index < lines; index++) {
    const item = Math.floor(100_000 ** random());
    texts.push(
      `10.0.${item % 256}.1 - - [20/Oct/2026:10:00:00 +0000] "GET /item/${item}?q=word+${item % 999} HTTP/1.1" 200 ${item} "-" "Mozilla/5.0 (X11)"\n`,
    );
  }
  const bytes = Buffer.from(texts.join(''));
  const counter = new LineCounter(parseKeySpecs('url,keyword'), defaultKeyOptions, 64 << 20);
  counter.setProgram(compileLogFormat('combined'));
  counter.setPeriod(0, Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY);
  counter.input.set(bytes);
  for (let round = 0; round < rounds; round++) {
    const start = performance.now();
    counter.scan(0, bytes.length);
    const seconds = (performance.now() - start) / 1000;
    print(`${Math.round(lines / seconds).toLocaleString('en')} lines/s, ${Math.round(bytes.length / seconds / 1e6)} MB/s\n`);
  }
  return counter.lines;
}

if (process.argv[1]?.endsWith('count-lines.bench.js') === true)
  bench(Number(process.argv[2] ?? 60_000), 8, (text) => process.stdout.write(text));
