/**
 * Where `weir top` gets its lists when it is given no logs: the counts of a store's folder, or a running server's `/api/top`, whose lines are
 * the same rows.
 */

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { Malformed, Refused, Usage } from '../base/faults.js';
import { parseKeySpecs } from '../fold/hit-keys.js';
import { HitJournal } from '../keep/hit-journal.js';
import type { TopRow } from '../query/rank.js';
import { type StoredTopOptions, storedTop } from '../query/stored-top.js';
import type { Invocation } from './command.js';

/** The rows of a store's counts. */
export function topOfStore(data: string, options: StoredTopOptions, nowMs: number): TopRow[] {
  const folder = join(data, 'hits');
  if (!existsSync(join(folder, 'hits.journal')))
    throw new Malformed('no counts of requests in this store (weir load or weir serve make them)', { file: data });
  for (let attempt = 0; ; attempt++) {
    try {
      const journal = new HitJournal({ folder, specs: parseKeySpecs(options.by), now: () => nowMs, readOnly: true }).open();
      return storedTop(journal, options);
    } catch (error) {
      // A daemon tidied while this was reading.
      if (!(error instanceof Refused) || error instanceof Usage || attempt > 2) throw error;
    }
  }
}

/** The rows that a server answers. */
export async function topOfServer(url: string, options: StoredTopOptions, { world }: Invocation): Promise<TopRow[]> {
  if (!URL.canParse(url)) throw new Usage(`'${url}' is no address (expected http://HOST:PORT)`);
  const address = new URL('/api/top', url);
  const { by, per, zone, n, compare, fromMs, toMs, visitors } = options;
  const texts = {
    by,
    per,
    tz: zone,
    n: String(n),
    compare,
    from: timeText(fromMs),
    to: timeText(toMs),
    visitors: visitors ? '1' : undefined,
  };
  for (const [name, text] of Object.entries(texts)) if (text !== undefined) address.searchParams.set(name, text);
  const token = world.env['WEIR_TOKEN'];
  let answer: Response;
  let body: string;
  try {
    answer = await fetch(address, { headers: token === undefined ? {} : { Authorization: `Bearer ${token}` } });
    body = await answer.text();
  } catch (error) {
    throw new Refused(`${address.origin}: no answer (expected a running weir serve)`, {}, error);
  }
  if (answer.ok) return rowsOf(body, address.origin);
  const said = messageOf(body);
  if (answer.status === 400 || answer.status === 422) throw new Usage(said);
  throw new Refused(`${address.origin}: status ${answer.status}: ${said}`);
}

function rowsOf(body: string, origin: string): TopRow[] {
  try {
    return body
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as TopRow);
  } catch (error) {
    throw new Malformed(`${origin}: the answer is no JSON lines (expected a running weir serve)`, {}, error);
  }
}

function messageOf(body: string): string {
  try {
    return (JSON.parse(body) as { error?: { message?: string } }).error?.message ?? body.slice(0, 300);
  } catch {
    return body.slice(0, 300);
  }
}

function timeText(ms: number): string | undefined {
  return Number.isFinite(ms) ? String(ms / 1000) : undefined;
}
