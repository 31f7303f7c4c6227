/**
 * Questions about flows that a running server answers whole: where its address stands alone, and nothing is asked that only this machine can do, the server selects,
 * folds and prints, and what it answers is handed on. In all other cases its flows come here (`query/remote-flows.ts`).
 */

import { Malformed } from '../base/faults.js';
import { openOutput } from '../base/output-file.js';
import { isServer } from '../query/flow-sources.js';
import { type FlowRoute, flowParameters } from '../serve/flow-questions.js';
import type { Invocation } from './command.js';
import { namesNfcapd } from './flow-nfcapd.js';
import { flowFormatOf } from './flow-reports.js';

/** Whether the server that the words name can answer by itself. */
export function isAnswered(words: readonly string[], invocation: Invocation): boolean {
  const [word, ...others] = words;
  if (word === undefined || others.length > 0 || !isServer(word)) return false;
  const isLocal = ['filter-file', 'columns', 'rejects'].some((name) => invocation.text(name) !== undefined);
  const isNfcapd =
    flowFormatOf(invocation) === 'nfcapd' || (flowFormatOf(invocation) === undefined && namesNfcapd(invocation.text('output') ?? ''));
  return !isLocal && !isNfcapd && invocation.text('filter')?.includes('@') !== true;
}

/** Writes what a server answers to `weir flows`; answers the exit code. */
export async function printAnswer(server: string, format: string, invocation: Invocation): Promise<number> {
  const body = await ask(server, 'flows', { format }, invocation);
  const output = openOutput(invocation.text('output') ?? '-');
  try {
    for await (const chunk of body) output.write(chunk);
    output.finish();
  } catch (error) {
    output.discard();
    throw error instanceof TypeError ? new Malformed('the answer broke off', { file: server }, error) : error;
  }
  return 0;
}

/** What a server answers, as one text. */
export async function textOfServer(
  server: string,
  route: FlowRoute,
  given: Readonly<Record<string, string>>,
  invocation: Invocation,
): Promise<string> {
  const chunks: Uint8Array[] = [];
  try {
    for await (const chunk of await ask(server, route, given, invocation)) chunks.push(chunk);
  } catch (error) {
    throw error instanceof TypeError ? new Malformed('the answer broke off', { file: server }, error) : error;
  }
  return Buffer.concat(chunks).toString();
}

async function ask(
  server: string,
  route: FlowRoute,
  given: Readonly<Record<string, string>>,
  invocation: Invocation,
): Promise<AsyncIterable<Uint8Array>> {
  const parameters: (readonly [string, string])[] = Object.entries(given);
  for (const [name, [option, kind]] of Object.entries(flowParameters[route])) {
    if (name in given || name === 'until') continue;
    if (kind === 'flag') {
      if (invocation.flag(option)) parameters.push([name, '1']);
    } else
      for (const value of kind === 'texts' ? invocation.list(option) : invocation.list(option).slice(-1)) parameters.push([name, value]);
  }
  const { askServer } = await import('../query/remote-flows.js');
  return await askServer(server, `/api/${route}`, parameters, invocation.world.env['WEIR_TOKEN']);
}
