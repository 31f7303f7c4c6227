// `weir rrd -` is killed by SIGKILL while readings are under way, again and again: what it had answered with OK is there, every reading with its value.
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';

const bin = fileURLToPath(new URL('../bin/weir', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'weir-rrd-killed-'));
after(() => rmSync(folder, { recursive: true, force: true }));
const start = 1_700_000_040;
const timeOf = (index) => start + 60 * index;
const readingOf = (index) => ((index * 7919) % 1000) / 8;

function weir(...words) {
  const done = spawnSync(process.execPath, [bin, 'rrd', ...words], { encoding: 'utf8', cwd: folder, maxBuffer: 1 << 26 });
  assert.equal(done.status, 0, done.stderr);
  return done.stdout;
}

/** Feeds readings from number `first` on, `aLine` a line, until `target` lines are answered, and kills; answers how many lines were. */
async function feedAndKill(first, aLine, target) {
  const child = spawn(process.execPath, [bin, 'rrd', '-'], { cwd: folder, stdio: ['pipe', 'pipe', 'inherit'] });
  const exited = once(child, 'exit');
  child.stdin.on('error', () => {});
  let [told, answered] = [0, 0];
  const tell = () => {
    for (let text = ''; told < answered + 2000; told += 50, text = '') {
      for (let line = told; line < told + 50; line++) {
        const readings = Array.from({ length: aLine }, (_, at) => first + line * aLine + at);
        text += `update ping.rrd ${readings.map((index) => `${timeOf(index)}:${readingOf(index)}`).join(' ')}\n`;
      }
      child.stdin.write(text);
    }
  };
  tell();
  for await (const chunk of child.stdout) {
    const lines = String(chunk).split('\n').slice(0, -1);
    assert.ok(
      lines.every((line) => line.startsWith('OK')),
      String(chunk).slice(0, 200),
    );
    answered += lines.length;
    if (answered >= target) child.kill('SIGKILL');
    else tell();
  }
  assert.deepEqual(await exited, [null, 'SIGKILL']);
  return answered;
}

test('what was acknowledged is kept', async () => {
  weir('create', 'ping.rrd', '--start', String(start), '--step', '60', 'DS:rtt:GAUGE:120:0:U', 'RRA:AVERAGE:0.5:1:200000');
  let kept = 0;
  for (const [aLine, target] of [
    [1, 1],
    [1, 2500],
    [60, 300],
    [7, 4100],
  ]) {
    const answered = await feedAndKill(kept + 1, aLine, target);
    const last = Number(/^(\d+):/m.exec(weir('lastupdate', 'ping.rrd'))[1]);
    const before = kept;
    kept = (last - start) / 60;
    assert.ok(kept >= before + answered * aLine, `${answered} lines of ${aLine} acknowledged after ${before}, ${kept} readings there`);
    const rows = weir('fetch', 'ping.rrd', 'AVERAGE', '-s', String(start), '-e', String(last - 60))
      .split('\n')
      .filter((line) => /^\d+: [\d.]+e/.test(line))
      .map((line) => line.split(': ').map(Number));
    assert.deepEqual(
      rows.map(([time]) => time),
      Array.from({ length: kept }, (_, at) => timeOf(at + 1)),
    );
    for (const [at, [, value]] of rows.entries()) assert.equal(value, readingOf(at + 1), `reading ${at + 1}`);
  }
});
