// A Whisper tree in the store answers as the real Graphite answered over the tree itself; loading it again, or after it was cut short, counts no point twice.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const golden = ['../shared/data/graphite-render', 'test/data/graphite-render']
  .map((path) => join(root, path))
  .find((path) => existsSync(path));
const folder = mkdtempSync(join(tmpdir(), 'weir-load-'));
const data = join(folder, 'data');
const weir = (...words) => spawnSync(process.execPath, [join(root, 'bin/weir'), ...words], { encoding: 'utf8', cwd: folder });

test('a Whisper tree in the store', { skip: golden === undefined && 'no goldens here' }, async (t) => {
  const { now, cases } = JSON.parse(readFileSync(join(golden, 'cases.json'), 'utf8'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));

  await t.test('goes in once', () => {
    const first = weir('load', join(golden, 'whisper'), '--data', data, '--now', String(now));
    assert.equal(first.status, 0, first.stderr);
    assert.match(first.stderr, /11 Whisper files: loaded 15557 points of 11 series/);
    const again = weir('load', join(golden, 'whisper'), '--data', data, '--now', String(now));
    assert.match(again.stderr, /loaded 0 points of 11 series, 15557 points were in already/);
  });

  await t.test('answers plain paths as Graphite does', () => {
    const plain = cases.filter(
      ({ path, params, json }) =>
        path === '/render' &&
        params.format === 'json' &&
        json?.length > 0 &&
        /^[\w.*{},]+$/.test(String(params.target)) &&
        params.maxDataPoints === undefined,
    );
    assert.ok(plain.length >= 3, `${plain.length} cases`);
    for (const { id, params, json } of plain) {
      const words = ['--from', params.from ?? '-1d', '--until', params.until ?? 'now', '--tz', params.tz ?? 'UTC'];
      const { stdout, status, stderr } = weir('query', params.target, '--data', data, '--now', String(now), '--json', ...words);
      assert.equal(status, 0, stderr);
      const answers = JSON.parse(stdout);
      assert.deepEqual(
        answers.map(({ target }) => target),
        json.map(({ target }) => target),
        id,
      );
      json.forEach(({ datapoints }, index) => {
        const shown = answers[index].datapoints;
        assert.deepEqual(
          shown.map(([, time]) => time),
          datapoints.map(([, time]) => time),
          id,
        );
        datapoints.forEach(([value, time], slot) => {
          // What Whisper's own factor hid of a coarse slot is there in the finer points.
          if (value !== null)
            assert.ok(
              Math.abs(value - shown[slot][0]) <= 1e-6 * Math.max(1, Math.abs(value)),
              `${id} at ${time}: ${shown[slot][0]}, not ${value}`,
            );
        });
      });
    }
  });

  await t.test('keeps a sum whole where an archive ends', () => {
    const file = join(golden, 'whisper/stats/counters/api/requests/count.wsp');
    const dump = JSON.parse(
      weir('whisper', 'fetch', file, '--from', String(now - 172_800), '--until', String(now), '--now', String(now), '--json').stdout,
    );
    const whole = dump.values.reduce((sum, value) => sum + (value ?? 0), 0);
    const shown = JSON.parse(
      weir('query', 'stats.counters.api.requests.count', '--data', data, '--now', String(now), '--from', '-2d', '--json').stdout,
    );
    const total = shown[0].datapoints.reduce((sum, [value]) => sum + (value ?? 0), 0);
    assert.equal(total, whole);
  });

  await t.test('says what is damaged and takes the rest', () => {
    const tree = join(folder, 'tree');
    mkdirSync(join(tree, 'a'), { recursive: true });
    copyFileSync(join(golden, 'whisper/stats/gauges/queue/depth.wsp'), join(tree, 'a/whole.wsp'));
    writeFileSync(join(tree, 'a/cut.wsp'), readFileSync(join(tree, 'a/whole.wsp')).subarray(0, 5000));
    writeFileSync(join(tree, 'a/packed.cwsp'), Buffer.concat([Buffer.from('whisper_compressed\0'), Buffer.alloc(1000)]));
    writeFileSync(join(dirname(tree), 'storage-schemas.conf'), '[all]\npattern = .*\nretentions = 10s:6h\n');
    const { status, stderr } = weir('load', tree, '--data', join(folder, 'other'), '--now', String(now));
    assert.equal(status, 1);
    assert.match(stderr, /cut\.wsp@5000: .*cut short/);
    assert.match(stderr, /packed\.cwsp@0: a compressed Whisper file/);
    assert.match(stderr, /whole\.wsp: archives 60:1440, \[all\] says 10:2160; the file's are kept/);
    assert.match(stderr, /3 Whisper files: loaded 1234 points of 1 series, 2 files were left out/);
    assert.doesNotMatch(stderr, /^ +at /m);
  });
});
