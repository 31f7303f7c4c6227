import assert from 'node:assert/strict';
import { copyFileSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Fault } from '../base/faults.js';
import { WhisperFile } from './whisper.js';

const data = fileURLToPath(new URL('../../test/data/whisper/', import.meta.url));
interface Golden {
  file: string;
  aggregationMethod: string;
  dump: {
    maxRetention: number;
    xFilesFactor: number;
    archives: { offset: number; secondsPerPoint: number; points: number; storedPoints: [number, number][] }[];
  };
  fetch: {
    from_: number;
    until: number;
    now: number;
    result?: { start: number; end: number; step: number; values: (number | null)[] } | null;
    error?: string;
  }[];
}
const goldens = (JSON.parse(readFileSync(join(data, 'cases.json'), 'utf8')) as { cases: Golden[] }).cases;

test('there are goldens', () => assert.ok(goldens.length >= 4));

for (const golden of goldens) {
  test(`${golden.file}: header, stored points and fetches are whisper's own`, () => {
    const file = new WhisperFile(join(data, golden.file));
    assert.equal(file.header.aggregationMethod, golden.aggregationMethod);
    assert.equal(file.header.maxRetention, golden.dump.maxRetention);
    assert.equal(file.header.archives.length, golden.dump.archives.length);
    file.header.archives.forEach((archive, index) => {
      const wanted = golden.dump.archives[index];
      assert.deepEqual(
        [archive.offset, archive.secondsPerPoint, archive.points],
        [wanted?.offset, wanted?.secondsPerPoint, wanted?.points],
      );
      const stored: [number, number][] = [];
      file.forEachSlot(archive, (_slot, time, value) => {
        if (time !== 0) stored.push([time, value]);
      });
      const byTime = (left: [number, number], right: [number, number]): number => left[0] - right[0];
      assert.deepEqual(stored.sort(byTime), [...(wanted?.storedPoints ?? [])].sort(byTime));
    });
    for (const asked of golden.fetch) {
      if (asked.error !== undefined) {
        assert.throws(() => file.fetch(asked.from_, asked.until, asked.now), /is after/);
        continue;
      }
      const got = file.fetch(asked.from_, asked.until, asked.now);
      if (asked.result === null || asked.result === undefined) assert.equal(got, undefined);
      else {
        assert.deepEqual([got?.start, got?.end, got?.step], [asked.result.start, asked.result.end, asked.result.step]);
        assert.deepEqual(
          [...(got?.values ?? [])].map((value) => (Number.isNaN(value) ? null : value)),
          asked.result.values,
        );
      }
    }
    file.close();
  });
}

test('broken and compressed files are refused with a place', () => {
  const broken = readdirSync(join(data, 'malformed')).filter((name) => /wsp$/.test(name));
  assert.ok(broken.length >= 3);
  for (const name of broken) assert.throws(() => new WhisperFile(join(data, 'malformed', name)), Fault, name);
});

test('cut at every offset: refused, or read whole', () => {
  const folder = mkdtempSync(join(tmpdir(), 'weir-whisper-'));
  const source = join(data, 'overwrite-and-ring.wsp');
  const whole = readFileSync(source);
  const path = join(folder, 'cut.wsp');
  for (let length = 0; length < whole.length; length++) {
    writeFileSync(path, whole.subarray(0, length));
    assert.throws(() => new WhisperFile(path), Fault, `cut at ${length}`);
  }
  copyFileSync(source, path);
  const file = new WhisperFile(path);
  assert.equal(file.header.fileSizeBytes, whole.length);
  file.close();
  rmSync(folder, { recursive: true });
  assert.ok(!existsSync(path));
});

test('flipped header bytes never crash or read outside the file', () => {
  const folder = mkdtempSync(join(tmpdir(), 'weir-whisper-'));
  const whole = readFileSync(join(data, 'overwrite-and-ring.wsp'));
  const path = join(folder, 'flipped.wsp');
  let refused = 0;
  for (let at = 0; at < 40; at++) {
    for (const bit of [1, 16, 128]) {
      const bytes = Buffer.from(whole);
      bytes[at] = (bytes[at] ?? 0) ^ bit;
      writeFileSync(path, bytes);
      try {
        const file = new WhisperFile(path);
        for (const archive of file.header.archives)
          assert.ok(file.values(archive, 1_700_000_000, 1_700_000_400).values.length <= archive.points);
        file.close();
      } catch (error) {
        assert.ok(error instanceof Fault, String(error));
        refused++;
      }
    }
  }
  assert.ok(refused > 20);
  rmSync(folder, { recursive: true });
});
