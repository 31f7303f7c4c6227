// Three million flows in each packing that nfdump writes, record by record as nfdump prints them: blocks enough for the pool of cores in all of them.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compareWithNfdump, packings } from './nfcapd-peer.mjs';

for (const packing of Object.keys(packings)) {
  test(`${packing}: three million records as nfdump prints them`, () => {
    assert.equal(compareWithNfdump(packing, { flows: 3_000_000, isRich: false, timeoutMs: 900_000 }), 3_000_000);
  });
}
