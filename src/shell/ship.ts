/** `weir ship`: follows logs and delivers them to a Weir over HTTP, buffered on disk, each line once. */

import { Usage } from '../base/faults.js';
import { Shipper } from '../serve/shipper.js';
import type { Command, Invocation } from './command.js';

export const ship: Command = {
  name: 'ship',
  summary: 'follows logs and delivers them to a Weir, each line once',
  usage: 'FILES... --to URL',
  description:
    'Follows log files through rotation and truncation and posts their lines in batches. What waits lies on the disk (--data): when the ' +
    'server or this program is down, delivery goes on where it stood, and a batch whose answer was lost counts once. The bearer token, ' +
    'where the server wants one, comes from the environment variable WEIR_TOKEN.',
  options: [
    { name: 'to', value: 'URL', help: 'the server: http://weir.example:8420' },
    { name: 'data', value: 'DIR', help: 'folder of what waits and of the places in the files (default ./weir-ship)' },
    { name: 'format', value: 'FORMAT', help: 'format of the lines, when it is not known by their content' },
    { name: 'once', help: 'delivers what is there and ends' },
  ],
  examples: [
    ['weir ship /var/log/nginx/access.log --to http://10.0.0.5:8420', 'follows one log until it is stopped'],
    ['weir ship --once access.log --to http://127.0.0.1:8420', 'delivers a log that is complete'],
  ],
  run: runShip,
};

async function runShip(invocation: Invocation): Promise<number> {
  const { words, world } = invocation;
  const to = invocation.text('to');
  if (words.length === 0) throw new Usage('ship: no log given');
  if (to === undefined || !/^https?:\/\//.test(to) || !URL.canParse(to))
    throw new Usage('ship: --to URL is missing (expected http://HOST:PORT)');
  const shipper = new Shipper({
    files: words,
    to,
    folder: invocation.text('data') ?? 'weir-ship',
    format: invocation.text('format'),
    token: world.env['WEIR_TOKEN'],
    now: world.now,
    notice: (text) => world.stderr.write(`weir: ${text}\n`),
  });
  const stop = new AbortController();
  const end = (): void => stop.abort();
  process.once('SIGTERM', end);
  process.once('SIGINT', end);
  try {
    if (!invocation.flag('once')) world.stderr.write(`weir: following ${words.length} ${words.length === 1 ? 'file' : 'files'}\n`);
    await shipper.run(stop.signal, invocation.flag('once'));
  } finally {
    process.off('SIGTERM', end);
    process.off('SIGINT', end);
  }
  const { sent, rejected } = shipper;
  world.stderr.write(`weir: ${sent} lines delivered${rejected === 0 ? '' : `, ${rejected} of them rejected by the server`}\n`);
  return 0;
}
