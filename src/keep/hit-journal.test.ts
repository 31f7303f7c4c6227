import { deepEqual, equal, throws } from 'node:assert/strict';
import { copyFileSync, mkdtempSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { Corrupt, Refused } from '../base/faults.js';
import { emptyHit } from '../base/hit.js';
import { parseKeySpecs } from '../fold/hit-keys.js';
import { quarterMs } from '../fold/period.js';
import { hitCounterOfQuarters } from './hit-batch.js';
import { HitJournal } from './hit-journal.js';

const specs = parseKeySpecs('url,status');
const start = Date.UTC(2025, 0, 1);

function folderFor(context: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'weir-journal-'));
  context.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

function counterOf(urls: readonly string[], timeMs = start): ReturnType<typeof hitCounterOfQuarters> {
  const counter = hitCounterOfQuarters(specs, 1 << 20);
  for (const target of urls) counter.add({ ...emptyHit(), timeMs, target, status: 200 });
  return counter;
}

function contents(journal: HitJournal): Record<string, number> {
  const sums: Record<string, number> = {};
  for (const { period, counts } of journal.slots()) {
    for (const [key, { count }] of counts.tallies.get('url')?.keys ?? []) {
      const name = `${(period.startMs - start) / quarterMs} ${key}`;
      sums[name] = (sums[name] ?? 0) + count;
    }
  }
  return sums;
}

const opened = (folder: string, nowMs = start): HitJournal => new HitJournal({ folder, specs, now: () => nowMs }).open();

test('batches last, count once by their identity, and settle into one part a slot', async (context) => {
  const folder = folderFor(context);
  let journal = opened(folder, start + 10 * quarterMs);
  const answers = await Promise.all([
    journal.commit({ counter: counterOf(['/a', '/b', '/a']), identity: 'one' }),
    journal.commit({ counter: counterOf(['/a']), identity: 'one' }),
    journal.commit({ counter: counterOf(['/c'], start + quarterMs), notes: new Map([['tail:x', '7']]) }),
  ]);
  deepEqual(answers, [true, false, true]);
  for (let index = 0; index < 20; index++) await journal.commit({ counter: counterOf(['/b', `/${index}`]) });
  const before = contents(journal);
  equal(before['0 /b'], 21);
  await journal.close();
  journal = opened(folder, start + 10 * quarterMs);
  deepEqual(contents(journal), before);
  while (await journal.settle());
  deepEqual(contents(journal), before);
  equal([...journal.slots()].length, 2);
  equal(await journal.commit({ counter: counterOf(['/a']), identity: 'one' }), false);
  await journal.close();
  journal = opened(folder);
  deepEqual(contents(journal), before);
  equal(journal.note('tail:x'), '7');
  await journal.close();
});

test('what is past its keep goes, and stays gone', async (context) => {
  const folder = folderFor(context);
  const keepMs = (): number => 3 * quarterMs;
  const journal = new HitJournal({ folder, specs, now: () => start + 5 * quarterMs, keepMs }).open();
  for (let slot = 0; slot < 6; slot++) await journal.commit({ counter: counterOf(['/a'], start + slot * quarterMs) });
  while (await journal.settle());
  const kept = { '2 /a': 1, '3 /a': 1, '4 /a': 1, '5 /a': 1 };
  deepEqual(contents(journal), kept);
  await journal.close();
  const again = opened(folder);
  deepEqual(contents(again), kept);
  await again.close();
});

test('cut anywhere, a journal holds the batches that were whole, and goes on from there', async (context) => {
  const folder = folderFor(context);
  const path = join(folder, 'hits.journal');
  const journal = opened(folder);
  const sizes = [0];
  for (const url of ['/a', '/b', '/c']) {
    await journal.commit({ counter: counterOf([url]), identity: url });
    sizes.push(statSync(path).size);
  }
  await journal.close();
  copyFileSync(path, `${path}.whole`);
  for (let size = 0; size <= (sizes[3] ?? 0); size += 1) {
    copyFileSync(`${path}.whole`, path);
    truncateSync(path, size);
    const cut = opened(folder);
    const whole = sizes.filter((end) => end > 0 && end <= size).length;
    equal(Object.keys(contents(cut)).length, whole, `cut at ${size}`);
    if (size % 37 === 0) {
      equal(await cut.commit({ counter: counterOf(['/c']), identity: '/c' }), whole < 3);
      equal(contents(cut)['0 /c'], 1);
    }
    await cut.close();
  }
});

test('a changed byte in a part is found when it is read; a second writer is refused', async (context) => {
  const folder = folderFor(context);
  const path = join(folder, 'hits.journal');
  const journal = opened(folder);
  await journal.commit({ counter: counterOf(['/aaaa']) });
  writeFileSync(join(folder, 'writer.lock'), String(process.ppid));
  throws(() => opened(folder), Refused);
  await journal.close();
  writeFileSync(path, readFileSync(path, 'latin1').replace('/aaaa', '/abaa'), 'latin1');
  const changed = opened(folder);
  throws(() => contents(changed), Corrupt);
  await changed.close();
});

test('a batch too large for memory goes in parts and counts whole', async (context) => {
  const folder = folderFor(context);
  let journal = opened(folder);
  const { add } = journal.begin();
  add(counterOf(['/lost']).periods.values());
  await journal.close();
  journal = opened(folder);
  deepEqual(contents(journal), {}, 'parts without their end do not count');
  const batch = journal.begin();
  batch.add(counterOf(['/a']).periods.values());
  batch.add(counterOf(['/a', '/b']).periods.values());
  await batch.finish('file:1');
  equal(journal.knows('file:1'), true);
  deepEqual(contents(journal), { '0 /a': 2, '0 /b': 1 });
  await journal.close();
});
