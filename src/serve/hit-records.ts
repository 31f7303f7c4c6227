/**
 * Hits as records, where `[logs] records` asks for them: table `hits`, partition the client, row the time and a mark that tells requests of one
 * instant apart. A mark is made of where a line stood (the place in a followed file, the number in a batch of known identity), so that a line that is
 * read again after a crash is the same record. `weir take hits 10.0.0.1 -n 20` reads them.
 */

import { createHash } from 'node:crypto';
import { type Hit, showBytes } from '../base/hit.js';
import type { RecordPut } from '../keep/store.js';

/** The table of hits. */
export const hitTable = 'hits';

const partitionSizeMax = 512;
const texts = ['method', 'vhost', 'user', 'referer', 'agent', 'keyword'] as const;

/** The record of a hit. */
export function hitRecord(hit: Hit, mark: string): RecordPut {
  const { timeMs, host, target, status, bytes, servedMs } = hit;
  const fields: Record<string, string | number> = { time: new Date(timeMs).toISOString(), url: showBytes(target) };
  for (const name of texts) if (hit[name] !== '') fields[name] = showBytes(hit[name]);
  if (status !== 0) fields['status'] = status;
  fields['bytes'] = bytes;
  if (!Number.isNaN(servedMs)) fields['ms'] = Math.round(servedMs * 1000) / 1000;
  const partition = showBytes(host.slice(0, partitionSizeMax)).replaceAll('\0', '\\x00') || '-';
  return { table: hitTable, partition, row: `${fields['time']}-${mark}`, value: JSON.stringify(fields) };
}

/** Marks of the lines of one source, in their order; the `text` of a line tells it from another that once stood in its place. */
export function marksOf(source: string): (at: number, text?: string) => string {
  const name = digest(source, 10);
  return (at, text) => `${name}-${at.toString(36).padStart(8, '0')}${text === undefined ? '' : `-${digest(text, 8)}`}`;
}

function digest(text: string, size: number): string {
  return createHash('sha1').update(text, 'latin1').digest('hex').slice(0, size);
}
