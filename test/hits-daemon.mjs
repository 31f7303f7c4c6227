// A daemon for the tests of logs: the built program on free ports, its folder, and questions to it.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('..', import.meta.url));

const running = new Map();

/** A folder of the test's own. What was started in it has ended before it goes: a daemon that still writes would make files in it meanwhile. */
export function folderFor(t) {
  const folder = mkdtempSync(join(tmpdir(), 'weir-hits-'));
  t.after(async () => {
    for (const [child, closed] of running) {
      child.kill('SIGKILL');
      await closed;
    }
    rmSync(folder, { recursive: true, force: true });
  });
  return folder;
}

export async function serve(t, folder, toml = '') {
  writeFileSync(join(folder, 'weir.toml'), toml);
  const words = [
    'serve',
    '--data',
    join(folder, 'data'),
    '--config',
    join(folder, 'weir.toml'),
    '--port',
    'all=0',
    '--only',
    'http,syslog,syslog-tcp',
  ];
  const child = spawn(process.execPath, [join(root, 'bin/weir'), ...words], { stdio: ['ignore', 'pipe', 'pipe'] });
  const errors = [];
  child.stderr.on('data', (text) => errors.push(text));
  const closed = once(child, 'close');
  running.set(child, closed);
  closed.then(() => running.delete(child));
  t.after(() => child.kill('SIGKILL'));
  let ready = '';
  for await (const text of child.stdout) {
    ready += text;
    if (ready.includes('\n')) break;
  }
  if (!ready.startsWith('ready ')) await closed;
  assert.match(ready, /^ready /, errors.join(''));
  const ports = Object.fromEntries(
    ready
      .trim()
      .split(' ')
      .slice(1)
      .map((word) => [word.split('=')[0], Number(word.split(':').at(-1))]),
  );
  const url = `http://127.0.0.1:${ports.http}`;
  const stop = async (signal = 'SIGTERM') => {
    child.kill(signal);
    return (await closed)[0];
  };
  return { url, ports, stop, pid: child.pid };
}

export async function topOf({ url }, query = 'by=url&n=1000') {
  const answer = await fetch(`${url}/api/top?${query}`);
  assert.equal(answer.status, 200);
  return (await answer.text())
    .split('\n')
    .filter(Boolean)
    .map((text) => JSON.parse(text));
}

export async function until(what, condition) {
  for (const end = Date.now() + 300_000; Date.now() < end; ) {
    const value = await condition();
    if (value) return value;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  assert.fail(`waited in vain for ${what}`);
}
