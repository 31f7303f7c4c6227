/** `weir take`: the first n records of a partition, from the store of a folder or from a running server. */

import { once } from 'node:events';
import { Malformed, Usage } from '../base/faults.js';
import { recordBounds } from '../query/records-in.js';
import { rowLines, takeMax, take as takeRows } from '../query/take.js';
import type { Command, Invocation } from './command.js';
import { clockOf, configurationOf, openMetrics } from './metric-store.js';

export const take: Command = {
  name: 'take',
  summary: 'the first records of a partition',
  usage: 'TABLE PARTITION [-n N] [--cursor C]',
  description: `Prints the first N records of a partition as JSON lines, in order of their rows. When more follow, the cursor for them goes to standard
error as "next: ..."; it stays good over restarts and while records are put and deleted. Works beside a running daemon.`,
  options: [
    { name: 'number', short: 'n', value: 'N', help: 'how many records (default 100)' },
    { name: 'cursor', value: 'C', help: 'goes on behind what was given before' },
    { name: 'from-row', value: 'ROW', help: 'only rows from this one on' },
    { name: 'until-row', value: 'ROW', help: 'only rows before this one' },
    { name: 'from', value: 'T', help: 'only records that were put at this time or later' },
    { name: 'until', value: 'T', help: 'only records that were put before this time' },
    { name: 'url', value: 'URL', help: 'asks a running server instead of the store of a folder' },
    { name: 'data', value: 'DIR', help: 'folder of the store (./weir-data)' },
    { name: 'config', value: 'FILE', help: 'configuration (weir.toml in the working folder, if it is there)' },
    { name: 'now', value: 'T', help: 'the time to take as now' },
  ],
  examples: [
    ['weir take messages alice -n 20', "the first 20 of alice's messages"],
    ['weir take messages alice -n 20 --url http://127.0.0.1:8420', 'the same from a server'],
  ],
  run: runTake,
};

async function runTake(invocation: Invocation): Promise<number> {
  const { words, world } = invocation;
  const [table, partition] = words;
  if (table === undefined || partition === undefined || words.length > 2) throw new Usage('take: expected TABLE PARTITION');
  const text = invocation.text('number') ?? '100';
  if (!/^\d{1,9}$/.test(text) || Number(text) > takeMax) throw new Usage(`-n '${text}' (expected a whole number up to ${takeMax})`);
  const bounds = recordBounds((name) => invocation.text(optionOf[name] ?? name));
  const question = { table, partition, n: Number(text), cursor: invocation.text('cursor'), ...bounds };
  const url = invocation.text('url');
  const next = url === undefined ? await fromStore(question, invocation) : await fromServer(url, question, invocation);
  if (next !== undefined) world.stderr.write(`next: ${next}\n`);
  return 0;
}

const optionOf: Readonly<Record<string, string>> = { fromRow: 'from-row', untilRow: 'until-row' };

type Question = Parameters<typeof takeRows>[1];

async function fromStore(question: Question, invocation: Invocation): Promise<string | undefined> {
  const { store, metrics } = await openMetrics(invocation, configurationOf(invocation), clockOf(invocation), true);
  try {
    const { blocks, next } = await takeRows(store, question);
    let piece = '';
    for await (const rows of blocks) {
      piece += rowLines(question.partition, rows);
      if (piece.length < 65_536) continue;
      await write(invocation, piece);
      piece = '';
    }
    await write(invocation, piece);
    return next;
  } finally {
    await metrics.close();
  }
}

async function fromServer(url: string, { table, partition, n, cursor }: Question, invocation: Invocation): Promise<string | undefined> {
  const address = new URL('/api/take', url);
  const bounds = ['fromRow', 'untilRow', 'from', 'until'].map((name) => [name, invocation.text(optionOf[name] ?? name)] as const);
  for (const [name, value] of [...Object.entries({ table, partition, n: String(n), cursor }), ...bounds])
    if (value !== undefined) address.searchParams.set(name, value);
  const token = invocation.world.env.WEIR_TOKEN;
  let response: Response;
  try {
    response = await fetch(address, {
      headers: { 'Accept-Encoding': 'identity', ...(token === undefined ? {} : { Authorization: `Bearer ${token}` }) },
    });
  } catch (error) {
    throw new Malformed('no server answers', { file: url }, error);
  }
  if (!response.ok || response.body === null) {
    const said = ((await response.json().catch(() => ({}))) as { error?: { message?: string } }).error?.message;
    throw new Malformed(`the server answered ${response.status}${said === undefined ? '' : `: ${said}`}`, { file: url });
  }
  for await (const piece of response.body) await write(invocation, piece);
  return response.headers.get('weir-next') ?? undefined;
}

async function write({ world }: Invocation, piece: string | Uint8Array): Promise<void> {
  if (piece.length > 0 && !world.stdout.write(piece)) await once(world.stdout, 'drain');
}
