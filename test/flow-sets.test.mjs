// nfdump's habits: fmt: strings, -R, -M, -t and -c give what the real nfdump gives of the same files.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { hasProgram } from '../build/peers.mjs';
import { writeRichNfcapd } from './nfcapd-rich.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const env = { ...process.env, TZ: 'UTC' };
const flows = (...words) =>
  spawnSync(process.execPath, [join(root, 'bin/weir'), 'flows', ...words], { encoding: 'utf8', maxBuffer: 1 << 28 });
const nfdump = (...words) => spawnSync('nfdump', words, { encoding: 'utf8', maxBuffer: 1 << 28, env }).stdout;
const skip = hasProgram('nfdump') || process.env.CI === 'true' ? false : 'nfdump is missing';
const folders = [join(root, 'test/data/nfcapd'), join(root, '../shared/data/nfcapd')];
const files = folders.flatMap((folder) =>
  existsSync(folder)
    ? readdirSync(folder)
        .filter((name) => /\.nfcapd$/.test(name) && !/vendor|empty|zstd|finished/.test(name))
        .map((name) => join(folder, name))
    : [],
);

// Elements of columns that few files have, on a generated file with all of them and on one with events.
const columnElements =
  'ismc odmc idmc osmc mpls1 mpls9 smk dmk fwd nhb nas pas dir dtos exp eng svln dvln tr trr xsa xda xsp xdp xsap xdap evt nevt xevt nfc msec iacl eacl uname ivrf evrf pbstart pbend pbstep pbsize cl sl al';

test('fmt: elements of MAC addresses, labels, masks, events', { skip }, () => {
  const folder = mkdtempSync(join(tmpdir(), 'weir-fmt-'));
  try {
    const rich = join(folder, 'nfcapd.rich');
    writeRichNfcapd(rich, { flows: 300 });
    const format = `fmt:${columnElements
      .split(' ')
      .map((name) => `%${name}`)
      .join('|')}`;
    for (const file of [rich, join(root, 'test/data/nfcapd/v1-vendor-datagrams-none.nfcapd')]) {
      // One of the last events is an update whose word this nfdump does not find.
      assert.equal(flows(file, '--format', format, '-c', '250').stdout, nfdump('-r', file, '-q', '-c', '250', '-o', format), file);
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('fmt: strings, element by element', { skip }, () => {
  const elements = [
    '%ts',
    '%te',
    '%tsr',
    '%pr',
    '%sa',
    '%da',
    '%sap',
    '%dap',
    '%sp',
    '%dp',
    '%sas',
    '%das',
    '%in',
    '%out',
    '%pkt',
    '%byt',
    '%ipkt',
    '%opkt',
    '%obyt',
    '%fl',
    '%flg',
    '%tos',
    '%bpp',
    '%svln',
    '%ra',
  ];
  for (const file of files) {
    for (const plain of [[], ['-N']]) {
      const format = `fmt:${elements.join('|')}`;
      const mine = flows(file, '--format', format, ...plain);
      assert.equal(mine.status, 0, mine.stderr);
      assert.equal(mine.stdout, nfdump('-r', file, '-q', ...plain, '-o', format), `${file} ${plain}`);
    }
  }
  assert.ok(files.length >= 3);
  const file = files.find((name) => name.includes('tcpreplay'));
  for (const format of ['fmt:%line', 'fmt:%extended', 'fmt:%td %bps %pps', 'fmt:%sa%n  -> %da'])
    assert.equal(flows(file, '--format', format).stdout, nfdump('-r', file, '-q', '-o', format), format);
  assert.equal(flows(file, '--format', 'fmt:%sa %da', '-6').stdout, nfdump('-r', file, '-q', '-6', '-o', 'fmt:%sa %da'));
  const wrong = flows(file, '--format', 'fmt:%ts %zz');
  assert.equal(wrong.status, 2);
  assert.match(wrong.stderr, /no element at '%zz' \(expected one of %ts /);
});

test('-R, -M, -t and -c', { skip }, (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'weir-sets-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const names = ['nfcapd.202611230000', 'nfcapd.202611230005', 'nfcapd.202611230010', 'nfcapd.202611230015'];
  const sources = files.filter((name) => /starcraft|wechat|wikipedia|tcpreplay/.test(name)).slice(0, 4);
  for (const place of ['one', 'two']) {
    mkdirSync(join(folder, place));
    sources.forEach((file, index) => {
      if (place === 'one' || index > 0) copyFileSync(file, join(folder, place, names[index]));
    });
  }
  const [one] = [join(folder, 'one')];
  const format = ['--format', 'fmt:%sap %dap %pkt'];
  const same = (words, filter = []) => {
    const mine = flows(...words, ...format, ...(filter.length > 0 ? ['--filter', ...filter] : []));
    assert.equal(mine.status, 0, mine.stderr);
    const peer = nfdump(...words, '-q', '-o', format[1], ...filter);
    assert.ok(peer.length > 100, words.join(' '));
    assert.deepEqual(mine.stdout.split('\n'), peer.split('\n'), words.join(' '));
  };
  same(['-R', one]);
  same(['-R', join(one, names[1])]);
  same(['-R', `${join(one, names[1])}:${names[2]}`]);
  same(['-M', `${one}:two`, '-R', `${names[1]}:${names[2]}`]);
  same(['-R', one, '-c', '7']);
  same(['-R', one, '-c', '5'], ['proto tcp']);
  const [first] = flows('-R', one, '--format', 'fmt:%ts').stdout.split('\n');
  const day = first.slice(0, 10).replaceAll('-', '/');
  const stamp = `${day}.${first.slice(11, 19)}`;
  same(['-R', one, '-t', day]);
  same(['-R', one, '-t', stamp]);
  assert.equal(flows('-R', join(folder, 'three')).status, 1);
  assert.equal(flows('-R', one, join(one, names[0])).status, 2);
  assert.equal(flows('-R', one, '-t', 'yesterday').status, 2);
  assert.equal(flows('-R', one, '-c', '0').status, 2);
});
