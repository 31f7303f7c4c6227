/**
 * Where a command's bytes go: a file that is written beside its name and renamed when complete, or standard output.
 *
 * No half-written file ever stands under the final name: on a fault `discard` removes the partial one. Writing is synchronous and in
 * large pieces, which on a disk or a pipe is the fastest that node does; a pipe that is full is waited for.
 */

import { closeSync, openSync, renameSync, rmSync, statSync, writeSync } from 'node:fs';

export interface OutputFile {
  /** Writes all bytes, or throws the system's error. */
  readonly write: (bytes: Uint8Array) => void;
  /** Writes over what was written at an offset; of files only. */
  readonly patch: (offset: number, bytes: Uint8Array) => void;
  /** Closes, and gives the file its name. */
  readonly finish: () => void;
  /** Closes, and removes what was written. */
  readonly discard: () => void;
  /** Bytes written so far. */
  readonly sizeBytes: () => number;
}

/** Opens `path` for writing; `-` is standard output. A device or a named pipe is written directly. */
export function openOutput(path: string): OutputFile {
  if (path === '-')
    return onDescriptor(
      1,
      'standard output',
      () => undefined,
      () => undefined,
    );
  const stat = statSync(path, { throwIfNoEntry: false });
  if (stat !== undefined && !stat.isFile()) {
    const direct = openSync(path, 'w');
    return onDescriptor(
      direct,
      path,
      () => closeSync(direct),
      () => closeSync(direct),
    );
  }
  const partial = `${path}.partial-${process.pid}`;
  const descriptor = openPartial(partial, path);
  return onDescriptor(
    descriptor,
    path,
    () => {
      closeSync(descriptor);
      renameSync(partial, path);
    },
    () => {
      closeSync(descriptor);
      rmSync(partial, { force: true });
    },
  );
}

// What cannot be made is said of the name that was asked for.
function openPartial(partial: string, path: string): number {
  try {
    return openSync(partial, 'wx');
  } catch (error) {
    throw named(error, path);
  }
}

function named(error: unknown, path: string): unknown {
  return error instanceof Error && 'syscall' in error ? Object.assign(error, { path }) : error;
}

function onDescriptor(descriptor: number, name: string, finish: () => void, discard: () => void): OutputFile {
  let sizeBytes = 0;
  let isOpen = true;
  const once = (act: () => void) => () => {
    if (isOpen) act();
    isOpen = false;
  };
  return {
    write: (bytes) => {
      writeFully(descriptor, bytes, name);
      sizeBytes += bytes.length;
    },
    patch: (offset, bytes) => {
      for (let done = 0; done < bytes.length; ) done += writeSync(descriptor, bytes, done, bytes.length - done, offset + done);
    },
    finish: once(finish),
    discard: once(discard),
    sizeBytes: () => sizeBytes,
  };
}

const waiting = new Int32Array(new SharedArrayBuffer(4));

function writeFully(descriptor: number, bytes: Uint8Array, name: string): void {
  let done = 0;
  while (done < bytes.length) {
    try {
      done += writeSync(descriptor, bytes, done, bytes.length - done);
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'EAGAIN')) throw named(error, name);
      Atomics.wait(waiting, 0, 0, 1);
    }
  }
}
