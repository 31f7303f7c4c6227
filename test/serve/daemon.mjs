// Starts the built daemon for a test: free ports, an own folder, the `ready` line parsed. Waits on events, never on time.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after } from 'node:test';
import { fileURLToPath } from 'node:url';

const bin = fileURLToPath(new URL('../../bin/weir', import.meta.url));

const running = new Set();
const killAll = () => {
  for (const child of running) child.kill('SIGKILL');
};
// The benches use this file too, without the test runner.
if (process.env.NODE_TEST_CONTEXT !== undefined) after(killAll);

/** A running daemon: `ports` by listener, `url`, `stop()` (SIGTERM, exit code), `folder`. */
export async function startDaemon({
  words = [],
  configuration,
  folder = mkdtempSync(join(tmpdir(), 'weir-serve-')),
  environment = {},
  ports = 'all=0',
  nodeFlags = [],
} = {}) {
  const config = configuration === undefined ? [] : ['--config', join(folder, 'weir.toml')];
  if (configuration !== undefined) writeFileSync(join(folder, 'weir.toml'), configuration);
  const child = spawn(
    process.execPath,
    [...nodeFlags, bin, 'serve', '--data', join(folder, 'data'), '--port', ports, ...config, ...words],
    {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...environment },
    },
  );
  let stderr = '';
  child.stderr.on('data', (bytes) => {
    stderr += bytes;
  });
  // A test that fails leaves nothing behind and waits for nobody. `close`, not `exit`: then all that it said has been read too.
  const exited = once(child, 'close');
  running.add(child);
  exited.then(() => running.delete(child));
  const ready = await Promise.race([once(createInterface(child.stdout), 'line').then(([line]) => line), exited.then(() => undefined)]);
  if (ready === undefined) throw new Error(`the daemon did not start: ${stderr}`);
  const found = Object.fromEntries(
    ready
      .split(' ')
      .slice(1)
      .map((pair) => pair.split('=')),
  );
  const portOf = Object.fromEntries(Object.entries(found).map(([name, address]) => [name, Number(address.split(':').at(-1))]));
  const url = `http://${found.http}`;
  return {
    child,
    ready,
    url,
    folder,
    ports: portOf,
    stderr: () => stderr,
    render: async (query) => await (await fetch(`${url}/render?${query}`)).json(),
    status: async () => await (await fetch(`${url}/api/status`)).json(),
    stop: async () => {
      child.kill('SIGTERM');
      const [code] = await exited;
      return code;
    },
    clean: () => rmSync(folder, { recursive: true, force: true }),
  };
}

/** Sends text over TCP and waits until the peer has closed or everything is handed over. */
export async function sendTcp(port, ...texts) {
  const socket = connect(port, '127.0.0.1');
  await once(socket, 'connect');
  for (const text of texts) if (!socket.write(text)) await once(socket, 'drain');
  socket.end();
  await once(socket, 'close');
}

/** Asks again and again until `answer` is what is looked for; fails after a bound of time with the last answer. */
export async function until(ask, holds, boundMs = 300_000) {
  const end = Date.now() + boundMs;
  for (;;) {
    const answer = await ask();
    if (holds(answer)) return answer;
    if (Date.now() > end) throw new Error(`it never came to be: ${JSON.stringify(answer).slice(0, 500)}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** The sum of all known values of one series of an answer. */
export function sumOf(series) {
  return series.datapoints.reduce((total, [value]) => total + (value ?? 0), 0);
}
