// Flows in a store answer as the files that they were loaded from: every format, every report, and the capture to the byte. A load that is broken off, killed or
// repeated counts each flow once; flows expire by arrival.
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, truncateSync, watch, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { openLmdbStore } from '../dist/keep/lmdb.js';
import { runWords } from '../dist/shell/main.js';
import { writeNfcapd } from './nfcapd-files.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const bin = join(root, 'bin', 'weir');
const folder = mkdtempSync(join(tmpdir(), 'weir-flow-store-'));
after(() => rmSync(folder, { recursive: true, force: true }));
const arrived = 1_795_392_000;

/** Runs a command in this process; what it would write to a file is its answer, if it writes one. */
async function weir(...words) {
  const said = { stdout: [], stderr: [] };
  const world = {
    stdin: Readable.from([]),
    stdout: { write: (text) => said.stdout.push(text) > 0, once: () => {}, on: () => {} },
    stderr: { write: (text) => said.stderr.push(text) > 0 },
    isTerminal: { stdout: false, stderr: false },
    env: {},
    now: () => arrived * 1000,
    monotonicMs: () => 0,
    signal: new AbortController().signal,
  };
  const code = await runWords(words, world);
  return { code, stdout: said.stdout.join(''), stderr: said.stderr.join('') };
}

let outputs = 0;
/** What a command writes, and its exit code. */
async function written(...words) {
  const path = join(folder, `output-${outputs++}`);
  const { code, stderr } = await weir(...words, '-o', path);
  assert.ok(code < 2, `${words.join(' ')}: ${stderr}`);
  const bytes = readFileSync(path);
  rmSync(path);
  return bytes;
}

let stores = 0;
async function storeOf(files, ...options) {
  const store = join(folder, `store-${stores++}`);
  const { code, stderr } = await weir('load', ...files, '--data', store, '--now', String(arrived), ...options);
  return { store, code, stderr };
}

const withoutRejects = (text) => text.replaceAll(/"rejected":\{[^}]*\}/g, '');

const zeek = [
  '#separator \\x09',
  '#set_separator\t,',
  '#empty_field\t(empty)',
  '#unset_field\t-',
  '#path\tconn',
  '#fields\tts\tuid\tid.orig_h\tid.orig_p\tid.resp_h\tid.resp_p\tproto\tservice\tduration\torig_bytes\tresp_bytes\tconn_state\tlocal_orig\tlocal_resp\tmissed_bytes\thistory\torig_pkts\torig_ip_bytes\tresp_pkts\tresp_ip_bytes',
  ...Array.from(
    { length: 50 },
    (_, index) =>
      `17953920${10 + index}.12345${index % 10}\tC${index}\t192.0.2.${index}\t${1000 + index}\t198.51.100.7\t53\tudp\tdns\t${index % 7 === 0 ? '-' : `0.0${index}`}\t60\t120\tSF\t-\t-\t0\tDd\t1\t${88 + index}\t1\t148`,
  ),
  '',
].join('\n');
const vpc = Array.from(
  { length: 40 },
  (_, index) =>
    `2 123456789012 eni-1 192.0.2.${index} 203.0.113.5 ${2000 + index} 443 6 ${1 + index} ${100 + 60 * index} ${arrived + index} ${arrived + index + 9} ACCEPT OK\n`,
).join('');

const kinds = /^(v1-(android|vendor|zeek)|v2-(android|vendor|whatsapp)|.*\.csv$)/;

async function inputs() {
  const listed = [
    ...['nfcapd', 'nfdump-csv', 'flow-csv'].flatMap((name) => {
      const at = join(root, 'test', 'data', name);
      return readdirSync(at).flatMap((file) => (/\.(nfcapd|csv)$/.test(file) && kinds.test(file) ? [join(at, file)] : []));
    }),
    ...['flows.csv', 'flows.csv.gz', 'flows.nfcapd', 'nfdump.csv', 'weir.csv'].map((name) => join(root, 'samples', name)),
  ].sort();
  const made = { 'conn.log': zeek, 'vpc.log': vpc, 'conn.log.gz': gzipSync(zeek.replaceAll('192.0.2.', '192.0.3.')) };
  for (const [name, content] of Object.entries(made)) writeFileSync(join(folder, name), content);
  writeFileSync(
    join(folder, 'flows.json'),
    await written('flows', join(root, 'test/data/nfcapd/v2-vendor-datagrams-none.nfcapd'), '--format', 'json'),
  );
  return [...listed, ...Object.keys(made).map((name) => join(folder, name)), join(folder, 'flows.json')];
}

const questions = [
  ['flows', '--format', 'csv'],
  ['flows', '--format', 'json'],
  ['flows', '--format', 'nfcapd'],
  ['flows', '--filter', 'proto udp or packets > 3', '--format', 'fmt:%ts %td %pr %sap %dap %flg %pkt %byt %nextas'],
  ['flows', '--from', '2018-01-01T00:00:00Z', '--to', '2026-11-23T09:00:10.5Z', '--format', 'csv'],
  ['flows', '-t', '2016/01/01-2026/11/24', '-c', '77', '--format', 'csv'],
  ['flows', '--sort', 'bytes', '--format', 'csv'],
  ['flows', '--filter', 'any', '--stat'],
  ['flows', '--top', 'ip/bytes', '--top', 'record/packets', '--top', 'as/flows', '--format', 'csv'],
  ['flows', '--aggregate', 'srcip4/24,proto', '--format', 'json'],
  ['flows', '--bidirectional', '--format', 'csv'],
  ['packets', '--format', 'pcap', '--nano', '--snaplen', 'headers'],
];

async function sameAnswers(words, store, what) {
  for (const question of questions) {
    const [ofFiles, ofStore] = [
      await written(...question.slice(0, 1), ...words, ...question.slice(1)),
      await written(question[0], store, ...question.slice(1)),
    ];
    assert.ok(ofFiles.equals(ofStore), `${what}: ${question.join(' ')}: ${ofFiles.length} bytes of files, ${ofStore.length} of the store`);
  }
  for (const question of [
    ['flows', '--filter', 'any', '--count'],
    ['profile', '--json', '--by-file', '--group', 'proto', '--per', 'hour'],
    ['profile', '--json', '--by', 'duration'],
  ]) {
    const [ofFiles, ofStore] = [
      await weir(question[0], ...words, ...question.slice(1)),
      await weir(question[0], store, ...question.slice(1)),
    ];
    assert.equal(withoutRejects(ofStore.stdout), withoutRejects(ofFiles.stdout), `${what}: ${question.join(' ')}`);
    assert.notEqual(ofStore.stdout, '');
  }
}

test('each format answers from the store as from its file', async () => {
  for (const file of await inputs()) {
    const { store, stderr } = await storeOf([file]);
    assert.match(stderr, / \d+ flows/);
    await sameAnswers([file], store, file.replace(root, ''));
    rmSync(store, { recursive: true });
  }
});

test('several files answer together, in the order in which they were loaded, and beside other files', async () => {
  const files = ['samples/flows.nfcapd', 'test/data/nfcapd/v2-wechat-none.nfcapd', 'samples/flows.csv'].map((file) => join(root, file));
  const { store } = await storeOf(files);
  await sameAnswers(files, store, 'together');
  const [one, two] = [files.slice(0, 2), files.slice(2)];
  const { store: first } = await storeOf(one);
  for (const format of ['csv', 'json']) {
    const [ofFiles, ofBoth] = [
      await written('flows', ...files, '--format', format),
      await written('flows', first, ...two, '--format', format),
    ];
    assert.ok(ofFiles.equals(ofBoth), format);
  }
  // Numbers go on from the store's: packets say which flow they are of.
  const schedules = [files, [store], [first, ...two]].map((words) => written('packets', ...words, '--format', 'csv'));
  const [ofFiles, ...others] = await Promise.all(schedules);
  for (const other of others) assert.ok(other.equals(ofFiles));
  assert.equal((await weir('flows', '--data', store, '--count')).stdout, (await weir('flows', store, '--count')).stdout);
});

test('what is asked without flows, or of a folder that holds none, is said', async () => {
  for (const command of ['flows', 'profile', 'packets']) {
    const output = command === 'profile' ? [] : ['-o', join(folder, 'none')];
    const none = await weir(command, ...output);
    assert.deepEqual([none.code, /--data DIR/.test(none.stderr)], [2, true], none.stderr);
    const missing = await weir(command, '--data', join(folder, 'nowhere'), ...output);
    assert.deepEqual([missing.code, /there is no store here/.test(missing.stderr)], [1, true], missing.stderr);
  }
  const empty = join(folder, 'empty');
  assert.equal((await weir('store', 'init', '--data', empty)).code, 0);
  const { code, stderr } = await weir('flows', '--data', empty, '--count');
  assert.deepEqual([code, /a store without flows/.test(stderr)], [1, true], stderr);
});

test('a file that is loaded again counts once, by whatever name; rejects are counted and shown', async () => {
  const broken = join(root, 'test/data/flow-csv/broken-rows-a.csv');
  const direct = JSON.parse((await weir('flows', broken, '--count')).stdout);
  const { store, code, stderr } = await storeOf([broken]);
  assert.equal(code, 0);
  const causes = Object.entries(direct.rejected).map(([cause, count]) => `${cause} ${count}`);
  for (const cause of causes) assert.ok(stderr.includes(cause), `${cause} in ${stderr}`);
  const copy = join(folder, 'copy.csv');
  cpSync(broken, copy);
  const again = await weir('load', copy, broken, '--data', store);
  assert.match(again.stderr, new RegExp(`copy.csv: 0 flows, ${direct.flows} loaded before, counted once`));
  assert.equal(JSON.parse((await weir('flows', store, '--count')).stdout).flows, direct.flows);
});

// As many flows as make several batches.
function largeFile() {
  const path = join(folder, 'large.nfcapd');
  writeNfcapd(path, { flows: 600_000, startMs: arrived * 1000, seed: 5 });
  return path;
}
let large;
const countOf = async (store) => JSON.parse((await weir('flows', store, '--cores', '1', '--count')).stdout).flows;

test('a load that is killed goes on where it stood, and a cut file keeps what came before', async () => {
  large ??= largeFile();
  const store = join(folder, 'killed');
  mkdirSync(store);
  const words = ['load', large, '--data', store, '--now', String(arrived)];
  for (let kill = 0; kill < 3; kill++) {
    const child = spawn(process.execPath, [bin, ...words], { stdio: 'ignore' });
    const closed = once(child, 'close');
    // Killed as soon as it has written some megabytes more.
    const size = () => statSync(join(store, 'store.mdb'), { throwIfNoEntry: false })?.size ?? 0;
    const before = size();
    const watcher = watch(store, () => {
      if (size() > before + (kill << 20)) child.kill('SIGKILL');
    });
    await closed;
    watcher.close();
    // Another process: in this one, a store that was killed before it was one would be remembered as such.
    const { stdout } = spawnSync(process.execPath, [bin, 'flows', store, '--cores', '1', '--count'], { encoding: 'utf8' });
    const flows = stdout === '' ? 0 : JSON.parse(stdout).flows;
    assert.ok(flows <= 600_000 && (flows % 16_384 === 0 || flows === 600_000), `${flows} flows after kill ${kill}`);
  }
  const last = await weir(...words);
  assert.equal(last.code, 0, last.stderr);
  assert.equal(await countOf(store), 600_000);
  const figures = async (...of) => await written('flows', ...of, '--filter', 'any', '--stat', '--cores', '1');
  assert.ok((await figures(store)).equals(await figures(large)));
  const window = ['--from', '2026-11-23T00:02:00Z', '--to', '2026-11-23T00:02:01Z', '--format', 'csv'];
  assert.ok((await written('flows', store, ...window)).equals(await written('flows', large, ...window)));
  // Two cores take a part each.
  assert.ok(
    (await written('flows', store, '--cores', '2', '--top', 'ip/bytes')).equals(
      await written('flows', large, '--cores', '1', '--top', 'ip/bytes'),
    ),
  );
  const cut = join(folder, 'cut.nfcapd');
  cpSync(large, cut);
  truncateSync(cut, 10_000_000);
  const { code, stderr, store: second } = await storeOf([cut]);
  assert.deepEqual([code, /cut.nfcapd@.*what came before is used/.test(stderr)], [1, true], stderr);
  assert.equal(await countOf(second), await countOf(cut));
});

test('a disk that is full is said; what was durable stays, and the load goes on when there is room', {
  skip: spawnSync('prlimit', ['--version']).status !== 0 && process.env.CI !== 'true' && 'prlimit is not installed',
}, async () => {
  large ??= largeFile();
  const store = join(folder, 'full');
  const words = ['load', large, '--data', store, '--now', String(arrived)];
  const full = spawnSync('prlimit', [`--fsize=${16 << 20}:`, process.execPath, bin, ...words], { encoding: 'utf8' });
  assert.deepEqual([full.status, /cannot be written|size limit/.test(full.stderr)], [1, true], full.stderr);
  const kept = await countOf(store);
  assert.ok(kept > 0 && kept < 600_000 && kept % 16_384 === 0, `${kept} flows`);
  assert.equal((await weir(...words)).code, 0);
  assert.equal(await countOf(store), 600_000);
});

test('a store that is cut short is said to be damaged', async () => {
  const { store } = await storeOf([join(root, 'samples/flows.csv')]);
  truncateSync(join(store, 'store.mdb'), 20_000);
  const { code, stderr } = await weir('flows', store, '--count');
  assert.deepEqual([code, /cut off/.test(stderr)], [1, true], stderr);
});

test('flows expire by arrival, by the days of the configuration', async () => {
  const configuration = join(folder, 'weir.toml');
  writeFileSync(configuration, '[flows]\nkeepDays = 10\n');
  const store = join(folder, 'expiring');
  const day = 86_400;
  const files = ['samples/flows.csv', 'samples/flows.nfcapd'].map((file) => join(root, file));
  for (const [index, file] of files.entries())
    assert.equal(
      (await weir('load', file, '--data', store, '--now', String(arrived + index * 5 * day), '--config', configuration)).code,
      0,
    );
  const both = await countOf(store);
  assert.equal((await weir('store', 'compact', '--data', store, '--now', String(arrived + 10 * day), '--config', configuration)).code, 0);
  assert.equal(await countOf(store), both);
  assert.equal(
    (await weir('store', 'compact', '--data', store, '--now', String(arrived + 10 * day + 1), '--config', configuration)).code,
    0,
  );
  assert.ok((await written('flows', store, '--format', 'json')).equals(await written('flows', files[1], '--format', 'json')));
  const held = await openLmdbStore({ folder: store, readOnly: true, ladderOf: () => [] });
  assert.equal(held.flowTotals().rows, await countOf(store));
  await held.close();
});
