/**
 * Flow records from wherever they lie: files, folders, globs and standard input are `collect`'s, a store's folder and a server are sources here. All give
 * the same batches, so that nobody who folds flows need know where they came from. What reads a store, or asks a server, is loaded when one is named.
 */

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { type FlowReading, type FlowSource, type OpenOptions, readFlows } from '../collect/open.js';
import type { FlowShare } from '../keep/lmdb-flows.js';
import type { FlowWindow } from './stored-flows.js';

/** How servers are asked. */
export interface RemoteFlows {
  /** Flows that do not pass it need not come. */
  readonly filter?: string | undefined;
  readonly token?: string | undefined;
}

export interface FlowsOptions extends OpenOptions {
  /** Asked when the reading of a source begins. */
  readonly window?: () => FlowWindow;
  /** Of stores: only this share of the blocks. */
  readonly share?: FlowShare | undefined;
  readonly remote?: RemoteFlows;
  /** A store without flows is no fault. */
  readonly mayBeEmpty?: boolean;
}

/** Reads flow records of files, folders, globs, standard input, stores and servers, in the order in which they are named. */
export function readAnyFlows(words: readonly string[], options: FlowsOptions = {}): FlowReading {
  return readFlows(words, { ...options, sourceOf: (word) => sourceOf(word, options) });
}

/** Whether a word is a server's address. */
export function isServer(word: string): boolean {
  return /^https?:\/\//.test(word);
}

/** Whether a word names a store's folder. */
export function isStoreFolder(word: string): boolean {
  return existsSync(join(word, 'store.mdb'));
}

function sourceOf(word: string, { window, share, remote, mayBeEmpty }: FlowsOptions): FlowSource | undefined {
  if (isServer(word))
    return {
      read: async function* (reading) {
        const { remoteFlows } = await import('./remote-flows.js');
        return yield* remoteFlows(word, reading, window?.() ?? {}, remote ?? {});
      },
    };
  if (!isStoreFolder(word)) return undefined;
  return {
    read: async function* (reading) {
      const { storedFlows } = await import('./stored-flows.js');
      return yield* storedFlows(word, reading, window?.() ?? {}, share, mayBeEmpty);
    },
  };
}
