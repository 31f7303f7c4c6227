/** What `weir store` does with the counts of requests, which lie beside the metrics in the folder `hits`: prints, copies and tidies them. */

import { closeSync, copyFileSync, existsSync, fsyncSync, mkdirSync, openSync, readSync, statSync, writeSync } from 'node:fs';
import { basename, join } from 'node:path';
import { Refused } from '../base/faults.js';
import { showBytes } from '../base/hit.js';
import type { PeriodCounts } from '../fold/hit-counter.js';
import { servedOctaves } from '../fold/hit-counts.js';
import { HitJournal } from '../keep/hit-journal.js';
import type { World } from './command.js';

const hitsIn = (data: string): string => join(data, 'hits');

/** Whether a store's folder holds counts of requests. */
export function holdsHits(data: string): boolean {
  return existsSync(join(hitsIn(data), 'hits.journal'));
}

function openHits(data: string, now: () => number, readOnly: boolean): HitJournal {
  return new HitJournal({ folder: hitsIn(data), specs: [], now, readOnly }).open();
}

/**
 * Prints the counts of every quarter of an hour: JSON lines, one a slot, or CSV, a line a key (`time,by,key,count,error`; the line whose key is empty is
 * the total of the list, and `requests` and `bytes` stand as lists without keys).
 */
export async function dumpHits(data: string, now: () => number, json: boolean, { stdout }: World): Promise<void> {
  if (!holdsHits(data)) throw new Refused('there are no counts of requests here (weir load or weir serve make them)', { file: data });
  const journal = openHits(data, now, true);
  if (!json) stdout.write('time,by,key,count,error\n');
  for (const slot of journal.slots()) {
    if (!stdout.write(json ? slotJson(slot) : slotCsv(slot))) await new Promise((resolve) => stdout.once('drain', resolve));
  }
  await journal.close();
}

function slotJson({ period, counts: { requests, bytes, statusClasses, served, tallies } }: PeriodCounts): string {
  const statuses = Object.fromEntries(
    statusClasses.flatMap((count, digit) => (count === 0 ? [] : [[digit === 0 ? 'unknown' : `${digit}xx`, count]])),
  );
  const lists = Object.fromEntries(
    [...tallies].map(([name, { total, floor, keys }]) => [
      name,
      { total, exact: floor === 0, error: floor, keys: [...keys].map(([key, { count }]) => [showBytes(key), count]) },
    ]),
  );
  const time = new Date(period.startMs).toISOString();
  return `${JSON.stringify({ time, requests, bytes, statuses, ...(served.size === 0 ? {} : { servedMs: servedOctaves(served) }), lists })}\n`;
}

function slotCsv({ period, counts: { requests, bytes, tallies } }: PeriodCounts): string {
  const time = new Date(period.startMs).toISOString();
  const rows: (readonly [by: string, key: string, count: number, error: number])[] = [
    ['requests', '', requests, 0],
    ['bytes', '', bytes, 0],
  ];
  for (const [name, { total, floor, keys }] of tallies) {
    rows.push([name, '', total, floor]);
    for (const [key, { count, error }] of keys) rows.push([name, showBytes(key), count, error]);
  }
  return rows.map(([by, key, count, error]) => `${time},${by},${quote(key)},${count},${error}\n`).join('');
}

function quote(text: string): string {
  return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** Copies the counts of one moment into another store's folder; another process may go on counting. Answers the bytes written. */
export async function copyHits(data: string, target: string, now: () => number): Promise<number> {
  mkdirSync(hitsIn(target), { recursive: true });
  const journal = openHits(data, now, true);
  try {
    const { bytes, descriptor, days } = journal.extent;
    let written = bytes;
    for (const { path, inode, bytes: size } of days) {
      copyFileSync(path, join(hitsIn(target), basename(path)));
      if (statSync(path).ino !== inode) throw new Refused('the counts were tidied while they were copied (ask again)', { file: path });
      written += size;
    }
    copyBytes(descriptor, join(hitsIn(target), 'hits.journal'), bytes);
    return written;
  } finally {
    await journal.close();
  }
}

function copyBytes(from: number, path: string, size: number): void {
  const to = openSync(path, 'wx');
  try {
    const chunk = Buffer.alloc(1 << 20);
    for (let at = 0; at < size; ) {
      const got = readSync(from, chunk, 0, Math.min(chunk.length, size - at), at);
      if (got === 0) throw new Refused('the journal of counts ends early', { file: path });
      for (let done = 0; done < got; ) done += writeSync(to, chunk, done, got - done);
      at += got;
    }
    fsyncSync(to);
  } finally {
    closeSync(to);
  }
}

/** Merges what came in parts and writes the journal anew. Answers the bytes before and after. */
export async function compactHits(data: string, now: () => number): Promise<{ before: number; after: number }> {
  const journal = openHits(data, now, false);
  const size = (): number => journal.extent.days.reduce((sum, day) => sum + day.bytes, journal.extent.bytes);
  try {
    const before = size();
    await journal.compact();
    return { before, after: size() };
  } finally {
    await journal.close();
  }
}
