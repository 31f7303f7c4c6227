/**
 * The worker of `count-many.ts`: counts its shares and posts the bytes read now and then, and what it counted at the end.
 */

import { Readable } from 'node:stream';
import { parentPort, workerData } from 'node:worker_threads';
import { collectBeforeLeaving } from '../base/leave.js';
import { countShares, optionsOf, type ShareOrder, type ShareResult } from './count-many.js';
import { LogScan } from './log-scan.js';

void main(workerData as ShareOrder);

async function main(order: ShareOrder): Promise<void> {
  const scan = new LogScan(optionsOf(order));
  let unsaid = 0;
  const failures = await countShares(order.shares, scan, Readable.from([]), (bytes) => {
    unsaid += bytes;
    if (unsaid < 8 << 20) return;
    parentPort?.postMessage(unsaid);
    unsaid = 0;
  });
  const result = scan.result();
  const answer: ShareResult = { result, failures };
  parentPort?.postMessage(answer, [result.entries.buffer]);
  collectBeforeLeaving();
}
