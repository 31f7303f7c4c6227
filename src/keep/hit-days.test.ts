import { deepEqual, equal, throws } from 'node:assert/strict';
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import fc from 'fast-check';
import { Corrupt } from '../base/faults.js';
import { emptyHit } from '../base/hit.js';
import { parseKeySpecs } from '../fold/hit-keys.js';
import { hitCounterOfQuarters } from './hit-batch.js';
import { dayMs } from './hit-days.js';
import { HitJournal } from './hit-journal.js';

const specs = parseKeySpecs('url');
const start = Date.UTC(2025, 0, 1);

function folderFor(context: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'weir-days-'));
  context.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

function counterOf(timeMs: number, urls: readonly string[]): ReturnType<typeof hitCounterOfQuarters> {
  const counter = hitCounterOfQuarters(specs, 1 << 20);
  for (const target of urls) counter.add({ ...emptyHit(), timeMs, target, status: 200 });
  return counter;
}

function contents(journal: HitJournal): Record<string, number> {
  const sums: Record<string, number> = {};
  for (const { period, counts } of journal.slots()) {
    for (const [key, { count }] of counts.tallies.get('url')?.keys ?? []) {
      const name = `${period.startMs} ${key}`;
      sums[name] = (sums[name] ?? 0) + count;
    }
  }
  return sums;
}

const dayNames = (folder: string): string[] => readdirSync(folder).filter((name) => name.startsWith('day-'));

test('whatever is committed, tidied, killed and opened again, in any order: each hit is counted once', async (context) => {
  const root = folderFor(context);
  let runs = 0;
  const operation = fc.oneof(
    fc.record({ op: fc.constant('commit' as const), day: fc.nat(4), hour: fc.nat(2), url: fc.nat(3) }),
    fc.record({ op: fc.constantFrom('settle' as const, 'compact' as const, 'open' as const, 'kill' as const, 'beside' as const) }),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(operation, { maxLength: 40 }), async (operations) => {
      let folder = join(root, `${runs++}`);
      const options = { specs, now: () => start + 6 * dayMs, rewriteBytes: 1500 };
      let journal = new HitJournal({ folder, ...options }).open();
      const expected: Record<string, number> = {};
      let number = 0;
      for (const step of operations) {
        if (step.op === 'commit') {
          const time = start + step.day * dayMs + step.hour * 3_600_000;
          // Tidying meanwhile keeps no commit from its answer.
          const [counted] = await Promise.all([
            journal.commit({ counter: counterOf(time, [`/${step.url}`]), identity: `run-${++number}` }),
            journal.settle(),
          ]);
          equal(counted, true);
          equal(await journal.commit({ counter: counterOf(time, ['/twice']), identity: `run-${number}` }), false);
          expected[`${time} /${step.url}`] = (expected[`${time} /${step.url}`] ?? 0) + 1;
        } else if (step.op === 'settle') while (await journal.settle());
        else if (step.op === 'compact') await journal.compact();
        else if (step.op === 'beside') {
          const reader = new HitJournal({ folder, ...options, readOnly: true }).open();
          deepEqual(contents(reader), expected);
          await reader.close();
        } else {
          const copy = join(root, `${runs++}`);
          if (step.op === 'kill') cpSync(folder, copy, { recursive: true, filter: (name) => !name.endsWith('writer.lock') });
          await journal.close();
          if (step.op === 'kill') folder = copy;
          journal = new HitJournal({ folder, ...options }).open();
        }
        deepEqual(contents(journal), expected, JSON.stringify(operations));
      }
      await journal.close();
    }),
    { numRuns: 60 },
  );
});

test('passed days leave the journal, which stays short; late hits join them; days past their keep go', async (context) => {
  const folder = folderFor(context);
  let [nowMs, keepMs] = [start, 0];
  const options = { folder, specs, now: () => nowMs, keepMs: () => keepMs, rewriteBytes: 20_000 };
  let journal = new HitJournal(options).open();
  const urls = Array.from({ length: 50 }, (_, index) => `/a/path/of/some/length/${index}`);
  for (let hour = 0; hour < 24 * 6; hour++) {
    nowMs = start + hour * 3_600_000;
    await journal.commit({ counter: counterOf(nowMs, urls) });
    while (await journal.settle());
  }
  equal(dayNames(folder).length >= 4, true);
  equal(statSync(join(folder, 'hits.journal')).size < 150_000, true);
  const before = contents(journal);
  equal(Object.values(before).length, 24 * 6 * 50);
  await journal.commit({ counter: counterOf(start, ['/late']) });
  await journal.compact();
  deepEqual(contents(journal), { ...before, [`${start} /late`]: 1 });
  await journal.close();
  keepMs = 3 * dayMs;
  journal = new HitJournal(options).open();
  while (await journal.settle());
  equal(Math.min(...[...journal.slots()].map(({ period }) => period.startMs)) >= nowMs - keepMs, true);
  equal(dayNames(folder).length <= 4, true);
  await journal.close();
  const reader = new HitJournal({ ...options, readOnly: true }).open();
  equal(Math.min(...[...reader.slots()].map(({ period }) => period.startMs)) >= nowMs - keepMs, true);
  await reader.close();
});

test('a damaged day is told with its file', async (context) => {
  const folder = folderFor(context);
  const options = { folder, specs, now: () => start + 9 * dayMs };
  const journal = new HitJournal(options).open();
  await journal.commit({ counter: counterOf(start, ['/aaaa']) });
  await journal.compact();
  await journal.close();
  const path = join(folder, 'day-2025-01-01.hits');
  const whole = readFileSync(path, 'latin1');
  writeFileSync(path, whole.replace('/aaaa', '/abaa'), 'latin1');
  throws(() => contents(new HitJournal({ ...options, readOnly: true }).open()), Corrupt);
  for (let size = 0; size < whole.length; size += 7) {
    writeFileSync(path, whole.slice(0, size), 'latin1');
    throws(() => new HitJournal({ ...options, readOnly: true }).open(), Corrupt, `cut at ${size}`);
  }
});
