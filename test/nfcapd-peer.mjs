// Generated flows packed by the real nfdump in each way that it knows, then printed by it and by Weir, record by record: the same lines.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, readSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { writeNfcapd } from './nfcapd-files.mjs';
import { writeRichNfcapd } from './nfcapd-rich.mjs';

const weir = fileURLToPath(new URL('../bin/weir', import.meta.url));
/** How nfdump 1.7.1 is told to pack. */
export const packings = { none: [], lzo: ['-z'], lz4: ['-y'], bz2: ['-j'] };
const format =
  'fmt:%ts,%te,%tr,%pr,%sa,%da,%sp,%dp,%flg,%tos,%dtos,%pkt,%byt,%opkt,%obyt,%in,%out,%sas,%das,%nas,%pas,%smk,%dmk,%sn,%dn,%fwd,%dir,%svln,%dvln,%nh,%nhb,%ra,%exp,%eng,%ismc,%odmc,%idmc,%osmc,%mpls1,%mpls2,%mpls3,%mpls4';

/** Compares `flows` records in the packing and answers how many there were, all the same; `isRich`: with every element that the file format has for routers. */
export function compareWithNfdump(packing, { flows, isRich, timeoutMs }) {
  const folder = mkdtempSync(join(tmpdir(), 'weir-peer-'));
  const run = (program, words, to) => {
    const out = to === undefined ? 'pipe' : openSync(to, 'w');
    const env = { ...process.env, TZ: 'UTC' };
    const { status, stdout, stderr } = spawnSync(program, words, {
      env,
      stdio: ['ignore', out, 'pipe'],
      encoding: 'utf8',
      timeout: timeoutMs,
    });
    if (to !== undefined) closeSync(out);
    assert.equal(status, 0, `${program}: ${stderr}`);
    return stdout;
  };
  try {
    const [plain, packed, theirs, mine] = ['nfcapd.plain', 'nfcapd.packed', 'theirs', 'mine'].map((name) => join(folder, name));
    (isRich ? writeRichNfcapd : writeNfcapd)(plain, { flows, startMs: Date.UTC(2026, 10, 23, 17) });
    run('nfdump', ['-r', plain, ...packings[packing], '-w', packed]);
    run('nfdump', ['-r', packed, '-q', '-N', '-6', '-o', format], theirs);
    run(process.execPath, [weir, 'flows', packed, '-N', '-6', '--format', format], mine);
    const lines = sameLines(theirs, mine);
    const counted = JSON.parse(run(process.execPath, [weir, 'flows', packed, '--count']));
    assert.deepEqual([counted.flows, counted.rejected], [lines, {}]);
    return lines;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** How many lines two files have, which are the same. */
function sameLines(left, right) {
  const files = [left, right].map((path) => openSync(path, 'r'));
  const parts = files.map(() => Buffer.alloc(1 << 20));
  let lines = 0;
  try {
    for (;;) {
      const [one, other] = files.map((file, index) => readSync(file, parts[index], 0, parts[index].length, null));
      const [these, those] = [parts[0].subarray(0, one), parts[1].subarray(0, other)];
      if (!these.equals(those)) {
        const at = these.findIndex((byte, index) => byte !== those[index]);
        const around = [these, those].map((part) => part.toString('latin1', Math.max(0, at - 200), at + 200));
        assert.fail(`after ${lines} lines:\n${around.join('\n---\n')}`);
      }
      if (one === 0) return lines;
      for (const byte of these) if (byte === 10) lines += 1;
    }
  } finally {
    files.forEach(closeSync);
  }
}
