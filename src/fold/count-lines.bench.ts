/**
 * Lines a second of the counting kernel alone: URL and keyword, Zipf-like, from memory. `node dist/fold/count-lines.bench.js [LINES] [KIND]`.
 */

import { Usage } from '../base/faults.js';
import { openLogReader } from '../collect/log-formats.js';
import { defaultKeyOptions, parseKeySpecs } from './hit-keys.js';
import { LineCounter } from './line-counter.js';

const agent = 'Mozilla/5.0 (X11)';
const combined = (item: number): string =>
  `10.0.${item % 256}.1 - - [20/Oct/2026:10:00:00 +0000] "GET /item/${item}?q=word+${item % 999} HTTP/1.1" 200 ${item} "-" "${agent}"`;
const json = (item: number): string =>
  `{"time":"2026-10-20T10:00:00.5Z","remote_addr":"10.0.${item % 256}.1","request_uri":"/item/${item}?q=word+${item % 999}","status":200,"body_bytes_sent":${item},"http_user_agent":"${agent}"}`;

/** Lines of each kind, and the format where the kind is not told by them. */
const kinds: Readonly<Record<string, { readonly line: (item: number) => string; readonly format?: string }>> = {
  combined: { line: combined },
  json: { line: json },
  syslog: { line: (item) => `<190>Oct 20 10:00:00 web1 nginx: ${combined(item)}` },
  format: {
    line: (item) => `2026-10-20T10:00:00+00:00 GET /item/${item}?q=word+${item % 999} 200 ${item} "${agent}"`,
    format: '$time_iso8601 $request_method $request_uri $status $body_bytes_sent "$http_user_agent"',
  },
};

/** Names of the kinds. */
export const benchKinds: readonly string[] = Object.keys(kinds);

/** Runs the kernel over `lines` lines, `rounds` times; answers the lines counted and prints the rate. */
export function bench(lines: number, rounds: number, print: (text: string) => void, kind = 'combined'): number {
  let state = 5;
  const random = (): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
  const texts: string[] = [];
  for (let index = 0; index < lines; index++) {
    const item = Math.floor(100_000 ** random());
    texts.push(`${kinds[kind]?.line(item) ?? ''}\n`);
  }
  const bytes = Buffer.from(texts.join(''));
  const counter = new LineCounter(parseKeySpecs('url,keyword'), defaultKeyOptions, 64 << 20);
  counter.setPlan(
    openLogReader(
      texts.slice(0, 50).map((text) => text.trimEnd()),
      { format: kinds[kind]?.format, nowMs: 0 },
    ).plan ?? none(),
  );
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
  bench(Number(process.argv[2] ?? 60_000), 8, (text) => process.stdout.write(text), process.argv[3]);

function none(): never {
  throw new Usage(`expected a kind: ${benchKinds.join(', ')}`);
}
