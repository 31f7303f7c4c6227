/**
 * The files that a user names: paths, folders, globs that no shell has expanded. In byte order of path, so that a run repeats on every machine.
 */

import { type Dirent, readdirSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { type Fault, Refused } from '../base/faults.js';

/** Files, folders (the files below them) and globs, in byte order of path within each word; `-` stays. What does not exist goes to `failures`; `what` says what a folder lacks. */
export function expandPaths(paths: readonly string[], what: string, failures: Fault[]): string[] {
  const files: string[] = [];
  for (const path of paths) {
    if (path === '-') {
      files.push(path);
      continue;
    }
    const stat = statSync(path, { throwIfNoEntry: false });
    if (stat?.isDirectory()) {
      const found = filesBelow(path);
      if (found.length === 0) failures.push(new Refused(`a folder without ${what}`, { file: path }));
      files.push(...found);
    } else if (stat === undefined && /[*?[\]{}]/.test(path)) {
      const found = expandGlob(path);
      if (found.length === 0) failures.push(new Refused('no file matches', { file: path }));
      files.push(...found);
    } else files.push(path);
  }
  return files;
}

function filesBelow(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => !entry.name.startsWith('.') && isFile(entry))
    .map((entry) => join(entry.parentPath, entry.name))
    .sort(byBytes);
}

/** Whether an entry of a folder is a file, or a link to one. */
export function isFile(entry: Dirent): boolean {
  if (!entry.isSymbolicLink()) return entry.isFile();
  return statSync(join(entry.parentPath, entry.name), { throwIfNoEntry: false })?.isFile() === true;
}

function byBytes(left: string, right: string): number {
  return Buffer.compare(Buffer.from(left), Buffer.from(right));
}

/** Expands `*`, `?`, `[...]`, `{a,b}` and `**` path part by path part. */
function expandGlob(pattern: string): string[] {
  const parts = pattern.split('/');
  let places = [pattern.startsWith('/') ? '/' : ''];
  for (const [index, part] of parts.entries()) {
    if (part === '') continue;
    const isLast = index === parts.length - 1;
    places = places.flatMap((place) => globPart(place, part, isLast));
  }
  return [...new Set(places)].filter((path) => statSync(path, { throwIfNoEntry: false })?.isFile()).sort(byBytes);
}

function globPart(place: string, part: string, isLast: boolean): string[] {
  if (!/[*?[\]{}]/.test(part)) return [join(place, part)];
  const below = (folder: string): string[] => {
    if (!statSync(folder || '.', { throwIfNoEntry: false })?.isDirectory()) return [];
    return readdirSync(folder || '.').map((name) => join(folder, name));
  };
  if (part === '**') {
    const nested = (folder: string): string[] => [
      folder,
      ...below(folder)
        .filter((path) => statSync(path).isDirectory())
        .flatMap(nested),
    ];
    return isLast ? nested(place).flatMap(below) : nested(place);
  }
  const matcher = globMatcher(part);
  return below(place).filter((path) => matcher.test(basename(path)) && dirname(path) !== '');
}

function globMatcher(part: string): RegExp {
  let text = '';
  let depth = 0;
  for (const letter of part) {
    if (letter === '*') text += '[^/]*';
    else if (letter === '?') text += '[^/]';
    else if (letter === '{') {
      depth++;
      text += '(?:';
    } else if (letter === '}' && depth > 0) {
      depth--;
      text += ')';
    } else if (letter === ',' && depth > 0) text += '|';
    else if (letter === '[' || letter === ']' || letter === '-') text += letter;
    else text += letter.replace(/[\\^$.|+()]/g, '\\$&');
  }
  try {
    return new RegExp(`^(?!\\.)${text}${')'.repeat(depth)}$`);
  } catch {
    // A bracket that nothing closes is a letter.
    return new RegExp(`^${part.replace(/[\\^$.|+()*?[\]{}]/g, '\\$&')}$`);
  }
}
