// A span of five-minute nfcapd files in the folders that nfcapd makes (-S 1), profiled in one pass beside nfdump and awk: a day in the tests, the
// month of 8,640 files in the nightly run. What both count is equal in every bin, for packets and for bytes; days, files and saved halves sum to the whole; memory is bounded.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { writeNfcapd } from './nfcapd-files.mjs';

const main = fileURLToPath(new URL('../dist/shell/main.js', import.meta.url));
const program = fileURLToPath(new URL('../bin/weir', import.meta.url));
const memoryKbMax = 300 * 1024;
const stepMs = 300_000;

/** Makes `files` files of `flowsEach` flows and compares; asserts all of it. */
export function assertMonth(t, files, flowsEach) {
  const folder = mkdtempSync(join(tmpdir(), 'weir-month-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const flows = join(folder, 'flows');
  const begin = Date.UTC(2026, 10, 1);
  const days = new Set();
  for (let index = 0; index < files; index += 1) {
    const startMs = begin + index * stepMs;
    const digits = new Date(startMs).toISOString().slice(0, 16).replaceAll(/\D/g, '');
    const day = join(flows, digits.slice(0, 4), digits.slice(4, 6), digits.slice(6, 8));
    if (!days.has(day)) mkdirSync(day, { recursive: true });
    days.add(day);
    writeNfcapd(join(day, `nfcapd.${digits}`), { flows: flowsEach, startMs, seed: index + 1 });
  }
  for (const [by, field] of [
    ['packets', '%pkt'],
    ['bytes', '%byt'],
  ]) {
    const [whole] = jsonOf('--by', by, flows);
    assert.equal(whole.flows, files * flowsEach);
    const peer = peerCounts(flows, field);
    for (const { from, to, flows: count } of whole.bins) {
      const expected = peer.reduce((sum, [value, number]) => sum + (value >= from && value <= (to ?? Infinity) ? number : 0), 0);
      assert.equal(count, expected, `${by} ${from}-${to}`);
    }
  }
  // Files are closed as they are done: many more of them than may be open.
  const few = spawnSync('sh', ['-c', `ulimit -n 100 && exec '${process.execPath}' '${program}' flows --count '${flows}'`], {
    encoding: 'utf8',
  });
  assert.equal(JSON.parse(few.stdout).flows, files * flowsEach, few.stderr);
  const whole = join(folder, 'whole.json');
  assert.equal(weir('--save', whole, flows).status, 0);
  const [total] = jsonOf(flows);
  const perDay = jsonOf('--per', 'day', flows);
  assert.equal(perDay.length, days.size);
  assert.deepEqual(summed(perDay), summed([total]));
  assert.deepEqual(summed(jsonOf('--by-file', flows)), summed([total]));
  assert.deepEqual(summed(jsonOf('--per', '5m', '--spread', flows)), summed([total]));
  const saved = [...days].map((day, index) => {
    const file = join(folder, `day${index}.json`);
    assert.equal(weir('--save', file, day).status, 0);
    return file;
  });
  const again = join(folder, 'again.json');
  assert.equal(weir('--save', again, ...saved.reverse().flatMap((file) => ['--add', file])).status, 0);
  assert.deepEqual(readFileSync(again), readFileSync(whole));
}

// Weir, and its peak memory said after its own words on standard error.
function weir(...words) {
  const script = `import(${JSON.stringify(main)}).then(({ main }) => main(${JSON.stringify(['profile', ...words])})).then(() => process.stderr.write('\\n' + process.resourceUsage().maxRSS))`;
  const { stdout, stderr, status } = spawnSync(process.execPath, ['-e', script], { encoding: 'utf8', maxBuffer: 1 << 28 });
  const memoryKb = Number(stderr.split('\n').at(-1));
  assert.ok(memoryKb > 0 && memoryKb < memoryKbMax, `${words.join(' ')}: ${stderr}`);
  return { stdout, stderr, status };
}

function jsonOf(...words) {
  const { stdout, stderr, status } = weir('--json', ...words);
  assert.equal(status, 0, stderr);
  return stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
}

function summed(answers) {
  const [first] = answers;
  return first.bins.map((_, index) =>
    ['flows', 'packets', 'bytes'].map((name) => answers.reduce((sum, { bins }) => sum + bins[index][name], 0)),
  );
}

// Values and how many flows have them, by nfdump and awk.
function peerCounts(folder, field) {
  const script = `nfdump -R '${folder}' -q -N -o fmt:${field} | awk '{n[$1]++} END {for (v in n) print v, n[v]}'`;
  const { stdout, stderr, status } = spawnSync('sh', ['-c', script], { encoding: 'utf8', maxBuffer: 1 << 28 });
  assert.equal(status, 0, stderr);
  return stdout
    .trim()
    .split('\n')
    .map((line) => line.split(' ').map(Number));
}
