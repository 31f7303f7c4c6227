/**
 * The program's entry: finds the command, runs it, turns faults into one line and an exit code.
 * Exit: 0 done, 1 failed, 2 wrong usage. A reader that goes away (EPIPE) ends the program with 0 and no message.
 */

import { readFileSync, writeSync } from 'node:fs';
import { Fault, Usage } from '../base/faults.js';
import { collectBeforeLeaving } from '../base/leave.js';
import { parseArguments } from './arguments.js';
import type { World } from './command.js';
import { commands } from './commands.js';
import { commandHelp, programHelp } from './help.js';

/** Runs the program on the words of its command line and sets the exit code; `keep` is called when the work is done (bin/load.cjs). */
export async function main(words: readonly string[], keep: () => void = () => {}): Promise<void> {
  process.stdout.on('error', leaveOnLostOutput);
  process.stderr.on('error', leaveOnLostOutput);
  const stop = new AbortController();
  const world: World = {
    get stdin() {
      return process.stdin;
    },
    stdout: process.stdout,
    stderr: process.stderr,
    isTerminal: { stdout: process.stdout.isTTY === true, stderr: process.stderr.isTTY === true },
    env: process.env,
    now: () => Date.now(),
    monotonicMs: () => performance.now(),
    signal: stop.signal,
  };
  process.exitCode = await runWords(words, world);
  keep();
  collectBeforeLeaving();
}

/** Runs one command in the given world and returns its exit code; faults become one line on standard error. */
export async function runWords(words: readonly string[], world: World): Promise<number> {
  const [name, ...rest] = words;
  try {
    if (name === 'help' && rest.length === 1) return await runWords([rest[0] ?? '', '--help'], world);
    if (name === undefined || name === '--help' || name === '-h' || name === 'help') {
      world.stdout.write(programHelp(commands, version()));
      return 0;
    }
    if (name === '--version' || name === '-V') {
      world.stdout.write(`weir ${version()}\n`);
      return 0;
    }
    const row = commands.find((candidate) => candidate.name === name);
    if (row === undefined)
      throw new Usage(`unknown command '${name}' (expected one of: ${commands.map((candidate) => candidate.name).join(', ')})`);
    const command = await row.load();
    if (!command.raw || rest.length === 1) {
      if (rest.some((word, index) => (word === '--help' || word === '-h') && !rest.slice(0, index).includes('--'))) {
        world.stdout.write(commandHelp(command));
        return 0;
      }
    }
    return await command.run(parseArguments(command, rest, world));
  } catch (error) {
    return report(error, world);
  }
}

function report(error: unknown, world: World): number {
  if (isClosedPipe(error)) return 0;
  if (error instanceof Fault) {
    world.stderr.write(`weir: ${error.line}\n`);
    return error instanceof Usage ? 2 : 1;
  }
  if (isSystemError(error)) {
    world.stderr.write(`weir: ${placeOf(error)}${systemText(error)}\n`);
    return 1;
  }
  world.stderr.write(`weir: this is a fault of Weir itself: ${error instanceof Error ? error.stack : String(error)}\n`);
  return 1;
}

// The file, or the address and port.
function placeOf(error: NodeJS.ErrnoException & { readonly address?: string; readonly port?: number }): string {
  if (error.path !== undefined) return `${error.path}: `;
  return error.port === undefined ? '' : `${error.address ?? ''}:${error.port}: `;
}

/** An error of the operating system in words. */
export function systemText(error: NodeJS.ErrnoException): string {
  const texts: Record<string, string> = {
    ENOENT: 'no such file or folder',
    EACCES: 'permission denied',
    EISDIR: 'is a folder (expected a file)',
    ENOTDIR: 'a part of the path is not a folder',
    ENOSPC: 'no space left on the disk',
    EFBIG: 'the file grew beyond the size limit',
    EDQUOT: 'the disk quota is used up',
    EMFILE: 'too many open files',
    EADDRINUSE: 'the address is in use (expected a free one: --port NAME=N)',
    EROFS: 'the file system is read-only',
    ECONNREFUSED: 'connection refused',
  };
  return texts[error.code ?? ''] ?? error.message;
}

function isSystemError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && 'code' in error && 'syscall' in error;
}

function isClosedPipe(error: unknown): boolean {
  return isSystemError(error) && error.code === 'EPIPE';
}

// Nobody reads what is written: 0 and no word. It cannot be written, as on a full disk: one line and 1.
function leaveOnLostOutput(error: Error): void {
  if (isClosedPipe(error)) process.exit(0);
  try {
    writeSync(2, `weir: standard output: ${isSystemError(error) ? systemText(error) : error.message}\n`);
  } catch {
    // Standard error is lost as well.
  }
  process.exit(1);
}

function version(): string {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}
