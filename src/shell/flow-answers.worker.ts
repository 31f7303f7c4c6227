/**
 * The process that answers a question about a store's flows for `weir serve`: it reads its order from standard input, writes the answer to standard output, and a
 * report as JSON to standard error. It is the commands themselves that answer, told by the order what a command line would tell them.
 */

import { readFileSync } from 'node:fs';
import { Writable } from 'node:stream';
import { Corrupt, Fault, Malformed, Usage } from '../base/faults.js';
import { collectBeforeLeaving } from '../base/leave.js';
import { openOutput } from '../base/output-file.js';
import { instantOption } from '../base/time.js';
import { FlowBlockWriter } from '../keep/flow-block.js';
import { frameOf, lastFrame } from '../query/remote-flows.js';
import type { FlowAnswerer, FlowOrder } from '../serve/flow-questions.js';
import type { FlowReport } from '../serve/flow-routes.js';
import type { Invocation } from './command.js';
import { FlowInputs } from './flow-inputs.js';
import { flows } from './flows.js';
import { packets } from './packets.js';
import { profile } from './profile.js';

const saidMax = 20;
const answerers: Readonly<Record<FlowAnswerer, (invocation: Invocation) => Promise<number>>> = {
  flows: flows.run,
  profile: profile.run,
  packets: packets.run,
  blocks,
};

/** Flows as a store keeps them, with their numbers, for another Weir to read. */
async function blocks(invocation: Invocation): Promise<number> {
  const inputs = new FlowInputs(invocation);
  const [from, to] = [instantOption('from', invocation.text('from')), instantOption('to', invocation.text('to'))];
  const output = openOutput('-');
  const writer = new FlowBlockWriter(true);
  for await (const batch of inputs.selected(from, to)) for (const block of writer.add(batch)) output.write(frameOf(block));
  for (const block of writer.end()) output.write(frameOf(block));
  inputs.report();
  if (inputs.exitCode() === 0) output.write(lastFrame(inputs.reading.rowCount()));
  return inputs.exitCode();
}

async function answer(): Promise<FlowReport> {
  const said: string[] = [];
  try {
    const { command, data, options } = JSON.parse(readFileSync(0, 'utf8')) as FlowOrder;
    const stderr = new Writable({
      decodeStrings: false,
      write: (text: string, _, done) => {
        if (said.length < saidMax) said.push(text.replace(/^weir: /, '').trim());
        done();
      },
    });
    const invocation: Invocation = {
      words: [data],
      text: (name) => options[name]?.at(-1),
      list: (name) => options[name] ?? [],
      // A store that holds no flows yet has an empty answer.
      flag: (name) => name === 'may-be-empty' || options[name] !== undefined,
      world: {
        stdin: process.stdin,
        stdout: process.stdout,
        stderr,
        isTerminal: { stdout: false, stderr: false },
        env: process.env,
        now: () => Date.now(),
        monotonicMs: () => performance.now(),
        signal: new AbortController().signal,
      },
    };
    return { code: await answerers[command](invocation), said };
  } catch (error) {
    return { code: 1, fault: faultOf(error), said };
  }
}

function faultOf(error: unknown): FlowReport['fault'] {
  if (!(error instanceof Fault)) return { kind: 'bug', message: error instanceof Error ? (error.stack ?? error.message) : String(error) };
  const kind = error instanceof Usage || error instanceof Malformed ? 'malformed' : error instanceof Corrupt ? 'corrupt' : 'refused';
  return { kind, message: error.line };
}

process.stdout.on('error', () => process.exit(0));
void answer().then((report) => {
  process.exitCode = report.code;
  process.stderr.write(JSON.stringify(report));
  collectBeforeLeaving();
});
