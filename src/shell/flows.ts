/** `weir flows`: reads flow records of any format, selects, and prints them as CSV, JSON lines or a count. */

import { Usage } from '../base/faults.js';
import type { FlowBatch } from '../base/flow-batch.js';
import { openOutput } from '../base/output-file.js';
import { checkTimeZone, instantOption } from '../base/time.js';
import { csvRows, type FlowRows, jsonRows } from '../render/flow-rows.js';
import { tableRows } from '../render/flow-table.js';
import { fmtRows } from '../render/fmt-rows.js';
import type { Command, Invocation } from './command.js';
import { CountFold } from './flow-folds.js';
import { FlowInputs, inputOptions, wordsOf } from './flow-inputs.js';
import { namesNfcapd, writeNfcapd } from './flow-nfcapd.js';
import { namesParquet, writeParquet } from './flow-parquet-output.js';
import { asksReport, flowFormatOf, inOrder, reportFormatOf, reportOptions, writeReports } from './flow-reports.js';
import { isAnswered, printAnswer } from './flow-server.js';
import { setOptions } from './flow-sets.js';
import { coresOption, foldFlows } from './flow-shares.js';
import { countedFlows } from './flow-statistics.js';
import { FlowProgress } from './progress.js';
import { writeWhole } from './write-whole.js';

const outputs: Readonly<Record<string, (epoch: boolean) => FlowRows>> = { csv: csvRows, json: jsonRows, table: tableRows };

const formats = [...Object.keys(outputs), 'parquet', 'nfcapd', 'fmt:...'];

export const flows: Command = {
  name: 'flows',
  summary: 'reads, filters, converts and counts flow records',
  usage: 'FLOWS... [-o FILE] [OPTIONS]',
  description: `Reads flow records of any format that Weir knows and prints them. FLOWS are files, folders, globs, - for standard input,
a store's folder or a server's address; the format is known by its content, gzip and zstd around it too.

Rows that cannot be read are counted by cause on standard error and their neighbours are kept.`,
  options: [
    {
      name: 'output',
      short: 'o',
      value: 'FILE',
      help: 'writes there instead of to standard output; written beside and renamed when complete',
    },
    {
      name: 'format',
      value: 'NAME',
      help: `${formats.join(', ')} (nfdump's elements, as fmt:%ts %sap %dap %byt); else the file's ending, else csv`,
    },
    { name: 'json', help: 'the same as --format json' },
    { name: 'csv', help: 'the same as --format csv' },
    { name: 'count', help: 'prints one JSON document: flows, packets, bytes, rejected' },
    { name: 'epoch', help: 'times as epoch seconds with decimals' },
    { name: 'plain-numbers', short: 'N', help: 'in fmt: whole numbers, protocol numbers' },
    { name: 'long-addresses', short: '6', help: 'in fmt: IPv6 addresses in full' },
    ...reportOptions,
    coresOption,
    ...setOptions,
    ...inputOptions,
  ],
  examples: [
    ['weir flows samples/flows.csv --count', 'how many flows, packets and bytes there are'],
    ['weir flows --data weir-data --top ip/bytes', 'who sent and received most, of the flows of a store'],
    ["weir flows /var/netflow/2026/11/23 --filter 'proto udp and port 53' --format json", 'DNS flows of a day as JSON lines'],
  ],
  run: async (invocation) => {
    checkFormat(flowFormatOf(invocation), invocation);
    if (wordsOf(invocation).length === 0)
      throw new Usage('flows: expected at least one file, folder, glob, -, store or server, or --data DIR');
    const [server] = wordsOf(invocation);
    if (server !== undefined && isAnswered(wordsOf(invocation), invocation))
      return await printAnswer(server, serverFormat(invocation), invocation);
    if (invocation.flag('count')) return count(invocation);
    if (asksReport(invocation)) return writeReports(invocation);
    const inputs = new FlowInputs(invocation);
    const [from, to] = [instantOption('from', invocation.text('from')), instantOption('to', invocation.text('to'))];
    const selected = withProgress(inputs.selected(from, to), inputs, invocation);
    const path = invocation.text('output') ?? '';
    const format = flowFormatOf(invocation) ?? (namesNfcapd(path) ? 'nfcapd' : namesParquet(path) ? 'parquet' : '');
    if (format === 'nfcapd') await writeNfcapd(inOrder(selected, invocation), inputs, invocation);
    else if (format === 'parquet') await writeParquet(inOrder(selected, invocation), inputs, invocation);
    else await print(inOrder(selected, invocation), inputs, invocation);
    return inputs.exitCode();
  },
};

function checkFormat(name: string | undefined, invocation: Invocation): void {
  if (name?.startsWith('fmt:')) rowsOf(name, invocation);
  else if (name === undefined || formats.includes(name)) return;
  else throw new Usage(`--format '${name}': expected one of ${formats.join(', ')}`);
}

// What a server is asked for: what would be printed here.
function serverFormat(invocation: Invocation): string {
  const path = invocation.text('output') ?? '';
  const ending = /\.(jsonl?|ndjson)$/.test(path) ? 'json' : namesParquet(path) ? 'parquet' : undefined;
  if (asksReport(invocation) && !invocation.flag('count')) return reportFormatOf(invocation);
  return flowFormatOf(invocation) ?? ending ?? 'csv';
}

async function count(invocation: Invocation): Promise<number> {
  const fold = new CountFold();
  const { rejected, failed } = await foldFlows(fold, { kind: 'count' }, invocation);
  const { flows: read, packets, bytes } = fold.part();
  const flows = failed || rejected.size > 0 ? read : (countedFlows(invocation, packets, bytes) ?? read);
  if (flows !== read) invocation.world.stderr.write(`weir: the files count ${flows} flows, of which ${read} have records\n`);
  const said = `${JSON.stringify({ flows, packets: Number(packets), bytes: Number(bytes), rejected: Object.fromEntries(rejected) })}\n`;
  const path = invocation.text('output');
  if (path === undefined) invocation.world.stdout.write(said);
  else if (!failed || !invocation.flag('strict')) writeWhole(path, said);
  return failed ? 1 : 0;
}

async function print(batches: AsyncGenerator<FlowBatch>, inputs: FlowInputs, invocation: Invocation): Promise<void> {
  const path = invocation.text('output') ?? '-';
  const ending = /\.(jsonl?|ndjson)$/.test(path) ? 'json' : 'csv';
  const rows = rowsOf(flowFormatOf(invocation) ?? ending, invocation);
  const output = openOutput(path);
  try {
    let isFirst = true;
    for await (const batch of batches) {
      if (isFirst) output.write(rows.head(batch));
      isFirst = false;
      output.write(rows.rows(batch));
    }
    if (isFirst) output.write(rows.head(undefined));
    output.write(rows.tail());
    if (rows.leftOut !== undefined) sayLeftOut(rows.leftOut, invocation);
    inputs.report();
    if (inputs.exitCode() === 1 && invocation.flag('strict')) output.discard();
    else output.finish();
  } catch (error) {
    output.discard();
    throw error;
  }
}

function rowsOf(format: string, invocation: Invocation): FlowRows {
  if (!format.startsWith('fmt:')) return (outputs[format] ?? csvRows)(invocation.flag('epoch'));
  return fmtRows(format.slice(4), {
    plain: invocation.flag('plain-numbers'),
    long: invocation.flag('long-addresses'),
    zone: zoneOption(invocation),
  });
}

/** The batches, and on a terminal how many files and flows are done, unless the flows themselves go there. */
async function* withProgress(
  batches: AsyncGenerator<FlowBatch>,
  inputs: FlowInputs,
  { text, world }: Invocation,
): AsyncGenerator<FlowBatch> {
  const isShown = (text('output') ?? '-') !== '-' || !world.isTerminal.stdout;
  const progress = isShown ? new FlowProgress(world, inputs.reading.files) : undefined;
  try {
    for await (const batch of batches) {
      progress?.update(batch.count, batch.file);
      yield batch;
    }
  } finally {
    progress?.clear();
  }
}

/** Says which columns came too late for the file. */
export function sayLeftOut(leftOut: ReadonlySet<string>, { world }: Invocation): void {
  if (leftOut.size > 0)
    world.stderr.write(`weir: left out: ${[...leftOut].join(', ')}: the head of the file was written before (--format json holds all)\n`);
}

/** The zone of `--tz`, checked. */
export function zoneOption(invocation: Invocation): string {
  return checkTimeZone(invocation.text('tz') ?? 'UTC');
}
