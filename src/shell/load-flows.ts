/** `weir load` of flow files: each of any format that `weir flows` reads, its rows into the store. What is done is said for each file, rejects row by row while they are few. */

import { statSync } from 'node:fs';
import { checkTimeZone } from '../base/time.js';
import type { Reject } from '../collect/format.js';
import { loadFlows as loadFile } from '../query/load-flows.js';
import type { Invocation } from './command.js';
import { clockOf, configurationOf, openMetrics } from './metric-store.js';
import { ProgressLine } from './progress.js';

/** Rows that fail are shown one by one up to this many; then only counted. */
const shownRejectsMax = 5;

/** Loads the files; answers false if any could not be read to its end. */
export async function loadFlows(files: readonly string[], invocation: Invocation): Promise<boolean> {
  const { world } = invocation;
  const clock = clockOf(invocation);
  const zone = invocation.text('tz');
  const columns = invocation.text('columns');
  const { store, metrics } = await openMetrics(invocation, configurationOf(invocation), clock, false);
  const say = (text: string): unknown => world.stderr.write(`weir: ${text}\n`);
  const sizes = files.map((file) => statSync(file, { throwIfNoEntry: false })?.size ?? 0);
  const total = Math.max(
    1,
    sizes.reduce((sum, size) => sum + size, 0),
  );
  const line = world.isTerminal.stderr ? new ProgressLine(world, 'flows') : undefined;
  let [fine, shown, done, before] = [true, 0, 0, 0];
  try {
    for (const [index, file] of files.entries()) {
      const loaded = await loadFile(file, {
        store,
        now: () => clock() / 1000,
        ...(zone === undefined ? {} : { timeZone: checkTimeZone(zone) }),
        ...(columns === undefined ? {} : { columns }),
        onReject: (reject) => {
          if (shown++ < shownRejectsMax) say(`${placeOf(reject)}: ${reject.cause}: ${reject.message}`);
        },
        onNotice: say,
        progress: (flows) => line?.update(before + flows, (done + (sizes[index] ?? 0) / 2) / total, `${index} of ${files.length} files, `),
      });
      line?.clear();
      done += sizes[index] ?? 0;
      before += loaded.flows + loaded.known;
      if (loaded.failure !== undefined) {
        fine = false;
        say(loaded.failure.line);
      }
      const rejected = [...loaded.rejected].map(([cause, count]) => `${cause} ${count}`).join(', ');
      const known = loaded.known === 0 ? '' : `, ${loaded.known} loaded before, counted once`;
      say(`${file}: ${loaded.flows} flows${known}${rejected === '' ? '' : `, rejected: ${rejected}`}`);
    }
  } finally {
    line?.clear();
    await metrics.close();
  }
  return fine;
}

function placeOf({ file, line, offset }: Reject): string {
  return line !== undefined ? `${file}:${line}` : offset !== undefined ? `${file}@${offset}` : file;
}
