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
    if (/^v2-(wechat|anyconnect).*\.nfcapd$/.test(name) && !files.some((file) => file.endsWith(name))) files.push(join(place, name));
}

function run(program, words) {
  const { stdout, stderr, status } = spawnSync(program, words, {
    encoding: 'utf8',
    maxBuffer: 1 << 28,
    timeout: 600_000,
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

// Every element of nfdump -s whose column this nfdump counts and prints rightly (of inmac and outmac it counts one side, MPLS labels but the first and events it prints wrongly), in every order.
const elements =
  `srcip dstip ip nhip nhbip router srcport dstport port tos srctos dsttos dir srcas dstas as inif outif if srcmask dstmask mask
  srcvlan dstvlan vlan insrcmac outdstmac indstmac outsrcmac srcmac dstmac proto srcip:p port:p`.split(/\s+/);

test('every element of nfdump -s in every order, on records with all fields', { skip }, () => {
  const rich = join(folder, 'elements.nfcapd');
  writeRichNfcapd(rich, { flows: 1500, seed: 12 });
  const orders = ['flows', 'packets', 'bytes', 'pps', 'bps', 'bpp'];
  // nfdump takes 0.0.0.0 and ::, 0.0.0.7 and ::7 for one address.
  const filter = 'not ip in [0.0.0.0 0.0.0.7]';
  const asked = elements.map((element) => `${element}/${orders.join('/')}`);
  // nfdump takes eight lists at once.
  const parts = Array.from({ length: Math.ceil(asked.length / 8) }, (_, index) => asked.slice(index * 8, index * 8 + 8));
  const lists = parts
    .flatMap((part) =>
      run('nfdump', ['-q', '-r', rich, ...part.flatMap((text) => ['-s', text]), '-n', '0', '-o', 'csv', filter])
        .split('ts,te,td,pr,')
        .slice(1),
    )
    .map((text) => text.split('\n').slice(1).filter(Boolean));
  const ours = weir(rich, ...asked.flatMap((text) => ['--top', text]), '-n', '0', '--format', 'csv', '-F', filter)
    .trim()
    .split('\n\n');
  assert.deepEqual([lists.length, ours.length], [elements.length * orders.length, elements.length * orders.length]);
  for (const [place, element] of elements.entries()) {
    const key = element.replace(':p', '');
    for (const [index, order] of orders.entries()) {
      const own = csvRows(ours[place * orders.length + index]).map((row) => [
        key === element ? 'any' : protocolName(row.proto),
        row[key] === '' ? '0.0.0.0' : row[key],
        ...['flows', 'packets', 'bytes', 'pps', 'bps', 'bpp'].map((name) => row[name]),
      ]);
      const theirs = lists[place * orders.length + index].map((line) => {
        const [, , , protocol, value, flows, , packets, , bytes, , pps, bps, bpp] = line.split(',');
        return [key === 'proto' ? 'any' : protocol.trim(), value.trim(), flows, packets, bytes, pps, bps, bpp];
      });
      const column = { flows: 2, packets: 3, bytes: 4, pps: 5, bps: 6, bpp: 7 }[order];
      // A rate is ordered by its whole number and printed from a float, which may be one less: equal ones may stand in either order.
      const isRate = order === 'pps' || order === 'bps';
      for (const [rank, row] of own.entries())
        assert.ok(Math.abs(row[column] - theirs[rank][column]) <= (isRate ? 1 : 0), `${element}/${order}: ${row}, ${theirs[rank]}`);
      assert.deepEqual(own.map(String).sort(), theirs.map(String).sort(), `${element}/${order}`);
    }
  }
});

function csvRows(text) {
  const [head, ...lines] = text.split('\n');
  const names = head.split(',');
  return lines.map((line) => Object.fromEntries(line.split(',').map((cell, index) => [names[index], cell])));
}

const protocolName = (number) =>
  ({ 1: 'ICMP', 2: 'IGMP', 6: 'TCP', 17: 'UDP', 47: 'GRE', 50: 'ESP', 58: 'ICMP6', 132: 'SCTP' })[number] ?? number;

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
      [row.src, row.dst, row.sport, icmpPort(row), row.proto, row.packets, row.bytes, row.packets_rev, row.bytes_rev, row.flows].join(','),
    );
    assert.deepEqual(ours.sort(), peer, file);
  }
});

const icmpPort = (row) => (row.proto === 1 || row.proto === 58 ? `${row.dport >> 8}.${row.dport & 255}` : row.dport);

test('biflows in a file are flow records again, of the same sums', () => {
  const file = join(folder, 'biflows.csv');
  weir(generated, '--bidirectional', '-o', file);
  const { flows, ...sums } = JSON.parse(weir(file, '--count'));
  const { flows: all, ...expected } = JSON.parse(weir(generated, '--count'));
  assert.deepEqual(sums, expected);
  assert.ok(flows <= all);
});

test('a report is CSV where nothing says otherwise, and several lists stand behind commas', () => {
  const [srcip, dstport] = weir(generated, '--top', 'srcip/bytes,dstport/flows', '-n', '3').split('\n\n');
  assert.equal(srcip, weir(generated, '--csv', '--top', 'srcip/bytes', '-n', '3').trimEnd());
  assert.equal(dstport, weir(generated, '--format', 'csv', '--top', 'dstport/flows', '-n', '3'));
  assert.equal(
    weir(generated, '--json', '--top', 'srcip/bytes,flows', '-n', '2'),
    weir(generated, '--format', 'json', '--top', 'srcip/bytes', '--top', 'srcip/flows', '-n', '2'),
  );
});

test('-n takes the first flows of an order', () => {
  const whole = weir(generated, '--sort', 'bytes', '--csv').split('\n');
  assert.deepEqual(weir(generated, '--sort', 'bytes', '-n', '7').trimEnd().split('\n'), whole.slice(0, 8));
});

test('--count goes to the file of -o', () => {
  const file = join(folder, 'count.json');
  assert.equal(weir(generated, '--count', '-o', file), '');
  assert.equal(readFileSync(file, 'utf8'), weir(generated, '--count'));
});

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
  writeNfcapd(large, { flows: 70_000, startMs: 1_700_000_000_000, seed: 3 });
  const connection = await (await DuckDBInstance.create(':memory:')).connect();
  const asked = async (sql) => (await connection.runAndReadAll(sql)).getRowObjectsJson();
  for (const [file, flows] of [
    [rich, 3000],
    [large, 70_000],
  ]) {
    const [parquet, csv] = [join(folder, 'flows.parquet'), join(folder, 'flows.csv')];
    weir(file, '-o', parquet);
    weir(file, '-o', csv);
    const columns = (await asked(`describe select * from '${parquet}'`)).map((row) => row.column_name);
    assert.deepEqual(columns, readFileSync(csv, 'utf8').split('\n', 1)[0].split(','));
    // Texts of every value; what is unknown is null there and empty here.
    const theirs = `select ${columns.map(textOf).join(', ')} from '${parquet}'`;
    const ours = `select ${columns.map((name) => `coalesce("${name}", '') as "${name}"`).join(', ')} from read_csv('${csv}', all_varchar = true)`;
    const [{ more, less, held }] = await asked(
      `select (select count(*) from ((${theirs}) except all (${ours}))) more, (select count(*) from ((${ours}) except all (${theirs}))) less,
       (select count(*) from '${parquet}') held`,
    );
    assert.deepEqual([more, less, held].map(Number), [0, 0, flows]);
    if (file === rich) assert.deepEqual(await asked(theirs), await asked(ours));
    const [sums] = await asked(`select sum(packets) packets, sum(bytes) bytes from '${parquet}'`);
    const [said] = await asked(
      `select sum(packets::hugeint) packets, sum(bytes::hugeint) bytes from read_csv('${csv}', all_varchar = true)`,
    );
    assert.deepEqual(sums, said);
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
    ['--aggregate', 'srcip', '-o', join(folder, 'sums.parquet')],
    ['--bidirectional', '-o', join(folder, 'biflows.nfcapd')],
    ['--sort', 'colour'],
  ]) {
    const { status, stderr } = spawnSync(process.execPath, [join(root, 'bin/weir'), 'flows', generated, ...words], { encoding: 'utf8' });
    assert.equal(status, 2, `${words}: ${stderr}`);
  }
});
