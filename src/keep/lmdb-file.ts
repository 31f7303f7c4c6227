/**
 * Looks at the file of an LMDB environment before it is mapped: what is no environment, or ends long before its last page, would end the process with a
 * signal instead of a message. Of the two meta pages the one with the higher transaction counts. Pages at the end that were taken and given back within one
 * transaction are never written, so a sound file may be a little short; who may write to it makes it whole with zeroes, which nothing sound refers to.
 *
 *   meta page, native byte order (LMDB 1.0's layout, as the lmdb package has it); the second begins one page size later
 *   +-----------------+-----------------+---------------+----------------+-----+------------------+-----------------+
 *   | 0 page header   | 24 magic u32    | 28 version u32 | 48 page size u32 | ... | 144 last page u64 | 152 transaction u64 |
 *   +-----------------+-----------------+---------------+----------------+-----+------------------+-----------------+
 */

import { closeSync, fstatSync, ftruncateSync, openSync, readSync } from 'node:fs';
import { endianness } from 'node:os';
import { Corrupt, Refused } from '../base/faults.js';
import { lockFolder } from './folder-lock.js';

const magic = 0xbeefc0de;
const shareMin = 0.75;
const metaBytes = 160;
const pageSizeMax = 65_536;

/** Throws Corrupt when the file cannot be whole. The lock of the folder must be held unless it is opened for reading. An empty one is fine where it may be written: it becomes an environment. Answers whether it has its full size now. */
export function checkLmdbFile(file: string, readOnly: boolean): boolean {
  const descriptor = openSync(file, readOnly ? 'r' : 'r+');
  try {
    if (!readOnly && fstatSync(descriptor).size === 0) return true;
    const pageSize = metaOf(descriptor, 0, file).pageSize;
    if (pageSize < 512 || pageSize > pageSizeMax || (pageSize & (pageSize - 1)) !== 0)
      throw new Corrupt(`has pages of ${pageSize} bytes (expected a store of Weir's)`, { file });
    const metas = [metaOf(descriptor, 0, file), metaOf(descriptor, pageSize, file)];
    const newest = metas.reduce((one, two) => (two.transaction > one.transaction ? two : one));
    // The size is asked for after the metas were read: a writer makes the file longer before it says so.
    const { size } = fstatSync(descriptor);
    const needed = (newest.lastPage + 1) * pageSize;
    if (size < needed * shareMin) throw new Corrupt(`ends at ${size} bytes (expected ${needed}): it is cut off`, { file });
    if (size >= needed) return true;
    if (!readOnly) ftruncateSync(descriptor, needed);
    return !readOnly;
  } finally {
    closeSync(descriptor);
  }
}

/** Makes a file that is a little short whole before it is read, unless there is a writer: it has seen to that. */
export function mendLmdbFile(folder: string, file: string): void {
  if (checkLmdbFile(file, true)) return;
  let unlock: () => void;
  try {
    unlock = lockFolder(folder);
  } catch (error) {
    if (error instanceof Refused) return;
    throw error;
  }
  try {
    checkLmdbFile(file, false);
  } finally {
    unlock();
  }
}

function metaOf(descriptor: number, offset: number, file: string): { pageSize: number; lastPage: number; transaction: number } {
  const bytes = new DataView(new ArrayBuffer(metaBytes));
  const got = readSync(descriptor, bytes, 0, metaBytes, offset);
  const little = endianness() === 'LE';
  if (got < metaBytes || bytes.getUint32(24, little) !== magic)
    throw new Corrupt("is no store, or its head is damaged (expected a store of Weir's)", { file });
  return {
    pageSize: bytes.getUint32(48, little),
    lastPage: Number(bytes.getBigUint64(144, little)),
    transaction: Number(bytes.getBigUint64(152, little)),
  };
}

/** An error of the driver as one that a user can read, where it is the disk's or the file's. */
export function faultOf(error: unknown, folder: string): unknown {
  const message = error instanceof Error ? error.message : String(error);
  if (/no space|ENOSPC|disk quota|File too large|Input\/output/i.test(message)) {
    return new Refused(`the store cannot be written: ${message} (expected room on the disk)`, { file: folder }, error);
  }
  if (/MDB_(CORRUPTED|PAGE_NOTFOUND|INVALID|VERSION_MISMATCH|BAD_TXN|PANIC)/.test(message)) {
    return new Corrupt(`the store is damaged: ${message} (put back a backup, or load into a new folder)`, { file: folder }, error);
  }
  return error;
}
