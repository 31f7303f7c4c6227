/**
 * From what a user names (files, folders, globs, `-`) to one stream of FlowBatches, rows numbered over all inputs.
 *
 * Folders are read in byte order of path; a folder without flows is a fault. Where one of several inputs cannot be read the
 * others are done and the fault is kept in `failures`. Rows that cannot be read are counted by cause and handed to `onReject`.
 */

import type { Readable } from 'node:stream';
import { Fault, Malformed, Refused } from '../base/faults.js';
import type { FlowBatch } from '../base/flow-batch.js';
import { openInput } from './bytes-input.js';
import type { Input, ReadOptions, Reject, WantedColumns, WantedRows } from './format.js';
import { flowFormats } from './formats.js';
import { expandPaths } from './paths.js';
import { UnpackPool } from './unpack-pool.js';

/** Flows that lie elsewhere than in files: in a store, on a server. */
export interface FlowSource {
  /** As a reader of files streams them; batches name the input that their rows came from. */
  readonly read: (options: ReadOptions) => AsyncGenerator<FlowBatch, number>;
}

/** How flows are to be read. */
export interface OpenOptions {
  /** Standard input, for `-`. */
  readonly stdin?: Readable;
  /** Time zone (IANA) of times without one. */
  readonly timeZone?: string;
  /** `--columns` mapping. */
  readonly columns?: string;
  /** Keep the rows as they stood in `batch.originals`. */
  readonly keepOriginals?: boolean;
  /** Seed for what is drawn. */
  readonly seed?: number;
  /** Only these columns are looked at; absent: all. */
  readonly wanted?: WantedColumns;
  /** Only rows that pass are looked at; of a batch with `isSelected` others are left out. */
  readonly rows?: WantedRows;
  /** How many threads unpack blocks beside this one; absent: as many as there are other cores. */
  readonly unpackers?: number;
  /** What else than files words may name: the source of such a word, undefined of others. */
  readonly sourceOf?: (word: string) => FlowSource | undefined;
  /** Called for each row that could not be read. */
  readonly onReject?: (reject: Reject) => void;
  /** Called with a line for a person. */
  readonly onNotice?: (text: string) => void;
}

/** A reading of flows: iterate `batches()` once, then look at what was rejected. */
export interface FlowReading {
  /** The flows in input order. A batch is the caller's until the next is asked for. Throws nothing for bad rows or unreadable inputs. */
  readonly batches: () => AsyncGenerator<FlowBatch, void>;
  /** Rows that could not be read, by cause. */
  readonly rejected: Map<string, number>;
  /** Inputs that could not be read, wholly or from some point on. */
  readonly failures: Fault[];
  /** Data rows so far, those that were rejected included. */
  readonly rowCount: () => number;
  /** Files, in the order they are read (after `batches` began). */
  readonly files: readonly string[];
}

/** Reads flow records from files, folders, globs or standard input. Throws Refused at once when a path or folder has no flows at all. */
export function readFlows(paths: readonly string[], options: OpenOptions = {}): FlowReading {
  const failures: Fault[] = [];
  const sources = new Map<string, FlowSource>();
  const files = paths.flatMap((path) => {
    const source = options.sourceOf?.(path);
    if (source === undefined) return expandPaths([path], 'flow files', failures);
    sources.set(path, source);
    return [path];
  });
  const rejected = new Map<string, number>();
  const counted = { rows: 0 };
  const batches = (): AsyncGenerator<FlowBatch, void> => readAll(files, sources, options, rejected, failures, counted);
  return { files, failures, rejected, batches, rowCount: () => counted.rows };
}

async function* readAll(
  files: readonly string[],
  sources: ReadonlyMap<string, FlowSource>,
  options: OpenOptions,
  rejected: Map<string, number>,
  failures: Fault[],
  counted: { rows: number },
): AsyncGenerator<FlowBatch, void> {
  const unpackers = new UnpackPool(options.unpackers);
  try {
    yield* readEach(files, sources, options, rejected, failures, unpackers, counted);
  } finally {
    await unpackers.close();
  }
}

async function* readEach(
  files: readonly string[],
  sources: ReadonlyMap<string, FlowSource>,
  options: OpenOptions,
  rejected: Map<string, number>,
  failures: Fault[],
  unpackers: UnpackPool,
  counted: { rows: number },
): AsyncGenerator<FlowBatch, void> {
  for (const file of files) {
    const numberBefore = counted.rows;
    let lastNumber = numberBefore;
    const readOptions: ReadOptions = {
      ...(options.timeZone === undefined ? {} : { timeZone: options.timeZone }),
      ...(options.columns === undefined ? {} : { columns: options.columns }),
      keepOriginals: options.keepOriginals === true,
      ...(options.seed === undefined ? {} : { seed: options.seed }),
      ...(options.wanted === undefined ? {} : { wanted: options.wanted }),
      ...(options.rows === undefined ? {} : { rows: options.rows }),
      numberBefore,
      unpackers,
      notice: options.onNotice ?? (() => undefined),
      reject: (reject) => {
        rejected.set(reject.cause, (rejected.get(reject.cause) ?? 0) + reject.count);
        options.onReject?.(reject);
      },
    };
    try {
      const source = sources.get(file);
      const reader = source === undefined ? await openFile(file, options, readOptions) : source.read(readOptions);
      if (reader === undefined) continue;
      for (;;) {
        const next = await reader.next();
        if (next.done) {
          counted.rows += next.value;
          break;
        }
        lastNumber = next.value.number[next.value.count - 1] ?? lastNumber;
        if (source === undefined) next.value.file = file;
        yield next.value;
      }
    } catch (error) {
      failures.push(asFault(error, file));
      counted.rows = lastNumber;
    }
  }
}

// An input of nothing, of blank lines or of a byte order mark holds no flows and is no fault. More than a little of it is no flow file.
function isBlank(head: Uint8Array): boolean {
  // A form feed is not blank here: it is the first byte of an nfcapd file.
  return head.length < 4096 && /^\uFEFF?[ \t\r\n]*$/.test(Buffer.from(head).toString('utf8'));
}

// The reader of a file; undefined of one that is empty.
async function openFile(
  file: string,
  { stdin }: OpenOptions,
  options: ReadOptions,
): Promise<AsyncGenerator<FlowBatch, number> | undefined> {
  const input = await openInput(file, stdin);
  return isBlank(input.head) ? undefined : formatOf(input, options).read(input, options);
}

function formatOf(input: Input, options: ReadOptions): (typeof flowFormats)[number] {
  const format = flowFormats.find((candidate) => candidate.detect(input.head, options));
  if (format !== undefined) return format;
  throw new Malformed(`not a flow file that Weir knows (expected ${flowFormats.map((candidate) => candidate.name).join(', ')})`, {
    file: input.file,
    offset: 0,
  });
}

function asFault(error: unknown, file: string): Fault {
  if (error instanceof Fault) return error;
  if (error instanceof Error && 'code' in error) {
    const texts: Record<string, string> = { ENOENT: 'no such file or folder', EACCES: 'permission denied', EISDIR: 'is a folder' };
    return new Refused(texts[String(error.code)] ?? error.message, { file }, error);
  }
  throw error;
}
