/** Opens an RRDtool database of either kind, known by its first bytes: an `.rrd` file or an XML dump. */

import { closeSync, openSync, readSync, statSync } from 'node:fs';
import { Refused } from '../base/faults.js';
import { RrdFile } from './rrd.js';
import type { RrdDatabase } from './rrd-database.js';
import { RrdDump } from './rrd-dump.js';

/** The database in a file; throws Malformed with the offset when it is none or damaged. */
export function openRrd(file: string): RrdDatabase {
  if (statSync(file).isDirectory()) throw new Refused('is a folder (expected an RRD file)', { file });
  return isDump(file) ? new RrdDump(file) : new RrdFile(file);
}

/** Whether a file's first bytes are those of an `.rrd` file or of a dump of one. */
export function isRrd(file: string): boolean {
  return isDump(file) || firstBytes(file).startsWith('RRD\0');
}

function isDump(file: string): boolean {
  return /^\s*<(\?xml|!--\s*Round Robin|!DOCTYPE rrd|rrd[\s>])/.test(firstBytes(file)) && /<rrd[\s>]|Round Robin/.test(firstBytes(file));
}

function firstBytes(file: string): string {
  const descriptor = openSync(file, 'r');
  try {
    const bytes = Buffer.alloc(512);
    return bytes.toString('latin1', 0, readSync(descriptor, bytes, 0, bytes.length, 0));
  } finally {
    closeSync(descriptor);
  }
}
