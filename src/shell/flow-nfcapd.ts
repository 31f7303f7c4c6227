/** `weir flows --format nfcapd`: writes the selected flows as a file that nfdump 1.7 reads, and says what that layout cannot carry. */

import { Usage } from '../base/faults.js';
import type { FlowBatch } from '../base/flow-batch.js';
import { openOutput } from '../base/output-file.js';
import { NfcapdWriter } from '../render/nfcapd-writer.js';
import { clockOf } from './clock.js';
import type { Invocation } from './command.js';
import type { FlowInputs } from './flow-inputs.js';

/** Whether the name of an output asks for this format. */
export function namesNfcapd(path: string): boolean {
  return /(^|\/)nfcapd\.[^/]*$|\.nfcapd$/.test(path);
}

/** Writes all batches to the file of `-o`. Throws Usage without one: its header is known last. */
export async function writeNfcapd(batches: AsyncGenerator<FlowBatch>, inputs: FlowInputs, invocation: Invocation): Promise<void> {
  const path = invocation.text('output') ?? '-';
  if (path === '-') throw new Usage('--format nfcapd: expected a file to write (-o FILE), since its header is known last');
  const { world } = invocation;
  const output = openOutput(path);
  const writer = new NfcapdWriter();
  try {
    output.write(writer.begin());
    for await (const batch of batches) for (const block of writer.rows(batch)) output.write(block);
    for (const block of writer.end()) output.write(block);
    output.patch(0, writer.head(Math.floor(clockOf(invocation)() / 1000)));
    inputs.report();
    const { subMillisecond, columns } = writer.losses;
    if (subMillisecond > 0)
      world.stderr.write(`weir: ${path}: the times of ${subMillisecond} flows were cut to milliseconds, as nfcapd has them\n`);
    if (columns.size > 0) world.stderr.write(`weir: ${path}: left out, since nfcapd has no place for it: ${[...columns].join(', ')}\n`);
    if (inputs.exitCode() === 1 && invocation.flag('strict')) output.discard();
    else output.finish();
  } catch (error) {
    output.discard();
    throw error;
  }
}
