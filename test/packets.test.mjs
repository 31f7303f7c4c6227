// `weir packets` as its users run it: the founding example to the nanosecond, broken rows, the round trip through tools that are not ours
// (nfpcapd, nfdump, capinfos, tshark, tcpreplay), and bad days: a full disk, a reader that goes away, damaged input.
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { hasProgram } from '../build/peers.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const bin = join(root, 'bin/weir');
const data = join(root, 'test/data/flow-csv');
const folder = mkdtempSync(join(tmpdir(), 'weir-packets-'));
after(() => rmSync(folder, { recursive: true, force: true }));

const weir = (words, options = {}) => spawnSync(process.execPath, [bin, ...words], { encoding: 'utf8', maxBuffer: 1 << 28, ...options });
const needs = (...programs) => {
  const missing = programs.filter((program) => !hasProgram(program));
  return { skip: missing.length > 0 && process.env.CI !== 'true' && `${missing.join(', ')} is missing` };
};
const file = (name, text) => {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
};

test('the founding example, to the nanosecond', () => {
  const rows = [
    '0.000,20.000,10.0.0.1,10.0.0.9,1001,80,17,0,0,100,10000,0,0,0,0',
    '0.000,20.000,10.0.0.2,10.0.0.9,1002,80,17,0,0,200,20000,0,0,0,0',
    '0.000,60.000,10.0.0.3,10.0.0.9,1003,80,17,0,0,500,50000,0,0,0,0',
  ];
  const { stdout, status } = weir(['packets', file('founding.csv', `${rows.join('\n')}\n`), '--format', 'csv']);
  assert.equal(status, 0);
  const lines = stdout.trimEnd().split('\n');
  assert.equal(lines[0], 'time,flow,src,dst,sport,dport,proto,flags,size');
  const got = lines.slice(1).map((line) => line.split(',').slice(0, 2).join(' '));
  const wanted = [
    ...Array.from({ length: 100 }, (_, i) => [(BigInt(i) * 20_000_000_000n) / 100n, 1]),
    ...Array.from({ length: 200 }, (_, i) => [(BigInt(i) * 20_000_000_000n) / 200n, 2]),
    ...Array.from({ length: 500 }, (_, i) => [(BigInt(i) * 60_000_000_000n) / 500n, 3]),
  ].sort((left, right) => (left[0] < right[0] ? -1 : left[0] > right[0] ? 1 : left[1] - right[1]));
  assert.deepEqual(
    got,
    wanted.map(([ns, flow]) => `${ns / 1_000_000_000n}.${String(ns % 1_000_000_000n).padStart(9, '0')} ${flow}`),
  );
  assert.deepEqual(got.slice(0, 12), [
    '0.000000000 1',
    '0.000000000 2',
    '0.000000000 3',
    '0.100000000 2',
    '0.120000000 3',
    '0.200000000 1',
    '0.200000000 2',
    '0.240000000 3',
    '0.300000000 2',
    '0.360000000 3',
    '0.400000000 1',
    '0.400000000 2',
  ]);
});

test('broken rows: each has the outcome listed, with file and line', () => {
  const source = join(data, 'broken-rows-a.csv');
  const [rejects, schedule] = [join(folder, 'rejects'), join(folder, 'schedule.csv')];
  const { status, stdout } = weir(['packets', source, '-o', schedule, '--rejects', rejects, '--json']);
  assert.equal(status, 0);
  const expected = JSON.parse(readFileSync(join(data, 'broken-rows-a.expected.json'), 'utf8'));
  const lines = readFileSync(source, 'utf8').split('\n');
  const rejected = new Map(
    readFileSync(rejects, 'utf8')
      .trimEnd()
      .split('\n')
      .map((line) => {
        const match = /^(.*):(\d+) ([a-z-]+) (.*)$/.exec(line);
        assert.ok(match, line);
        assert.equal(match[1], source);
        assert.equal(match[4], lines[Number(match[2]) - 1]);
        return [Number(match[2]), match[3]];
      }),
  );
  for (const { line, expect, why } of expected) {
    const isRejected = expect === 'reject' || /refused or capped/.test(why);
    assert.equal(rejected.has(line), isRejected, `line ${line}: ${expect} ${why}`);
  }
  const summary = JSON.parse(stdout);
  assert.equal(
    Object.values(summary.rejected).reduce((sum, count) => sum + count, 0),
    rejected.size,
  );
  assert.equal(summary.warned['large-packets'], 1);
  assert.equal(weir(['packets', source, '-o', join(folder, 'strict.pcap'), '--strict']).status, 1);
  assert.ok(!existsSync(join(folder, 'strict.pcap')), 'no output under --strict');
});

/** Packets, bytes, least first and greatest last a directed 5-tuple; ports of ICMP and the like are not looked at. */
function tuples(rows) {
  const found = new Map();
  for (const { first, last, src, dst, sport, dport, proto, packets, bytes } of rows) {
    // nfpcapd decapsulates or drops these.
    if ([4, 41, 47].includes(proto)) continue;
    const ports = proto === 6 || proto === 17 ? `${sport} ${dport}` : '';
    const key = `${src} ${dst} ${ports} ${proto}`;
    const sum = found.get(key) ?? { packets: 0, bytes: 0, first: Infinity, last: 0 };
    found.set(key, {
      packets: sum.packets + packets,
      bytes: sum.bytes + bytes,
      first: Math.min(sum.first, first),
      last: Math.max(sum.last, last),
    });
  }
  return found;
}

function throughNfdump(capture, where) {
  mkdirSync(where);
  execFileSync('nfpcapd', ['-r', capture, '-l', where, '-e', '3600,300'], { stdio: 'ignore' });
  const format = 'fmt:%ts,%te,%sa,%da,%sp,%dp,%pr,%pkt,%byt';
  const text = execFileSync('nfdump', ['-R', where, '-o', format, '-N', '-6', '-q'], {
    encoding: 'utf8',
    maxBuffer: 1 << 29,
    env: { ...process.env, TZ: 'UTC' },
  });
  return text
    .trimEnd()
    .split('\n')
    .map((line) => {
      const [first, last, src, dst, sport, dport, proto, packets, bytes] = line.split(',').map((field) => field.trim());
      const ms = (time) => Date.parse(`${time.replace(' ', 'T')}Z`);
      return {
        first: ms(first),
        last: ms(last),
        src,
        dst,
        sport,
        dport,
        proto: Number(proto),
        packets: Number(packets),
        bytes: Number(bytes),
      };
    });
}

function flowsOf(source) {
  const { stdout } = weir(['flows', source, '--format', 'json']);
  return stdout
    .trimEnd()
    .split('\n')
    .map((line) => {
      const flow = JSON.parse(line);
      return { ...flow, first: Date.parse(flow.first), last: Date.parse(flow.last) };
    });
}

function roundTrip(source, name) {
  const capture = join(folder, `${name}.pcap`);
  const { status, stderr } = weir(['packets', source, '--spacing', 'ends', '-o', capture]);
  assert.equal(status, 0, stderr);
  const wanted = tuples(flowsOf(source));
  const got = tuples(throughNfdump(capture, join(folder, `${name}.nf`)));
  assert.deepEqual([...got.keys()].sort(), [...wanted.keys()].sort());
  for (const [key, tuple] of wanted) {
    const back = got.get(key);
    assert.deepEqual([back.packets, back.bytes], [tuple.packets, tuple.bytes], key);
    assert.ok(
      Math.abs(back.first - tuple.first) <= 1 && Math.abs(back.last - tuple.last) <= 1,
      `${key}: times ${JSON.stringify([back, tuple])}`,
    );
  }
  return capture;
}

const asData = ['-d', 'tcp.port==1-65535,data', '-d', 'udp.port==1-65535,data'];
const checking = ['ip', 'tcp', 'udp'].flatMap((name) => ['-o', `${name}.check_checksum:TRUE`]);
const tshark = (capture, ...words) =>
  execFileSync('tshark', ['-r', capture, ...asData, ...checking, ...words], {
    encoding: 'utf8',
    maxBuffer: 1 << 29,
    stdio: ['ignore', 'pipe', 'ignore'],
  });

function assertCleanCapture(capture) {
  assert.match(execFileSync('capinfos', ['-o', capture], { encoding: 'utf8' }), /Strict time order:\s+True/);
  const bad = ['_ws.malformed', ...['ip', 'tcp', 'udp', 'icmp', 'icmpv6', 'igmp'].map((name) => `${name}.checksum.status == 0`)].join(
    ' || ',
  );
  assert.equal(tshark(capture, '-Y', bad), '', 'malformed frames or bad checksums');
}

/** Nothing under tcp.analysis of severity Note or above: a window update is a Chat. */
function assertNothingAnalysed(capture) {
  assert.equal(tshark(capture, '-Y', 'tcp.analysis.flags && !tcp.analysis.window_update'), '');
}

test(
  'round trip of a real flow file through nfpcapd and nfdump; capinfos and tshark find nothing',
  needs('nfpcapd', 'nfdump', 'capinfos', 'tshark'),
  () => {
    const capture = roundTrip(join(data, 'uo-style-flows-a.csv'), 'real');
    assertCleanCapture(capture);
  },
);

test('round trip of the samples, and nothing under tcp.analysis', needs('nfpcapd', 'nfdump', 'capinfos', 'tshark'), () => {
  const capture = roundTrip(join(root, 'samples/flows.csv'), 'sample');
  assertCleanCapture(capture);
  assertNothingAnalysed(capture);
});

test(
  'round trip of nfcapd files of both layouts; the packets are those of the same flows as CSV',
  needs('nfpcapd', 'nfdump', 'capinfos', 'tshark'),
  () => {
    const files = [
      'samples/flows.nfcapd',
      'test/data/nfcapd/v1-starcraft_battle-lzo.nfcapd',
      'test/data/nfcapd/v2-anyconnect-vpn-lz4.nfcapd',
      'test/data/nfcapd/v2-android-zstd.nfcapd',
    ];
    for (const [index, file] of files.entries()) {
      const capture = roundTrip(join(root, file), `nfcapd${index}`);
      assertCleanCapture(capture);
      const csv = join(folder, `nfcapd${index}.csv`);
      assert.equal(weir(['flows', join(root, file), '-o', csv]).status, 0);
      const again = join(folder, `again${index}.pcap`);
      assert.equal(weir(['packets', csv, '--spacing', 'ends', '-o', again]).status, 0);
      assert.ok(readFileSync(again).equals(readFileSync(capture)), `${file}: not the packets of its CSV`);
    }
  },
);

test('round trip of generated flows, each tuple once', needs('nfpcapd', 'nfdump', 'capinfos', 'tshark'), () => {
  const rows = [];
  let state = 42;
  const random = (limit) => {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    return Math.floor((state / 4294967296) * limit);
  };
  for (let number = 0; number < 30_000; number++) {
    const first = 1_700_000_000_000 + number * 7;
    const proto = [6, 6, 6, 17, 17, 1, 58][random(7)];
    const isV6 = proto === 58 || random(5) === 0;
    const packets = 1 + random(12);
    const least = (isV6 ? 40 : 20) + (proto === 6 ? 20 : 8);
    const last = first + (packets === 1 ? 0 : random(9000));
    const address = (side) => (isV6 ? `2001:db8:${side}::${(number + 1).toString(16)}` : `10.${side}.${number >> 8}.${number & 255}`);
    const isTyped = proto === 1 || proto === 58;
    const time = (ms) => (ms / 1000).toFixed(3);
    const typed = isV6 ? '128.0' : '8.0';
    const actualProto = isTyped ? (isV6 ? 58 : 1) : proto;
    rows.push(
      [
        time(first),
        time(last),
        address(1),
        address(2),
        isTyped ? 0 : 1024 + random(60000),
        isTyped ? typed : 1 + random(1023),
        actualProto,
        0,
        actualProto === 6 ? [27, 24, 16, 25, 28][random(5)] : 0,
        packets,
        packets * least + random(packets * 900),
        1,
        2,
        0,
        0,
      ].join(','),
    );
  }
  const capture = roundTrip(file('generated.csv', `${rows.join('\n')}\n`), 'generated');
  assertCleanCapture(capture);
  assertNothingAnalysed(capture);
});

test('pcapng, nanoseconds, snaplen and relative times are what capinfos and tshark read', needs('tshark', 'capinfos'), () => {
  const source = join(root, 'samples/flows.csv');
  const [plain, next] = [join(folder, 'plain.pcap'), join(folder, 'next.pcapng')];
  for (const words of [
    ['-o', plain],
    ['-o', next, '--nano', '--snaplen', '60'],
  ])
    assert.equal(weir(['packets', source, '--relative', ...words]).status, 0);
  const fields = ['-T', 'fields', '-e', 'frame.time_epoch', '-e', 'frame.len', '-e', 'frame.cap_len'];
  const [left, right] = [plain, next].map((path) =>
    tshark(path, ...fields)
      .trimEnd()
      .split('\n')
      .map((line) => line.split('\t')),
  );
  assert.equal(left.length, right.length);
  assert.equal(Number(left[0][0]), 0);
  for (const [index, [time, length]] of left.entries()) {
    assert.equal(Number(right[index][0]).toFixed(9).slice(0, -3), Number(time).toFixed(9).slice(0, -3));
    assert.deepEqual([right[index][1], Number(right[index][2])], [length, Math.min(60, Number(length))]);
  }
});

test('replayed from standard output onto a veth pair', { ...needs('tcpreplay', 'ip'), timeout: 600_000 }, (t) => {
  const name = `weir${process.pid}`;
  if (spawnSync('ip', ['netns', 'add', name]).status !== 0) {
    assert.notEqual(process.env.CI, 'true', 'network namespaces are not allowed here');
    t.skip('network namespaces are not allowed here');
    return;
  }
  try {
    const inside = (...words) => execFileSync('ip', ['netns', 'exec', name, ...words], { encoding: 'utf8' });
    inside('ip', 'link', 'add', 'va', 'type', 'veth', 'peer', 'name', 'vb');
    for (const face of ['va', 'vb']) inside('ip', 'link', 'set', face, 'up');
    const script = `"${process.execPath}" "${bin}" packets "${join(root, 'samples/flows.csv')}" -o - 2>/dev/null | ip netns exec ${name} tcpreplay -q -t -i va -`;
    const { stdout, stderr } = spawnSync('bash', ['-c', script], { encoding: 'utf8' });
    assert.match(stdout + stderr, /Actual: 5909 packets/);
    const received = Number(inside('cat', '/sys/class/net/vb/statistics/rx_packets'));
    assert.ok(received >= 5909, `${received} packets arrived`);
  } finally {
    spawnSync('ip', ['netns', 'delete', name]);
  }
});

test('a full disk: a clear message, and no half-written file', () => {
  const target = join(folder, 'full', 'out.pcap');
  mkdirSync(join(folder, 'full'));
  const script = `trap '' XFSZ; ulimit -f 64; exec "${process.execPath}" "${bin}" packets "${join(root, 'samples/flows.csv')}" -o "${target}"`;
  const { status, stderr } = spawnSync('bash', ['-c', script], { encoding: 'utf8' });
  assert.equal(status, 1);
  assert.match(stderr, /^weir: .*size limit\n$/);
  assert.deepEqual(readdirSync(join(folder, 'full')), []);
});

test('a reader that goes away: exit 0 and no message', () => {
  const script = `set -o pipefail; "${process.execPath}" "${bin}" packets "${join(root, 'samples/flows.csv')}" -o - 2>"${join(folder, 'stderr')}" | head -c 100 | wc -c`;
  const { status, stdout } = spawnSync('bash', ['-c', script], { encoding: 'utf8' });
  assert.deepEqual([status, stdout.trim(), readFileSync(join(folder, 'stderr'), 'utf8')], [0, '100', '']);
});

test('bad input: each a clear message with its place, and nothing around it lost', () => {
  const sample = readFileSync(join(root, 'samples/flows.csv'));
  const gz = gzipSync(sample);
  const cutGz = file('cut.csv.gz', gz.subarray(0, gz.length - 2000));
  const cut = weir(['packets', cutGz, '-o', join(folder, 'cut.pcap'), '--json']);
  assert.equal(cut.status, 1);
  assert.match(cut.stderr, /cut\.csv\.gz: the gzip stream is damaged after \d+ unpacked bytes/);
  assert.ok(JSON.parse(cut.stdout).flows > 100, 'what came before the cut is used');

  // Damage that the unpacker finds while bytes are still coming: behind the end, and in the sum over all.
  const long = Buffer.concat(Array.from({ length: 12 }, () => sample));
  const flipped = gzipSync(long);
  flipped[flipped.length - 6] ^= 0x55;
  for (const [name, bytes, least] of [
    ['behind.csv.gz', Buffer.concat([gzipSync(long), Buffer.alloc(600, 'x')]), 4780],
    ['sum.csv.gz', flipped, 4780],
    ['little.csv.gz', Buffer.concat([gzipSync(sample), Buffer.alloc(600, 'x')]), 390],
  ]) {
    const damaged = weir(['packets', file(name, bytes), '--dry-run', '--json']);
    assert.equal(damaged.status, 1, name);
    assert.match(damaged.stderr, /\.csv\.gz: the gzip stream is damaged after \d+ unpacked bytes: incorrect/, name);
    assert.ok(JSON.parse(damaged.stdout).flows > least, name);
  }

  const garbage = weir([
    'packets',
    file('garbage.bin', Buffer.from(Array.from({ length: 5000 }, (_, i) => (i * 7919) & 255))),
    '-o',
    join(folder, 'g.pcap'),
  ]);
  assert.equal(garbage.status, 1);
  assert.match(garbage.stderr, /garbage\.bin@0: not a flow file that Weir knows/);

  const truncated = weir([
    'packets',
    file('truncated.csv', sample.subarray(0, sample.length - 30)),
    '-o',
    join(folder, 't.pcap'),
    '--json',
  ]);
  assert.deepEqual([truncated.status, JSON.parse(truncated.stdout).rejected, JSON.parse(truncated.stdout).flows], [0, { columns: 1 }, 399]);

  mkdirSync(join(folder, 'empty'));
  const empty = weir(['packets', join(folder, 'empty'), '-o', join(folder, 'e.pcap')]);
  assert.deepEqual([empty.status, empty.stderr.includes('a folder without flow files')], [1, true]);

  const two = weir(['packets', join(folder, 'nosuch.csv'), join(root, 'samples/flows.csv'), '-o', join(folder, 'two.pcap'), '--json']);
  assert.deepEqual([two.status, JSON.parse(two.stdout).flows], [1, 400]);
  assert.match(two.stderr, /nosuch\.csv: no such file or folder/);

  const nothing = weir(['packets', file('nothing.csv', ''), '-o', join(folder, 'nothing.pcap'), '--json']);
  assert.deepEqual([nothing.status, JSON.parse(nothing.stdout).packets, readFileSync(join(folder, 'nothing.pcap')).length], [0, 0, 24]);
});

test('shards made by commands of their own concatenate to the whole', () => {
  const source = join(root, 'samples/flows.csv');
  const whole = join(folder, 'whole.pcap');
  assert.equal(weir(['packets', source, '-o', whole]).status, 0);
  const parts = [1, 2, 3].map((part) => {
    const path = join(folder, `part${part}.pcap`);
    assert.equal(weir(['packets', source, '--shard', `${part}/3`, '-o', path]).status, 0);
    return readFileSync(path);
  });
  assert.ok(Buffer.concat(parts).equals(readFileSync(whole)));
});

test('standard input, every sample format, and a plan', () => {
  const sample = readFileSync(join(root, 'samples/flows.csv'));
  const piped = spawnSync(process.execPath, [bin, 'packets', '-', '-o', '/dev/null', '--json'], { input: sample, encoding: 'utf8' });
  assert.equal(JSON.parse(piped.stdout).packets, 5909);
  for (const name of ['flows.csv.gz', 'weir.csv', 'nfdump.csv'])
    assert.equal(JSON.parse(weir(['packets', join(root, 'samples', name), '--dry-run', '--json']).stdout).packets, 5909, name);
  const plan = JSON.parse(weir(['packets', join(root, 'samples/flows.csv'), '--dry-run', '--json']).stdout);
  assert.deepEqual([plan.flows, plan.bytes, plan.freeBytes > 0], [400, 2312273, true]);
});
