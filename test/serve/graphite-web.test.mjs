// Beside the real graphite-web (Debian's 1.1): one Whisper tree, loaded by `weir load`, and some five hundred targets, ranges and words of time asked of both. Names,
// tags, times and values are the same, but for the differences that are listed with their reasons, each of which has to differ.
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { hasProgram } from '../../build/peers.mjs';
import { startDaemon } from './daemon.mjs';

const now = 1_718_460_000;
const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const linesOf = (name) =>
  readFileSync(here(`../data/graphite-web/${name}`), 'utf8')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'));

test('five hundred requests as the real graphite-web answers them', {
  skip: !hasProgram('graphite-manage') && process.env.CI !== 'true' && 'graphite-web is not installed',
}, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'weir-graphite-web-'));
  const peer = spawn('/usr/bin/python3', [here('graphite-web.py'), folder, String(now)], { stdio: ['ignore', 'pipe', 'ignore'] });
  const ended = once(peer, 'exit');
  let daemon;
  try {
    const [port] = await Promise.race([
      once(createInterface(peer.stdout), 'line'),
      ended.then(() => assert.fail('graphite-web did not start')),
    ]);
    const words = ['load', join(folder, 'whisper'), '--data', join(folder, 'data'), '--now', String(now)];
    const loaded = spawnSync(process.execPath, [here('../../bin/weir'), ...words], { encoding: 'utf8', timeout: 600_000 });
    assert.equal(loaded.status, 0, loaded.stderr);
    daemon = await startDaemon({ words: ['--only', 'http', '--now', String(now)], folder });
    const ask = async (base, line) => {
      const response = await fetch(`${base}/render?${queryOf(line)}`);
      const text = await response.text();
      return response.ok ? JSON.parse(text.replaceAll(/-?\bInfinity\b/g, '1e999').replaceAll(/\bNaN\b/g, 'null')) : undefined;
    };
    const bases = [`http://127.0.0.1:${port}`, daemon.url];
    const differs = async (line) => firstDifference(...(await Promise.all(bases.map((base) => ask(base, line)))));
    const failures = [];
    for (const line of linesOf('targets.txt')) {
      const difference = await differs(line);
      if (difference !== undefined) failures.push(`${line}: ${difference}`);
    }
    for (const line of linesOf('differences.txt')) {
      const [target] = line.split(' ## ');
      if ((await differs(target)) === undefined) failures.push(`${target}: differs no more`);
    }
    assert.deepEqual(failures, []);
  } finally {
    await daemon?.stop();
    peer.kill('SIGKILL');
    await ended;
    rmSync(folder, { recursive: true, force: true });
  }
});

// `TARGET [&& TARGET] [;; PARAMETERS]`; two hours to now, unless the parameters say otherwise.
function queryOf(line) {
  const [targets, parameters = ''] = line.split(/\s*;;\s*/);
  const query = new URLSearchParams(parameters);
  for (const target of targets.split(/\s+&&\s+/)) query.append('target', target);
  if (!query.has('from')) query.set('from', '-2h');
  query.set('format', 'json');
  query.set('now', String(now));
  return query;
}

function firstDifference(expected, actual) {
  if (expected === undefined || actual === undefined)
    return expected === actual ? undefined : expected === undefined ? 'no error' : 'an error';
  if (expected.length !== actual.length) return `${actual.length} series, not ${expected.length}`;
  const tagsOf = ({ tags }) =>
    JSON.stringify(
      Object.entries(tags)
        .sort()
        .map(([name, value]) => [name, String(value)]),
    );
  for (const [index, wanted] of expected.entries()) {
    const got = actual[index];
    if (got.target !== wanted.target) return `${got.target}, not ${wanted.target}`;
    if (tagsOf(got) !== tagsOf(wanted)) return `${wanted.target}: tags ${tagsOf(got)}, not ${tagsOf(wanted)}`;
    if (got.datapoints.length !== wanted.datapoints.length)
      return `${wanted.target}: ${got.datapoints.length} points, not ${wanted.datapoints.length}`;
    const at = wanted.datapoints.findIndex(([value, time], point) => !isNear(got.datapoints[point], value, time));
    if (at >= 0) return `${wanted.target}: [${got.datapoints[at]}], not [${wanted.datapoints[at]}]`;
  }
  return undefined;
}

function isNear([value, time], wantedValue, wantedTime) {
  if (time !== wantedTime) return false;
  if (value === null || wantedValue === null) return value === wantedValue;
  return value === wantedValue || Math.abs(value - wantedValue) <= 1e-6 * Math.abs(wantedValue) + 1e-9;
}
