// Do the sizes at which others page show in Weir's takes? One daemon, one reader over one connection and nothing else beside them; sizes near the borders 200 and 1,000 in random order, again and again. For the median and
// the 99th percentile of each border size: how far off the line through its neighbours, in standard errors (bootstrap, seeded); and the change-point test of `weir probe take` on both curves.
// `npm run bench -- borders` (a word: how many times each size, 1,200).
import { mkdtempSync, rmSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { cpus, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { findSteps } from '../dist/query/step-test.js';
import { startDaemon } from '../test/serve/daemon.mjs';

const groups = [
  [150, 155, 160, 165, 170, 175, 180, 185, 190, 195, 199, 200, 201, 205, 210, 215, 220, 225, 230, 235, 240, 245, 250],
  [900, 910, 920, 930, 940, 950, 960, 970, 980, 990, 999, 1000, 1001, 1010, 1020, 1030, 1040, 1050, 1060, 1070, 1080, 1090, 1100],
];
const borders = new Set([199, 200, 201, 999, 1000, 1001]);
const rowCount = 2000;
const times = Number(process.argv[2] ?? 1200);
const bootstraps = 200;
const say = (text) => process.stdout.write(`${text}\n`);
const random = generator(1);
const mean = (list) => list.reduce((sum, one) => sum + one, 0) / list.length;
const at = (share) => (sorted) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];

const folder = mkdtempSync(join(tmpdir(), 'weir-borders-bench-'));
const daemon = await startDaemon({ folder, words: ['--only', 'http'] });
try {
  const lines = Array.from({ length: rowCount }, (_, index) =>
    JSON.stringify({
      table: 'messages',
      partition: 'user',
      row: `m${String(index).padStart(9, '0')}`,
      text: 'a message of usual length, as messages go',
    }),
  );
  await fetch(`${daemon.url}/ingest/records`, { method: 'POST', body: lines.join('\n') });
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const read = reader(daemon.url, agent);
  for (let warm = 0; warm < 2000; warm++) await read(groups[warm % 2][warm % 23]);
  say(`${cpus().length} x ${cpus()[0]?.model}, load ${loadavg()[0].toFixed(1)}, each size ${times} times`);
  for (const sizes of groups) {
    const found = new Map(sizes.map((n) => [n, []]));
    for (const n of shuffled(Array.from({ length: times }, () => sizes).flat())) {
      const begin = performance.now();
      await read(n);
      found.get(n).push((performance.now() - begin) * 1000);
    }
    report(sizes, found);
  }
  agent.destroy();
} finally {
  await daemon.stop();
  rmSync(folder, { recursive: true, force: true });
}

function report(sizes, found) {
  for (const [title, figure] of [
    ['median', at(0.5)],
    ['p99', at(0.99)],
  ]) {
    const sorted = new Map([...found].map(([n, list]) => [n, Float64Array.from(list).sort()]));
    const values = new Map([...sorted].map(([n, list]) => [n, figure(list)]));
    const off = offLine(sizes, values);
    // How far each border size strays by chance: every size drawn anew from its own times.
    const drawn = Array.from({ length: bootstraps }, () =>
      offLine(sizes, new Map([...sorted].map(([n, list]) => [n, figure(redrawn(list))]))),
    );
    const errors = [...borders]
      .filter((n) => sizes.includes(n))
      .map((n) => {
        const own = drawn.map((one) => one.get(n));
        const centre = mean(own);
        return [n, off.get(n), Math.sqrt(mean(own.map((one) => (one - centre) ** 2)))];
      });
    say(
      `${title}, us off the line through the neighbours (standard error): ${errors.map(([n, value, error]) => `${n}: ${value.toFixed(1)} (${error.toFixed(1)}, ${(value / error).toFixed(1)} of it)`).join('; ')}`,
    );
    const { slope, intercept, steps } = findSteps(
      sizes,
      sizes.map((n) => values.get(n)),
    );
    say(
      `  the line: ${intercept.toFixed(0)} us + ${slope.toFixed(2)} us a record; ${steps.length === 0 ? 'no step' : steps.map(({ n, size, confidence }) => `a step of ${size.toFixed(1)} us at ${n} (${(confidence * 100).toFixed(1)} %)`).join(', ')}`,
    );
  }
}

// Border sizes against a line by least squares through all others.
function offLine(sizes, values) {
  const outer = sizes.filter((n) => !borders.has(n));
  const [centre, height] = [mean(outer), mean(outer.map((n) => values.get(n)))];
  const slope = outer.reduce((sum, n) => sum + (n - centre) * values.get(n), 0) / outer.reduce((sum, n) => sum + (n - centre) ** 2, 0);
  return new Map(sizes.filter((n) => borders.has(n)).map((n) => [n, values.get(n) - height - slope * (n - centre)]));
}

function redrawn(sorted) {
  const list = new Float64Array(sorted.length);
  for (let index = 0; index < list.length; index++) list[index] = sorted[Math.floor(random() * list.length)];
  return list.sort();
}

function reader(url, agent) {
  return (n) =>
    new Promise((resolve, reject) => {
      request(`${url}/api/take?table=messages&partition=user&n=${n}`, { agent }, (response) => {
        response.resume();
        response.on('end', resolve);
      })
        .on('error', reject)
        .end();
    });
}

function shuffled(list) {
  for (let index = list.length - 1; index > 0; index--) {
    const other = Math.floor(random() * (index + 1));
    [list[index], list[other]] = [list[other], list[index]];
  }
  return list;
}

// mulberry32
function generator(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
