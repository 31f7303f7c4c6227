/**
 * Bearer tokens for reading and writing, from files or the environment, never from the configuration itself and never logged. With no token
 * set, everyone who reaches the listener may do it (it binds to loopback unless told otherwise). Tokens are compared by their SHA-256 in constant time.
 */

import { createHash, timingSafeEqual } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { Malformed } from '../base/faults.js';
import type { Configuration } from './configuration.js';

export type Access = 'none' | 'read' | 'write';

export class Tokens {
  readonly #read: readonly Buffer[];
  readonly #write: readonly Buffer[];

  constructor(settings: Configuration['tokens'], environment: Readonly<Record<string, string | undefined>>) {
    this.#write = [...fromFile(settings.writeFile), ...fromEnvironment(settings.writeEnvironment, environment)].map(digest);
    this.#read = [...fromFile(settings.readFile), ...fromEnvironment(settings.readEnvironment, environment)].map(digest);
  }

  /** Whether an `Authorization` header gives the access asked for. A token for writing reads too. */
  allows(access: Access, authorization: string | undefined): boolean {
    if (access === 'none') return true;
    const wanted = access === 'write' ? this.#write : this.#read;
    if (wanted.length === 0) return true;
    const token = /^Bearer +(\S+)$/i.exec(authorization ?? '')?.[1];
    if (token === undefined) return false;
    const given = digest(token);
    let found = false;
    for (const one of access === 'read' ? [...this.#read, ...this.#write] : this.#write) found = timingSafeEqual(one, given) || found;
    return found;
  }
}

function digest(token: string): Buffer {
  return createHash('sha256').update(token).digest();
}

function fromFile(path: string | undefined): readonly string[] {
  if (path === undefined) return [];
  const lines = readFileSync(path, 'utf8').split(/\r?\n/);
  const tokens = lines.map((line) => line.trim()).filter((line) => line !== '' && !line.startsWith('#'));
  if (tokens.length === 0) throw new Malformed('the file holds no token (expected one a line)', { file: path });
  return tokens;
}

function fromEnvironment(name: string | undefined, environment: Readonly<Record<string, string | undefined>>): readonly string[] {
  if (name === undefined) return [];
  const token = environment[name]?.trim();
  if (token === undefined || token === '') throw new Malformed(`the environment variable ${name} is not set (expected a token)`);
  return [token];
}
