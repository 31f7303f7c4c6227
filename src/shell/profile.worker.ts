/** A worker of `weir profile`: counts one share of the files and gives back its cells. */

import { parentPort, workerData } from 'node:worker_threads';
import { collectBeforeLeaving } from '../base/leave.js';
import { countShare, type ProfileMessage, type ProfileOrder } from './profile-files.js';

const post = (message: ProfileMessage): void => parentPort?.postMessage(message);

post({ part: await countShare(workerData as ProfileOrder, (flows) => post({ flows })) });
collectBeforeLeaving();
