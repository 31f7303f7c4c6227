// A disk that is full: the daemon says so (readiness, status, standard error), goes on serving reads, and stores everything it holds as soon as there is
// room. A small tmpfs where that can be mounted; else a bound on the size of its files, which a quota is too.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { sendTcp, startDaemon, sumOf, until } from './daemon.mjs';

const clock = 1_795_392_000;
const words = ['--now', String(clock)];
const lines = (name, count, series) =>
  Array.from({ length: count }, (_, index) => `${name}.s${index % series} 1 ${clock - 10 * Math.floor(index / series)}\n`).join('');
const total = async (daemon, name) => {
  const answer = await daemon.render(`target=sumSeries(${name}.*)&from=${clock - 86_400}&until=${clock}&now=${clock}&maxDataPoints=1`);
  return answer[0] === undefined ? 0 : sumOf(answer[0]);
};
const ready = async (daemon) => {
  const response = await fetch(`${daemon.url}/readyz`);
  return { status: response.status, text: await response.text() };
};

async function fillAndFree(daemon, fill, free) {
  await sendTcp(daemon.ports.graphite, lines('before', 5000, 100));
  await until(
    () => total(daemon, 'before'),
    (sum) => sum === 5000,
  );
  await fill();
  await sendTcp(daemon.ports.graphite, lines('during', 60_000, 2000));
  const { text } = await until(
    () => ready(daemon),
    ({ status }) => status === 503,
  );
  assert.match(text, /the store takes no batches: .*(space|large|room)/i);
  assert.match((await daemon.status()).failing, /cannot be written/);
  // Reads go on: what is stored is shown, and nothing of what is not.
  assert.equal(await total(daemon, 'before'), 5000);
  assert.equal((await fetch(`${daemon.url}/healthz`)).status, 200);
  await free();
  await until(
    () => total(daemon, 'during'),
    (sum) => sum === 60_000,
  );
  assert.equal((await ready(daemon)).status, 200);
  assert.equal(await total(daemon, 'before'), 5000);
}

test('a full disk: said, reads go on, and all is stored when there is room', {
  skip: !canMount() && 'a tmpfs cannot be mounted here',
}, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'weir-full-'));
  assert.equal(spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=16m', 'tmpfs', folder]).status, 0);
  try {
    let daemon = await startDaemon({ folder, words, configuration: '[[rule]]\npattern = "."\nmethod = "sum"\n' });
    const filler = join(folder, 'filler');
    const fill = () => {
      const { bavail, bsize } = statfsSync(folder);
      writeFileSync(filler, Buffer.alloc((bavail - 20) * bsize));
    };
    await fillAndFree(daemon, fill, () => rmSync(filler));
    assert.match(daemon.stderr(), /cannot be written/);
    assert.equal(await daemon.stop(), 0);
    daemon = await startDaemon({ folder, words, configuration: '[[rule]]\npattern = "."\nmethod = "sum"\n' });
    assert.equal(await total(daemon, 'during'), 60_000);
    assert.equal(await daemon.stop(), 0);
  } finally {
    assert.equal(spawnSync('umount', ['-l', folder]).status, 0);
    rmSync(folder, { recursive: true, force: true });
  }
});

test('a bound on the size of files is met like a full disk', {
  skip: spawnSync('prlimit', ['--version']).status !== 0 && process.env.CI !== 'true' && 'prlimit is not installed',
}, async () => {
  const daemon = await startDaemon({ words, configuration: '[[rule]]\npattern = "."\nmethod = "sum"\n' });
  const bound = (size) => assert.equal(spawnSync('prlimit', ['--pid', String(daemon.child.pid), `--fsize=${size}:`]).status, 0);
  try {
    await fillAndFree(
      daemon,
      () => bound(1 << 20),
      () => bound('unlimited'),
    );
    assert.equal(await daemon.stop(), 0);
  } finally {
    daemon.child.kill('SIGKILL');
    daemon.clean();
  }
});

function canMount() {
  const folder = join(mkdtempSync(join(tmpdir(), 'weir-mount-')), 'here');
  mkdirSync(folder);
  const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', folder]).status === 0;
  if (mounted) spawnSync('umount', [folder]);
  rmSync(join(folder, '..'), { recursive: true, force: true });
  return mounted;
}
