/**
 * `weir flows --format parquet`: the flows streamed into a Parquet file, row group by row group.
 * On a fault no file stands under the final name; standard output takes it too, unless that is a terminal.
 */

import { Usage } from '../base/faults.js';
import type { FlowBatch } from '../base/flow-batch.js';
import { openOutput } from '../base/output-file.js';
import type { FlowParquet } from '../render/flow-parquet.js';
import type { Invocation } from './command.js';
import type { FlowInputs } from './flow-inputs.js';

/** Whether the name of an output says Parquet. */
export function namesParquet(path: string): boolean {
  return /\.(parquet|pq)$/.test(path);
}

/** Writes the flows; the columns are those of the first batch. */
export async function writeParquet(batches: AsyncGenerator<FlowBatch>, inputs: FlowInputs, invocation: Invocation): Promise<void> {
  const path = invocation.text('output') ?? '-';
  if (path === '-' && invocation.world.isTerminal.stdout) throw new Usage('--format parquet to a terminal (expected -o FILE or a pipe)');
  // Loaded only here, so that other outputs start quickly.
  const parquetModule = await import('../render/flow-parquet.js');
  const output = openOutput(path);
  try {
    let parquet: FlowParquet | undefined;
    for await (const batch of batches) {
      parquet ??= new parquetModule.FlowParquet(batch, output.write);
      parquet.add(batch);
    }
    (parquet ?? new parquetModule.FlowParquet(undefined, output.write)).finish();
    if (parquet !== undefined && parquet.leftOut.size > 0)
      invocation.world.stderr.write(`weir: left out: ${[...parquet.leftOut].join(', ')} (--format json holds all)\n`);
    inputs.report();
    if (inputs.exitCode() === 1 && invocation.flag('strict')) output.discard();
    else output.finish();
  } catch (error) {
    output.discard();
    throw error;
  }
}
