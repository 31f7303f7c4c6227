// nfcapd files beside the real nfdump, record by record, in each packing that it writes; three million flows in nfcapd-peer.nightly.mjs.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hasProgram } from '../build/peers.mjs';
import { compareWithNfdump, packings } from './nfcapd-peer.mjs';

const skip = hasProgram('nfdump') || process.env.CI === 'true' ? false : 'nfdump is missing';

for (const packing of Object.keys(packings)) {
  test(`${packing}: every record as nfdump prints it`, { skip }, () => {
    assert.equal(compareWithNfdump(packing, { flows: 8_000, isRich: true, timeoutMs: 600_000 }), 8_000);
  });
}
