// weir profile as a person runs it: nfdump and awk beside it on the same files, a month as the sum of its days and files, saved counts.
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { hasProgram } from '../build/peers.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const weir = (...words) =>
  spawnSync(process.execPath, [join(root, 'bin/weir'), 'profile', ...words], { encoding: 'utf8', maxBuffer: 1 << 28 });
const jsonOf = (...words) => {
  const { stdout, stderr, status } = weir('--json', ...words);
  assert.equal(status, 0, stderr);
  return stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
};
const folderFor = (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'weir-profile-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
};
const skip = hasProgram('nfdump') || process.env.CI === 'true' ? false : 'nfdump is missing';
const captures = [join(root, 'test/data/nfcapd'), join(root, '../shared/data/nfcapd')];

// Flows by packets a flow, by nfdump and awk; undefined where this nfdump cannot read the file.
function peerCounts(file) {
  const { stdout, status } = spawnSync('nfdump', ['-r', file, '-q', '-N', '-o', 'fmt:%pkt'], { encoding: 'utf8', maxBuffer: 1 << 28 });
  if (status !== 0) return undefined;
  const counts = new Map();
  for (const line of stdout.split('\n')) if (/^\s*\d+\s*$/.test(line)) counts.set(Number(line), (counts.get(Number(line)) ?? 0) + 1);
  return counts;
}

test('the same bins as nfdump and awk give on the same files', { skip }, () => {
  let compared = 0;
  for (const folder of captures) {
    let files = [];
    try {
      files = readdirSync(folder).filter((name) => name.endsWith('.nfcapd'));
    } catch {
      continue;
    }
    for (const name of files) {
      const peer = peerCounts(join(folder, name));
      const { stdout } = weir('--json', join(folder, name));
      const [line] = stdout.trim().split('\n');
      const mine = JSON.parse(line);
      const rejected = Object.values(mine.rejected).reduce((sum, count) => sum + count, 0);
      if (peer === undefined || peer.size === 0 || rejected > 0) continue;
      for (const { from, to, flows } of mine.bins) {
        let expected = 0;
        for (const [packets, count] of peer) if (packets >= from && packets <= (to ?? Infinity)) expected += count;
        assert.equal(flows, expected, `${name}: ${from}-${to}`);
      }
      compared += 1;
    }
  }
  assert.ok(compared >= 3, `only ${compared} files compared`);
});

test('the percentages as printed sum to 100, in JSON, CSV and the table', () => {
  const [answer] = jsonOf(join(root, 'samples/flows.csv'));
  for (const name of ['flowsPercent', 'packetsPercent', 'bytesPercent']) {
    assert.equal(
      answer.bins.reduce((sum, bin) => sum + Math.round(bin[name] * 100), 0),
      10_000,
    );
  }
  assert.equal(
    answer.bins.reduce((sum, bin) => sum + bin.flows, 0),
    answer.flows,
  );
  const table = weir(join(root, 'samples/flows.csv')).stdout.trim().split('\n').slice(1, -1);
  for (const column of [2, 4, 6]) {
    assert.equal(Math.round(table.reduce((sum, line) => sum + Number(line.trim().split(/\s+/)[column]), 0) * 10), 1000);
  }
  const csv = weir('--csv', join(root, 'samples/flows.csv')).stdout.trim().split('\n');
  assert.equal(csv[0], 'from,to,flows,packets,bytes,flows_percent,packets_percent,bytes_percent');
  assert.equal(csv.length, answer.bins.length + 1);
});

// Files of five minutes each, as nfdump users keep them; flows that last over the border too.
function makeFiles(folder, count) {
  let state = 7;
  const random = (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
  const header = 'first,last,src,dst,sport,dport,proto,flags,tos,packets,bytes,in_if,out_if,src_as,dst_as';
  const begin = Date.UTC(2026, 9, 24) / 1000;
  for (let file = 0; file < count; file += 1) {
    const rows = Array.from({ length: 12 }, () => {
      const first = begin + file * 300 + random(300);
      const packets = 1 + random(random(4) === 0 ? 3000 : 6);
      return `${first}.5,${first + random(900)}.75,10.0.0.${random(250)},10.0.1.1,${random(60000)},${[80, 443, 53][random(3)]},${[6, 17][random(2)]},24,0,${packets},${packets * (60 + random(900))},1,2,0,0`;
    });
    writeFileSync(
      join(folder, `flows.${new Date((begin + file * 300) * 1000).toISOString().slice(0, 16).replaceAll(/\D/g, '')}.csv`),
      `${header}\n${rows.join('\n')}\n`,
    );
  }
}

test('a span of days is the sum of its days, of its files, and of what was saved, over a change of clocks', (t) => {
  const folder = folderFor(t);
  const flows = join(folder, 'flows');
  mkdirSync(flows);
  makeFiles(flows, 3 * 288);
  const [whole] = jsonOf(flows);
  assert.equal(whole.flows, 3 * 288 * 12);
  const sum = (answers) =>
    whole.bins.map((_, index) => answers.reduce((total, { bins }) => total + bins[index].flows * 1e6 + bins[index].packets, 0));
  const days = jsonOf(flows, '--per', 'day', '--tz', 'Europe/London');
  assert.deepEqual(
    days.map(({ start }) => start),
    ['2026-10-23T23:00:00.000Z', '2026-10-24T23:00:00.000Z', '2026-10-26T00:00:00.000Z'],
  );
  assert.deepEqual(sum(days), sum([whole]));
  const files = jsonOf(flows, '--by-file');
  assert.equal(files.length, 3 * 288);
  assert.deepEqual(sum(files), sum([whole]));
  const spread = jsonOf(flows, '--per', 'hour', '--spread');
  assert.deepEqual(sum(spread), sum([whole]));
  const groups = jsonOf(flows, '--group', 'proto,dstport');
  assert.deepEqual(
    groups.map(({ group }) => group),
    [6, 17].flatMap((proto) => [53, 80, 443].map((dstport) => ({ proto, dstport }))),
  );
  assert.deepEqual(sum(groups), sum([whole]));

  const names = readdirSync(flows).sort();
  const parts = [names.slice(0, 100), names.slice(100, 800), names.slice(800)].map((part, index) => {
    const saved = join(folder, `part${index}.json`);
    assert.equal(weir('--save', saved, ...part.map((name) => join(flows, name))).status, 0);
    return saved;
  });
  const all = join(folder, 'all.json');
  assert.equal(weir('--save', all, flows).status, 0);
  for (const order of [
    [0, 1, 2],
    [2, 0, 1],
  ]) {
    const again = join(folder, 'again.json');
    assert.equal(weir('--save', again, ...order.flatMap((index) => ['--add', parts[index]])).status, 0);
    assert.deepEqual(readFileSync(again), readFileSync(all));
  }
  const last = join(folder, 'last.json');
  assert.equal(weir('--save', last, '--add', parts[1], '--add', parts[0], ...names.slice(800).map((name) => join(flows, name))).status, 0);
  assert.deepEqual(readFileSync(last), readFileSync(all));

  const other = weir('--bins', '1,2-', '--add', parts[0], flows);
  assert.equal(other.status, 1);
  assert.match(
    other.stderr,
    /part0\.json: profiles that differ do not merge: this one is of bins packets 1,2,3,.*the other of bins packets 1,2-\n$/,
  );
});

test('the filter, the window, rejects and wrong usage', (t) => {
  const folder = folderFor(t);
  const file = join(root, 'samples/flows.csv');
  const count = (...words) =>
    JSON.parse(execFileSync(process.execPath, [join(root, 'bin/weir'), 'flows', '--count', file, ...words], { encoding: 'utf8' }));
  assert.equal(jsonOf(file, '--filter', 'proto udp')[0].flows, count('--filter', 'proto udp').flows);
  writeFileSync(join(folder, 'broken.csv'), `${readFileSync(file, 'utf8').split('\n').slice(0, 20).join('\n')}\nrubbish\n`);
  const [broken] = jsonOf(join(folder, 'broken.csv'));
  assert.equal(
    Object.values(broken.rejected).reduce((sum, value) => sum + value, 0),
    1,
  );
  assert.equal(weir('--strict', join(folder, 'broken.csv')).status, 1);
  for (const words of [[], ['--bins', '1,3', file], ['--by', 'colour', file], ['--group', 'colour', file], ['--spread', file]]) {
    assert.equal(weir(...words).status, 2, words.join(' '));
  }
  const outside = jsonOf(file, '--bins', '2-5');
  assert.deepEqual(outside[0].outside.flows + outside[0].flows, count().flows);
});

test('pictures: SVG as reviewed, PNG of the same size', (t) => {
  const folder = folderFor(t);
  const golden = join(root, 'test/golden/profile');
  const pictures = {
    'packets.svg': [],
    'bytes-by-proto-log.svg': ['--by', 'bytes', '--group', 'proto', '--log', '--title', 'Bytes & <protocols>'],
  };
  for (const [name, words] of Object.entries(pictures)) {
    const [svg, png] = [join(folder, name), join(folder, 'p.png')];
    const { status, stderr } = weir(...words, '--svg', svg, '--png', png, join(root, 'samples/flows.csv'));
    assert.equal(status, 0, stderr);
    const text = readFileSync(svg, 'utf8');
    if (process.env.WEIR_UPDATE === '1') {
      mkdirSync(golden, { recursive: true });
      writeFileSync(join(golden, name), text);
    }
    assert.equal(text, readFileSync(join(golden, name), 'utf8'));
    const bytes = readFileSync(png);
    assert.equal(bytes.subarray(1, 4).toString(), 'PNG');
    const [, width, height] = /width="(\d+)" height="(\d+)"/.exec(text);
    assert.deepEqual([bytes.readUInt32BE(16), bytes.readUInt32BE(20)], [Number(width), Number(height)]);
  }
});

test('one core or many, the same counts', (t) => {
  const folder = folderFor(t);
  const sample = readFileSync(join(root, 'samples/flows.csv'), 'utf8');
  const [header, ...rows] = sample.trimEnd().split('\n');
  const large = `${header}\n${rows.join('\n').concat('\n').repeat(700)}`;
  for (const name of ['a.csv', 'b.csv', 'c.csv']) writeFileSync(join(folder, name), `${large}${name === 'b.csv' ? 'rubbish\n' : ''}`);
  const one = weir('--json', '--by-file', '--cores', '1', '--filter', 'proto tcp', folder);
  const two = weir('--json', '--by-file', '--cores', '2', '--filter', 'proto tcp', folder);
  assert.equal(one.status, 0);
  assert.equal(two.stdout, one.stdout);
  assert.deepEqual(two.stderr.trim().split('\n').sort(), one.stderr.trim().split('\n').sort());
  assert.ok(one.stderr.includes(`b.csv:${large.split('\n').length}: columns`), one.stderr);
});

test('no flows: an empty table with its sums, and percentages of 0', (t) => {
  const file = join(folderFor(t), 'none.csv');
  writeFileSync(file, 'first,last,src,dst,sport,dport,proto,flags,tos,packets,bytes\n');
  const { stdout, status } = weir(file);
  assert.equal(status, 0);
  assert.deepEqual(
    stdout
      .trimEnd()
      .split('\n')
      .map((line) => line.trim().split(/ +/)[0]),
    ['packets', 'all'],
  );
  const [line] = jsonOf(file);
  assert.deepEqual([line.flows, line.bins[0].flowsPercent], [0, 0]);
});
