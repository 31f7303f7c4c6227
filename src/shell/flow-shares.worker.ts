/** A worker that folds one share of the files and gives back its part. */

import { parentPort, workerData } from 'node:worker_threads';
import { Fault } from '../base/faults.js';
import { collectBeforeLeaving } from '../base/leave.js';
import { foldOf } from './flow-folds.js';
import { foldInWorker, type ShareMessage, type ShareOrder } from './flow-shares.js';

void main(workerData as ShareOrder);

async function main(order: ShareOrder): Promise<void> {
  const post = (message: ShareMessage): void => parentPort?.postMessage(message);
  try {
    post({ done: await foldInWorker(foldOf(order.task), order, (flows, file) => post({ flows, file })) });
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    post({ refused: error.line });
  }
  collectBeforeLeaving();
}
