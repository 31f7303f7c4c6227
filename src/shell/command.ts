/**
 * What a command is: data for the help, the completion and the man page, and a function to run. One file a command,
 * listed in `commands.ts`. `run` gets parsed values and the world passed in (streams, clock), so that tests call it in process.
 */

import type { Readable, Writable } from 'node:stream';

/** One option of a command. */
export interface Option {
  /** Long name without dashes: `format`. */
  readonly name: string;
  /** One letter: `o`. */
  readonly short?: string;
  /** Placeholder of its value (`FILE`); absent for a flag. */
  readonly value?: string;
  /** May be given several times. */
  readonly repeatable?: boolean;
  /** The values it takes, where they are few. */
  readonly choices?: readonly string[];
  /** One line. */
  readonly help: string;
}

/** The world as a command sees it. */
export interface World {
  readonly stdin: Readable;
  readonly stdout: Writable;
  readonly stderr: Writable;
  readonly isTerminal: { readonly stdout: boolean; readonly stderr: boolean };
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Milliseconds of the Unix epoch. */
  readonly now: () => number;
  /** Milliseconds of a clock that only goes forward. */
  readonly monotonicMs: () => number;
  readonly signal: AbortSignal;
}

/** Options and words as they were given. */
export interface Invocation {
  readonly words: readonly string[];
  /** The value of an option, or undefined. The last one counts. */
  readonly text: (name: string) => string | undefined;
  readonly list: (name: string) => readonly string[];
  readonly flag: (name: string) => boolean;
  readonly world: World;
}

/** A command of the table. */
export interface Command {
  readonly name: string;
  readonly summary: string;
  /** What follows the name: `FLOWS... -o FILE`. */
  readonly usage: string;
  /** Paragraphs for `--help` and the man page. */
  readonly description: string;
  readonly options: readonly Option[];
  /** A command line and what it does. */
  readonly examples: readonly (readonly [line: string, does: string])[];
  /** True: all words are handed over unparsed (`weir rrd`, whose arguments are RRDtool's own). */
  readonly raw?: boolean;
  /** Returns the exit code. */
  readonly run: (invocation: Invocation) => Promise<number>;
}
