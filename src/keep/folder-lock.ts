/**
 * One writer a folder: a file `writer.lock` that holds the writer's process id and the time at which that process began, so that a lock left by a
 * process that was killed is known to be stale even when its number has been given to another.
 */

import { closeSync, mkdirSync, openSync, readFileSync, renameSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { Refused } from '../base/faults.js';

const held = new Set<string>();

/** Takes the lock of a folder; returns what gives it back. Throws Refused when another writer lives. */
export function lockFolder(folder: string): () => void {
  mkdirSync(folder, { recursive: true });
  const path = join(folder, 'writer.lock');
  const mine = `${process.pid} ${beganAt(process.pid) ?? ''}\n`;
  for (let attempt = 0; ; attempt++) {
    try {
      const file = openSync(path, 'wx');
      writeSync(file, mine);
      closeSync(file);
      held.add(path);
      return () => {
        if (held.delete(path)) rmSync(path, { force: true });
      };
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST' || attempt > 10) throw error;
    }
    removeStale(folder, path);
  }
}

function removeStale(folder: string, path: string): void {
  const text = readLock(path);
  if (text === undefined) return;
  const [pid = '', began = ''] = text.trim().split(' ');
  const alive = pid !== '' && beganAt(Number(pid)) !== undefined && (began === '' || beganAt(Number(pid)) === began);
  if (held.has(path) || (alive && Number(pid) !== process.pid)) {
    throw new Refused(
      `another process writes to this store (process ${pid}; expected one writer a folder: stop it, or name another --data)`,
      {
        file: folder,
      },
    );
  }
  const aside = `${path}.${process.pid}`;
  try {
    renameSync(path, aside);
  } catch {
    return;
  }
  if (readLock(aside) === text) rmSync(aside, { force: true });
  else renameSync(aside, path);
}

function readLock(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

// Field 22 of /proc/PID/stat; where there is no /proc, whether the process takes a signal.
function beganAt(pid: number): string | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' ? undefined : fields[19];
  } catch {
    try {
      process.kill(pid, 0);
      return '';
    } catch {
      return undefined;
    }
  }
}
