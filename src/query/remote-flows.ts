/**
 * Flow records of another Weir: `/api/flows` with `format=blocks` streams them as a store keeps them, and what is asked for is selected there. `WEIR_TOKEN`
 * goes along as a bearer token.
 *
 *   | size u32 LE | a block (keep/flow-block.ts) with the rows' numbers | ... | 0 u32 | rows f64 LE: how many there are, those that were left out too |
 */

import { Malformed, Refused, Usage } from '../base/faults.js';
import type { FlowBatch } from '../base/flow-batch.js';
import type { ReadOptions } from '../collect/format.js';
import { FlowBlockReader, type FlowRows } from '../keep/flow-block.js';
import { blockBytesMax } from '../keep/flow-memory.js';
import type { RemoteFlows } from './flow-sources.js';
import { type FlowWindow, readBlock, wantedNames } from './stored-flows.js';

/** Asks a server; answers its body. Throws Usage for what it calls a wrong question, Refused where it does not answer one. */
export async function askServer(
  url: string,
  path: string,
  parameters: Iterable<readonly [string, string]>,
  token: string | undefined,
): Promise<AsyncIterable<Uint8Array>> {
  if (!URL.canParse(url)) throw new Usage(`'${url}' is no address (expected http://HOST:PORT)`);
  const address = new URL(path, url);
  const body = new URLSearchParams([...parameters].map(([name, value]): [string, string] => [name, value]));
  let answer: Response;
  try {
    answer = await fetch(address, { method: 'POST', body, headers: token === undefined ? {} : { Authorization: `Bearer ${token}` } });
  } catch (error) {
    throw new Refused(`${address.origin}: no answer (expected a running weir serve)`, {}, error);
  }
  if (answer.ok && answer.body !== null) return answer.body;
  const said = messageOf(await answer.text());
  throw answer.status === 400 ? new Usage(said) : new Refused(`${address.origin}: status ${answer.status}: ${said}`);
}

function messageOf(body: string): string {
  try {
    return (JSON.parse(body) as { error?: { message?: string } }).error?.message ?? body.slice(0, 300);
  } catch {
    return body.slice(0, 300);
  }
}

/** The flows of a server. */
export async function* remoteFlows(
  url: string,
  reading: ReadOptions,
  { firstFrom, firstTo }: FlowWindow,
  { filter, token }: RemoteFlows,
): AsyncGenerator<FlowBatch, number> {
  const parameters = Object.entries({ format: 'blocks', filter, from: firstFrom?.toString(), to: firstTo?.toString() });
  const body = await askServer(
    url,
    '/api/flows',
    parameters.flatMap(([name, value]) => (value === undefined ? [] : [[name, value] as const])),
    token,
  );
  const reader = new FlowBlockReader();
  const names = wantedNames(reading);
  const frames = framesOf(body, url);
  try {
    for (;;) {
      const next = await frames.next();
      if (next.done === true) return next.value;
      const batch = readBlock(reader, next.value, names, url);
      for (let row = 0; row < batch.count; row++) batch.number[row] = reading.numberBefore + (batch.number[row] as number);
      yield batch;
    }
  } finally {
    // Whoever has enough lets the server know.
    await frames.return(0);
  }
}

/** The frame of a block. */
export function frameOf({ bytes }: FlowRows): Uint8Array {
  const size = Buffer.alloc(4);
  size.writeUInt32LE(bytes.length, 0);
  return Buffer.concat([size, bytes]);
}

/** What ends the frames. */
export function lastFrame(rows: number): Uint8Array {
  const frame = Buffer.alloc(12);
  frame.writeDoubleLE(rows, 4);
  return frame;
}

// The blocks of an answer; answers the rows that there are.
async function* framesOf(body: AsyncIterable<Uint8Array>, url: string): AsyncGenerator<Uint8Array, number> {
  let held = Buffer.alloc(0);
  let wanted = 4;
  try {
    for await (const chunk of body) {
      held = Buffer.concat([held, chunk]);
      while (held.length >= wanted) {
        const size = held.readUInt32LE(0);
        if (size > blockBytesMax) throw new Malformed('the answer is no stream of flows (expected a running weir serve)', { file: url });
        wanted = size === 0 ? 12 : 4 + size;
        if (held.length < wanted) break;
        if (size === 0) return held.readDoubleLE(4);
        yield held.subarray(4, wanted);
        held = held.subarray(wanted);
        wanted = 4;
      }
    }
  } catch (error) {
    if (error instanceof Malformed) throw error;
    throw new Malformed('the answer broke off (what came before is used)', { file: url }, error);
  }
  throw new Malformed('the answer ended early (what came before is used)', { file: url });
}
