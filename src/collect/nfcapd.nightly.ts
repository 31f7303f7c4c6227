/**
 * nfcapd files cut at every offset, with every bit of their heads and a share of all others flipped, and with hostile numbers in every place: never a
 * crash, a hang, memory beyond what a block may have, or flows that are missing without a word.
 */

import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { readFlows } from './open.js';

const source = fileURLToPath(new URL('../../test/data/nfcapd/', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'weir-nfcapd-fuzz-'));
after(() => rmSync(folder, { recursive: true, force: true }));
const memoryMaxBytes = 600 << 20;
const hostile = [0, 1, 11, 0xffff, 0x7fffffff, 0x80000000, 0xffffffff];

for (const name of readdirSync(source).filter((file) => file.endsWith('.nfcapd'))) {
  const whole = readFileSync(join(source, name));
  const isOld = whole.readUInt16LE(2) === 1;
  const path = join(folder, name);
  const countOf = async (bytes: Uint8Array): Promise<{ rows: number; said: number }> => {
    writeFileSync(path, bytes);
    let notices = 0;
    const reading = readFlows([path], { onNotice: () => notices++ });
    let rows = 0;
    for await (const batch of reading.batches()) rows += batch.count;
    return { rows, said: reading.failures.length + reading.rejected.size + notices };
  };

  test(`${name}: cut at every offset`, async () => {
    const { rows: all } = await countOf(whole);
    for (let cut = 1; cut < whole.length; cut++) {
      const { rows, said } = await countOf(whole.subarray(0, cut));
      // What is cut of the appendix are no flows; a head of layout 1 with no block behind it is that of an empty file.
      assert.ok(rows === all || said > 0, `cut at ${cut}: ${rows} rows of ${all}, and no word of it`);
    }
  });

  test(`${name}: bits flipped and hostile numbers`, async () => {
    const { rows: all } = await countOf(whole);
    const heads = isOld ? 288 : 52;
    for (let bit = 0; bit < whole.length * 8; bit += bit < (heads + 200) * 8 ? 1 : 61) {
      const bent = Buffer.from(whole);
      bent[bit >> 3] = (bent[bit >> 3] as number) ^ (1 << (bit & 7));
      const { rows } = await countOf(bent);
      assert.ok(rows <= all + 64, `bit ${bit}: ${rows} rows of ${all}`);
    }
    for (let at = 0; at + 4 <= Math.min(whole.length, heads + 400); at += 2) {
      for (const value of hostile) {
        const bent = Buffer.from(whole);
        bent.writeUInt32LE(value, at);
        const { rows } = await countOf(bent);
        assert.ok(rows <= all + 64, `${value} at ${at}: ${rows} rows of ${all}`);
      }
    }
    assert.ok(process.memoryUsage().rss < memoryMaxBytes, `${process.memoryUsage().rss} bytes of memory`);
  });
}
