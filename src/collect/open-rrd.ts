/** Opens an RRDtool database of either kind, known by its first bytes: an `.rrd` file or an XML dump. */

import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { Refused } from '../base/faults.js';
import { RrdFile } from './rrd.js';
import type { RrdDatabase } from './rrd-database.js';
import { RrdDump } from './rrd-dump.js';

/** The database in a file; throws Malformed with the offset when it is none or damaged. */
export function openRrd(file: string): RrdDatabase {
  const descriptor = openSync(file, 'r');
  let isXml: boolean;
  try {
    const status = fstatSync(descriptor);
    if (!status.isFile())
      throw new Refused(`is ${status.isDirectory() ? 'a folder' : 'a pipe or a device'} (expected an RRD file)`, { file });
    isXml = isDump(firstBytes(descriptor));
  } catch (error) {
    closeSync(descriptor);
    throw error;
  }
  if (!isXml) return new RrdFile(file, descriptor);
  closeSync(descriptor);
  return new RrdDump(file);
}

/** Whether a file's first bytes are those of an `.rrd` file or of a dump of one. */
export function isRrd(file: string): boolean {
  const descriptor = openSync(file, 'r');
  try {
    const first = firstBytes(descriptor);
    return first.startsWith('RRD\0') || isDump(first);
  } finally {
    closeSync(descriptor);
  }
}

function isDump(first: string): boolean {
  return /^\s*<(\?xml|!--\s*Round Robin|!DOCTYPE rrd|rrd[\s>])/.test(first) && /<rrd[\s>]|Round Robin/.test(first);
}

function firstBytes(descriptor: number): string {
  const bytes = Buffer.alloc(512);
  return bytes.toString('latin1', 0, readSync(descriptor, bytes, 0, bytes.length, 0));
}
