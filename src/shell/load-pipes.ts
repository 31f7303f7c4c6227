/**
 * What `weir load` is given that can be read but once: standard input (`-`), named pipes, `<(zcat log.gz)`. A file is read twice, for its hash and for its
 * content, so what a pipe gives is put into a file for the time of the load. Messages have the name that was given.
 */

import { createReadStream, createWriteStream, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Readable, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Invocation } from './command.js';

/** Runs with words that are files: each pipe among them is written to a file first, which is gone afterwards. */
export async function withFiles(invocation: Invocation, run: (invocation: Invocation) => Promise<number>): Promise<number> {
  if (!invocation.words.some(isPipe)) return run(invocation);
  const folder = mkdtempSync(join(tmpdir(), 'weir-load-'));
  try {
    const words: string[] = [];
    const names = new Map<string, string>();
    for (const [index, word] of invocation.words.entries()) {
      if (!isPipe(word)) {
        words.push(word);
        continue;
      }
      const file = join(folder, word === '-' ? 'stdin' : `pipe-${index + 1}`);
      const source: Readable = word === '-' ? invocation.world.stdin : createReadStream(word);
      await pipeline(source, createWriteStream(file));
      words.push(file);
      names.set(file, word === '-' ? 'standard input' : word);
    }
    return await run({ ...invocation, words, world: { ...invocation.world, stderr: named(invocation.world.stderr, names) } });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

// Messages, with the names that the user gave.
function named(stderr: Writable, names: ReadonlyMap<string, string>): Writable {
  const write = (chunk: Buffer, _encoding: string, done: () => void): void => {
    let text = chunk.toString();
    for (const [file, name] of names) text = text.replaceAll(file, name);
    stderr.write(text);
    done();
  };
  return new Writable({ write });
}

function isPipe(word: string): boolean {
  if (word === '-') return true;
  const status = statSync(word, { throwIfNoEntry: false });
  return status !== undefined && !status.isFile() && !status.isDirectory();
}
