// `kill -9` at random moments under load: what was acknowledged is there, once; the store opens; a later reader sees a prefix of what was sent.
// Shared by the test (ten kills) and the nightly run (a hundred). The moments are seeded.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { startDaemon, sumOf, until } from './daemon.mjs';
import { now, numberOf, openStore, seriesCount } from './killed-writer.mjs';

function randomOf(seed) {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

/** Kills a writer of the store `kills` times; answers how many batches are stored then. Each next writer sends the last three again. */
export async function killWriters(kills) {
  const folder = mkdtempSync(join(tmpdir(), 'weir-killed-'));
  const random = randomOf(7);
  let stored = 0;
  try {
    for (let kill = 0; kill < kills; kill++) {
      const writer = fileURLToPath(new URL('./killed-writer.mjs', import.meta.url));
      const child = spawn(process.execPath, [writer, folder, String(Math.max(1, stored - 2))], { stdio: ['ignore', 'pipe', 'inherit'] });
      const exited = once(child, 'exit');
      const before = stored;
      const target = stored + 1 + Math.floor(random() * 60);
      let acknowledged = 0;
      const lines = createInterface(child.stdout);
      const closed = once(lines, 'close');
      lines.on('line', (line) => {
        acknowledged = Number(line);
        // A moment after an acknowledgement, so that the next commit is under way.
        if (acknowledged === target) setTimeout(() => child.kill('SIGKILL'), random() * 12);
      });
      assert.deepEqual(await exited, [null, 'SIGKILL']);
      await closed;
      stored = await storedBatches(folder);
      assert.ok(acknowledged >= target && acknowledged > before - 3, `acknowledged up to ${acknowledged}`);
      assert.ok(stored >= acknowledged && stored <= acknowledged + 1, `acknowledged up to ${acknowledged}, stored up to ${stored}`);
    }
    return stored;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

// How many batches the store holds; asserts that they are the first n, each of them once and whole.
async function storedBatches(folder) {
  const store = await openStore(folder);
  try {
    const rows = [];
    for await (const row of store.scan('record', { table: 'killed' })) rows.push(...row.rows.map(({ row: name }) => Number(name)));
    const count = rows.length;
    assert.deepEqual(
      rows,
      Array.from({ length: count }, (_, index) => index + 1),
    );
    const series = Array.from({ length: seriesCount }, (_, index) => `killed.s${index}`);
    const end = now - (now % 60) + 60;
    const range = { series, stepSeconds: 60, start: end - 36_000, end };
    let seen = 0;
    for await (const row of store.scan('measure', range)) {
      seen++;
      for (const column of [row.cells.counts, row.cells.sums])
        assert.equal(
          column.reduce((sum, one) => sum + one, 0),
          count,
          row.series,
        );
    }
    assert.equal(seen, count === 0 ? 0 : seriesCount);
    let part = 0;
    for await (const row of store.scan('histogram', { series: ['killed.part'], stepSeconds: 10, start: now - 60, end: now + 60 }))
      part += numberOf(row.bytes);
    assert.equal(part, (count * (count + 1)) / 2);
    return count;
  } finally {
    await store.close();
  }
}

/** Kills a daemon `kills` times while lines flow: what it has shown is there afterwards, and what is there is a prefix of what was sent. Answers how many points that are. */
export async function killDaemons(kills) {
  const random = randomOf(11);
  const clock = 1_795_392_000;
  const configuration = '[[rule]]\npattern = "^killed"\nmethod = "sum"\n';
  let folder;
  let points = 0;
  for (let kill = 0; kill < kills; kill++) {
    const daemon = await startDaemon({ folder, configuration, words: ['--now', String(clock), '--only', 'http,graphite'] });
    folder = daemon.folder;
    const name = `killed.daemon.n${kill}`;
    let sent = 0;
    let going = true;
    const socket = connect(daemon.ports.graphite, '127.0.0.1').on('error', () => {});
    // Point n has the value 1 and a second of its own on a grid of 10 s, so that a hole would show.
    const pump = () => {
      while (going) {
        const lines = Array.from({ length: 50 }, (_, index) => `${name} 1 ${clock - 20_000 + sent + index}\n`).join('');
        sent += 50;
        if (sent >= 19_000) going = false;
        if (!socket.write(lines)) return;
      }
    };
    socket.on('drain', () => setImmediate(pump));
    socket.on('connect', pump);
    const slots = async (server) =>
      (await server.render(`target=${name}&from=${clock - 20_001}&until=${clock}&now=${clock}&maxDataPoints=5000`))[0] ?? {
        datapoints: [],
      };
    let shown = 0;
    const wanted = 1 + Math.floor(random() * 3000);
    await until(
      async () => {
        shown = sumOf(await slots(daemon));
        return shown;
      },
      (sum) => sum >= wanted,
    );
    daemon.child.kill('SIGKILL');
    await once(daemon.child, 'exit');
    going = false;
    socket.destroy();
    const after = await startDaemon({ folder, configuration, words: ['--now', String(clock), '--only', 'http'] });
    const { datapoints } = await slots(after);
    const values = datapoints.map(([value]) => value ?? 0);
    const total = values.reduce((sum, value) => sum + value, 0);
    assert.ok(total >= shown && total <= sent, `shown ${shown}, stored ${total}, sent ${sent}`);
    const whole = values.findIndex((value) => value !== 10);
    assert.equal(total, 10 * whole + values[whole], 'a prefix: whole slots, one that is begun, nothing behind it');
    points += total;
    assert.equal(await after.stop(), 0);
  }
  rmSync(folder, { recursive: true, force: true });
  return points;
}
