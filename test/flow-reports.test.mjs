// Reports of weir flows beside nfdump on the same files: top lists, sums by keys, biflows, figures, orders; and Parquet read back.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { hasProgram } from '../build/peers.mjs';
import { writeNfcapd } from './nfcapd-files.mjs';
import { writeRichNfcapd } from './nfcapd-rich.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const skip = hasProgram('nfdump') || process.env.CI === 'true' ? false : 'nfdump is missing';
const folder = mkdtempSync(join(tmpdir(), 'weir-flows-'));
process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
const generated = join(folder, 'generated.nfcapd');
writeNfcapd(generated, { flows: 20_000, startMs: 1_700_000_000_000, seed: 7 });

// Files whose every flow both read; the vendors' cases are apart, for a time there is not read the same way.
const files = [generated];
for (const place of [join(root, 'test/data/nfcapd'), join(root, '../shared/data/nfcapd')]) {
  if (!existsSync(place)) continue;
  for (const name of readdirSync(place))
    if (/^v2-(wechat|anyconnect|starcraft|whatsapp).*\.nfcapd$/.test(name) && !files.some((file) => file.endsWith(name)))
      files.push(join(place, name));
}

function run(program, words) {
  const { stdout, stderr, status } = spawnSync(program, words, {
    encoding: 'utf8',
    maxBuffer: 1 << 28,
    timeout: 60_000,
    env: { ...process.env, TZ: 'UTC' },
  });
  assert.equal(status, 0, `${program} ${words.join(' ')}: ${stderr}`);
  return stdout;
}
const weir = (...words) => run(process.execPath, [join(root, 'bin/weir'), 'flows', ...words]);
const weirRows = (...words) =>
  weir(...words, '--format', 'json')
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line));

// nfdump -s of an element, as csv: ts,te,td,pr,val,fl,flP,pkt,pktP,byt,bytP,pps,bps,bpp
const peerTop = (file, key, field, filter) =>
  run('nfdump', ['-q', '-r', file, '-s', `${key}/${field}`, '-n', '0', '-o', 'csv', filter])
    .split('\n')
    .map((line) => line.split(','))
    .filter((cells) => cells.length === 14 && cells[0] !== 'ts')
    .map((cells) => ({
      value: cells[4],
      flows: Number(cells[5]),
      packets: Number(cells[7]),
      bytes: Number(cells[9]),
      pps: Number(cells[11]),
      bps: Number(cells[12]),
      bpp: Number(cells[13]),
    }));

test('top lists have the figures and the order of nfdump -s', { skip }, () => {
  const keys = ['srcip', 'dstip', 'ip', 'srcport', 'dstport', 'port', 'proto', 'tos', 'srcas', 'as', 'inif', 'if'];
  for (const file of files) {
    // nfdump's lists take 0.0.0.0 and :: for one address: IPv6 is compared where neither stands.
    const filter = file === generated ? 'any' : 'ipv4';
    for (const field of file === generated ? ['bps'] : ['flows', 'packets', 'bytes', 'bps', 'pps', 'bpp']) {
      // Whole lists, so that ties do not decide who is in them; nfdump leaves the order within a tie to its hash.
      const rows = weirRows(file, ...keys.flatMap((key) => ['--top', `${key}/${field}`]), '-n', '0', '-F', filter);
      for (const key of keys) {
        const where = `${file} ${key}/${field}`;
        const peer = peerTop(file, key, field, filter);
        const ours = rows.filter((row) => Object.hasOwn(row, key));
        assert.ok(peer.length > 0, where);
        const figures = (list) => list.map((row) => row[field]);
        assert.deepEqual(figures(ours), figures(peer), where);
        const byValue = new Map(peer.map((row) => [row.value, row]));
        assert.equal(byValue.size, peer.length, where);
        for (const row of ours) {
          const { flows, packets, bytes, bps, pps, bpp } = row;
          const value = String(row[key]);
          assert.deepEqual({ value, flows, packets, bytes, pps, bps, bpp }, byValue.get(value), where);
        }
      }
    }
  }
});

// Rows of fmt output, blanks taken away: a set of texts, for their order is nfdump's hash's.
const peerLines = (file, words, format, separator = ',') =>
  run('nfdump', ['-q', '-N', '-6', '-r', file, ...words, '-o', `fmt:${format.join(separator)}`])
    .split('\n')
    .filter((line) => line.includes(separator))
    .map((line) => line.replaceAll(' ', ''))
    .sort();

test('sums by keys are those of nfdump -A', { skip }, () => {
  for (const file of files) {
    for (const [keys, format] of [
      ['srcip,dstport', ['%sa', '%dp']],
      ['proto,srcport', ['%pr', '%sp']],
      ['srcip4/24,dstport', ['%sa', '%dp']],
      ['dstip,tos', ['%da', '%tos']],
    ]) {
      // nfdump masks a piece of an IPv6 address with an IPv4 mask: IPv4 alone is compared there.
      const filter = keys.includes('/') ? 'ipv4' : 'any';
      const peer = peerLines(file, ['-A', keys, filter], [...format, '%pkt', '%byt', '%fl']);
      const ours = weirRows(file, '--aggregate', keys, '-F', filter).map((row) => {
        const names = keys.split(',').map((name) => name.replace(/4\/24$/, ''));
        return [...names.map((name) => row[name]), row.packets, row.bytes, row.flows].join(',');
      });
      assert.deepEqual(ours.sort(), peer, `${file} ${keys}`);
    }
  }
});

test('biflows are those of nfdump -b', { skip }, () => {
  for (const file of files) {
    const peer = peerLines(file, ['-b'], ['%sa', '%da', '%sp', '%dp', '%pr', '%ipkt', '%ibyt', '%opkt', '%obyt', '%fl']);
    const ours = weirRows(file, '--bidirectional').map((row) =>
      [row.srcip, row.dstip, row.srcport, icmpPort(row), row.proto, row.packets, row.bytes, row.packets_rev, row.bytes_rev, row.flows].join(
        ',',
      ),
    );
    assert.deepEqual(ours.sort(), peer, file);
  }
});

const icmpPort = (row) => (row.proto === 1 || row.proto === 58 ? `${row.dstport >> 8}.${row.dstport & 255}` : row.dstport);

test('an order is that of nfdump -O', { skip }, () => {
  // Times in whole seconds: this nfdump prints the milliseconds of an end wrongly (%te, %ter).
  const column = { packets: '%pkt', bytes: '%byt', tstart: '%ts', tend: '%te' };
  for (const field of ['packets', 'bytes', 'tstart', 'tend']) {
    const peer = run('nfdump', ['-q', '-N', '-r', generated, '-O', field, '-o', `fmt:${column[field]}`])
      .trim()
      .split('\n');
    const name = { tstart: 'first', tend: 'last' }[field] ?? field;
    const ours = weirRows(generated, '--sort', field).map((row) => (name === field ? row[name] : row[name].slice(0, 19)));
    const expected = peer.map((text) => (name === field ? Number(text) : text.trim().replace(' ', 'T').slice(0, 19)));
    assert.deepEqual(ours, expected, field);
  }
});

test('figures are those of nfdump', { skip }, () => {
  const figures = JSON.parse(weir(generated, '--stat', '--format', 'json'));
  const all = weirRows(generated);
  assert.equal(figures.flows, 20_000);
  assert.equal(
    figures.bytes,
    all.reduce((sum, row) => sum + row.bytes, 0),
  );
  const summary = run('nfdump', ['-r', generated, '-N', '-n', '1', '-s', 'proto']);
  const said = /total flows: (\d+), total bytes: (\d+), total packets: (\d+), avg bps: (\d+), avg pps: (\d+), avg bpp: (\d+)/.exec(summary);
  assert.ok(said, summary);
  const { flows, bytes, packets, avg_bps, avg_pps, avg_bpp } = figures;
  assert.deepEqual([flows, bytes, packets, avg_bps, avg_pps, avg_bpp], said.slice(1).map(Number));
  assert.equal(figures.flows_tcp + figures.flows_udp + figures.flows_icmp + figures.flows_other, flows);
});

test('Parquet reads in DuckDB as the CSV does, row by row and in sums', async () => {
  const { DuckDBInstance } = await import('./peers/node_modules/@duckdb/node-api/lib/index.js');
  const rich = join(folder, 'rich.nfcapd');
  writeRichNfcapd(rich, { flows: 3000, seed: 9 });
  const large = join(folder, 'large.nfcapd');
  writeNfcapd(large, { flows: 150_000, startMs: 1_700_000_000_000, seed: 3 });
  const connection = await (await DuckDBInstance.create(':memory:')).connect();
  const asked = async (sql) => (await connection.runAndReadAll(sql)).getRowObjectsJson();
  for (const file of [rich, large]) {
    const [parquet, csv] = [join(folder, 'flows.parquet'), join(folder, 'flows.csv')];
    weir(file, '-o', parquet);
    weir(file, '-o', csv);
    const [sums] = await asked(`select count(*) flows, sum(packets) packets, sum(bytes) bytes from '${parquet}'`);
    const all = weirRows(file);
    const total = (name) => String(all.reduce((sum, row) => sum + row[name], 0));
    assert.deepEqual(sums, { flows: String(all.length), packets: total('packets'), bytes: total('bytes') });
    const columns = (await asked(`describe select * from '${parquet}'`)).map((row) => row.column_name);
    assert.deepEqual(columns, readFileSync(csv, 'utf8').split('\n', 1)[0].split(','));
    // Texts of every value; what is unknown is null there and empty here.
    const texts = columns.map((name) => textOf(name)).join(', ');
    const theirs = await asked(`select ${texts} from '${parquet}'`);
    const ours = await asked(
      `select ${columns.map((name) => `coalesce("${name}", '') as "${name}"`).join(', ')} from read_csv('${csv}', all_varchar = true)`,
    );
    assert.deepEqual(theirs, ours);
  }
  connection.closeSync();
});

const timeNames = ['first', 'last', 'received', 'event_time'];
function textOf(name) {
  if (!timeNames.includes(name)) return `coalesce(cast("${name}" as varchar), '') as "${name}"`;
  return `coalesce(strftime("${name}" at time zone 'UTC', '%Y-%m-%dT%H:%M:%S.%g') || 'Z', '') as "${name}"`;
}

test('ties at the end of a list are said', () => {
  const { stderr } = spawnSync(process.execPath, [join(root, 'bin/weir'), 'flows', generated, '--top', 'record/flows', '-n', '5'], {
    encoding: 'utf8',
  });
  assert.match(stderr, /record by flows: \d+ more have the last one's flows and are not listed/);
});

test('a key, a field or a mask that is none is wrong usage', () => {
  for (const words of [
    ['--top', 'nothing/bytes'],
    ['--top', 'srcip/colour'],
    ['--top', 'srcip/bytes', '-n', 'x'],
    ['--aggregate', 'srcip4/33'],
    ['--aggregate', 'ip,port'],
    ['--aggregate', 'constructor'],
    ['--sort', 'colour'],
  ]) {
    const { status, stderr } = spawnSync(process.execPath, [join(root, 'bin/weir'), 'flows', generated, ...words], { encoding: 'utf8' });
    assert.equal(status, 2, `${words}: ${stderr}`);
  }
});
