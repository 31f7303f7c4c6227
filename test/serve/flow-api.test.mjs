// Flows of a store over HTTP: the answers of the commands, to the byte, while the daemon runs; errors as the other APIs have them; a client that goes away ends
// its question; and `weir flows, profile, packets http://...` ask a server as if it were a folder.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { writeNfcapd } from '../nfcapd-files.mjs';
import { startDaemon, until } from './daemon.mjs';

const root = fileURLToPath(new URL('../..', import.meta.url));
const bin = join(root, 'bin', 'weir');
const files = ['samples/flows.nfcapd', 'test/data/nfcapd/v2-vendor-datagrams-none.nfcapd', 'samples/flows.csv'].map((file) =>
  join(root, file),
);

async function weir(words, environment = {}) {
  const child = spawn(process.execPath, [bin, ...words], { env: { ...process.env, ...environment }, stdio: ['ignore', 'pipe', 'pipe'] });
  const [stdout, stderr, [status]] = await Promise.all([buffer(child.stdout), buffer(child.stderr), once(child, 'close')]);
  return { status, stdout, stderr: stderr.toString() };
}

async function withFlows(loaded, options, act) {
  const folder = mkdtempSync(join(tmpdir(), 'weir-flow-api-'));
  try {
    const { status, stderr } = await weir(['load', ...loaded, '--data', join(folder, 'data')]);
    assert.equal(status, 0, stderr);
    const daemon = await startDaemon({ folder, ...options, words: ['--only', 'http'] });
    try {
      await act(daemon, folder);
      assert.equal(await daemon.stop(), 0);
    } finally {
      daemon.child.kill('SIGKILL');
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const fetched = async (daemon, path, options) => {
  const answer = await fetch(`${daemon.url}${path}`, options);
  return { status: answer.status, type: answer.headers.get('content-type'), bytes: Buffer.from(await answer.arrayBuffer()) };
};

test('questions are answered as the commands answer them, and a server is named like a folder', async () => {
  await withFlows(files, {}, async (daemon, folder) => {
    const data = join(folder, 'data');
    const asked = [
      ['/api/flows', ['flows', data, '--format', 'json']],
      ['/api/flows?format=csv&epoch=1', ['flows', data, '--format', 'csv', '--epoch']],
      [
        '/api/flows?filter=proto+udp+and+port+53&from=2026-11-20&format=csv',
        ['flows', data, '-F', 'proto udp and port 53', '--from', '2026-11-20'],
      ],
      ['/api/flows?count=1&limit=100', ['flows', data, '--count', '-c', '100']],
      [
        '/api/flows?top=ip/bytes&top=port/flows&n=3',
        ['flows', data, '--top', 'ip/bytes', '--top', 'port/flows', '-n', '3', '--format', 'json'],
      ],
      [`/api/flows?format=${encodeURIComponent('fmt:%ts %sap')}`, ['flows', data, '--format', 'fmt:%ts %sap']],
      [
        '/api/profile?by=bytes&per=hour&group=proto&format=csv&tz=Asia/Tokyo',
        'profile --by bytes --per hour --group proto --csv --tz Asia/Tokyo',
      ],
      [
        '/api/packets?format=pcapng&shard=2/3&header=always',
        ['packets', data, '--format', 'pcapng', '--shard', '2/3', '--header', 'always'],
      ],
      ['/api/packets?format=csv&fit=1', ['packets', data, '--format', 'csv', '--fit']],
    ];
    for (const [path, given] of asked) {
      const words = Array.isArray(given) ? given : [...given.split(' '), data];
      const { status, stdout, stderr } = await weir(words);
      assert.equal(status, 0, stderr);
      const { status: code, bytes } = await fetched(daemon, path);
      assert.equal(code, 200, `${path}: ${bytes.subarray(0, 200)}`);
      assert.ok(bytes.length > 0 && bytes.equals(stdout), `${path}: ${bytes.length} bytes, ${stdout.length} of the command`);
      const remote = await weir(words.map((word) => (word === data ? daemon.url : word)));
      assert.equal(remote.status, 0, remote.stderr);
      assert.ok(remote.stdout.equals(stdout), `${words.join(' ')} at the server: ${remote.stdout.length} bytes, not ${stdout.length}`);
    }
    // What a server cannot answer alone is read from it: beside files, into nfcapd, by a filter of this machine.
    writeFileSync(join(folder, 'filter'), 'proto tcp');
    for (const words of [
      ['flows', data, files[2], '--format', 'json'],
      ['flows', files[2], data, '-f', join(folder, 'filter'), '--top', 'ip/bytes', '--from', '2026-11-20'],
      ['packets', data, files[0], '--format', 'csv'],
      ['profile', data, files[0], '--json'],
    ])
      assert.deepEqual(
        (await weir(words.map((word) => (word === data ? daemon.url : word)))).stdout,
        (await weir(words)).stdout,
        words.join(' '),
      );
    const nfcapd = async (source) => {
      assert.equal((await weir(['flows', source, '-o', join(folder, 'nfcapd.made'), '--now', '1795392000'])).status, 0);
      return readFileSync(join(folder, 'nfcapd.made'));
    };
    assert.deepEqual(await nfcapd(daemon.url), await nfcapd(data));
    const body = new URLSearchParams({ filter: 'proto udp', count: '1' });
    assert.deepEqual(
      (await fetched(daemon, '/api/flows', { method: 'POST', body })).bytes,
      (await fetched(daemon, `/api/flows?${body}`)).bytes,
    );
    const kept = JSON.parse((await fetched(daemon, '/api/flows?count=1')).bytes).flows;
    assert.match((await fetched(daemon, '/metrics')).bytes.toString(), new RegExp(`^weir_flows ${kept}$`, 'm'));
    assert.equal(JSON.parse((await fetched(daemon, '/api/status')).bytes).flows, kept);
  });
});

test('what is asked wrongly is said, and nothing of this machine is read', async () => {
  await withFlows(
    [files[0]],
    { configuration: '[tokens]\nreadEnvironment = "READ"\n', environment: { READ: 'secret' } },
    async (daemon, folder) => {
      const headers = { authorization: 'Bearer secret' };
      writeFileSync(join(folder, 'filter'), 'any');
      const wrong = [
        ['/api/flows?filtr=any', 400, /unknown parameter 'filtr' \(expected one of filter/],
        ['/api/flows?filter=proto+foo', 400, /'foo'/],
        [`/api/flows?filter=@include+${join(folder, 'filter')}`, 400, /no files to be named here/],
        ['/api/flows?format=nfcapd', 400, /expected one of json, csv/],
        ['/api/flows?top=nothing/bytes', 400, /nothing/],
        ['/api/flows?from=yesterday', 400, /--from/],
        ['/api/flows?count=maybe', 400, /expected 1 or 0/],
        ['/api/profile?bins=9,1', 400, /bins/],
        ['/api/packets?shard=3/2', 400, /--shard/],
        ['/api/packets?output=/tmp/there', 400, /unknown parameter 'output'/],
      ];
      for (const [path, code, message] of wrong) {
        const { status, bytes } = await fetched(daemon, path, { headers });
        const { error } = JSON.parse(bytes);
        assert.deepEqual([status, error.kind], [code, 'malformed'], `${path}: ${bytes}`);
        assert.match(error.message, message);
      }
      assert.equal(JSON.parse((await fetched(daemon, '/api/flows?filter=proto+foo', { headers })).bytes).error.column, 7);
      for (const path of ['/api/flows', '/api/profile', '/api/packets']) assert.equal((await fetched(daemon, path)).status, 401);
      const refused = await weir(['flows', daemon.url, '--count']);
      assert.deepEqual([refused.status, /status 401/.test(refused.stderr)], [1, true], refused.stderr);
      assert.equal((await weir(['flows', daemon.url, '--count'], { WEIR_TOKEN: 'secret' })).status, 0);
      assert.equal((await weir(['flows', daemon.url, '--top', 'nothing/bytes'], { WEIR_TOKEN: 'secret' })).status, 2);
    },
  );
});

test('a store without flows has empty answers', async () => {
  const daemon = await startDaemon({ words: ['--only', 'http'] });
  try {
    assert.deepEqual(JSON.parse((await fetched(daemon, '/api/flows?count=1')).bytes), { flows: 0, packets: 0, bytes: 0, rejected: {} });
    assert.deepEqual(await fetched(daemon, '/api/flows'), { status: 200, type: 'application/x-ndjson', bytes: Buffer.alloc(0) });
    assert.equal((await fetched(daemon, '/api/packets')).bytes.length, 24);
    assert.equal(JSON.parse((await fetched(daemon, '/api/profile')).bytes).flows, 0);
    assert.equal(await daemon.stop(), 0);
  } finally {
    daemon.child.kill('SIGKILL');
    daemon.clean();
  }
});

// Processes that the daemon has started and that live.
function childrenOf(pid) {
  return readdirSync(`/proc/${pid}/task`).flatMap((task) =>
    readFileSync(`/proc/${pid}/task/${task}/children`, 'utf8').split(' ').filter(Boolean),
  );
}

test('a client that goes away ends its question; so many are answered at once', {
  skip: process.platform !== 'linux' && process.env.CI !== 'true' && 'processes are looked up in /proc',
}, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'weir-flow-large-'));
  const large = join(folder, 'nfcapd.large');
  writeNfcapd(large, { flows: 120_000, startMs: 1_795_392_000_000, seed: 3 });
  try {
    await withFlows([large], {}, async (daemon) => {
      // Nobody reads on: what does not fit into the pipes is waited for.
      const held = [];
      for (let index = 0; index < 4; index++) {
        const asked = request(`${daemon.url}/api/packets`, { agent: false });
        asked.on('error', () => {});
        asked.end();
        const [answer] = await once(asked, 'response');
        assert.equal(answer.statusCode, 200);
        answer.on('error', () => {});
        held.push(asked);
      }
      assert.equal(childrenOf(daemon.child.pid).length, 4);
      const fifth = await fetched(daemon, '/api/flows?count=1');
      assert.deepEqual([fifth.status, JSON.parse(fifth.bytes).error.kind], [503, 'malformed']);
      held[0].destroy();
      await until(
        () => childrenOf(daemon.child.pid),
        (children) => children.length === 3,
      );
      const { bytes } = await until(
        () => fetched(daemon, '/api/flows?count=1'),
        ({ status }) => status === 200,
      );
      assert.equal(JSON.parse(bytes).flows, 120_000);
      for (const asked of held) asked.destroy();
      await until(
        () => childrenOf(daemon.child.pid),
        (children) => children.length === 0,
      );
    });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
