// Starts Azurite's table service on a free port, in memory; and the client library, from test/peers. The benches use this file too.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePort, startPeer } from '../free-port.mjs';

const peers = fileURLToPath(new URL('../peers', import.meta.url));
const main = join(peers, 'node_modules/azurite/dist/src/table/main.js');

/** Why what needs the client and Azurite does not run here; false when it does. */
export const lacksAzurite =
  !existsSync(main) && process.env.CI !== 'true' && 'azurite and @azure/data-tables are not installed in test/peers (npm ci there)';

export function azureClient() {
  return createRequire(join(peers, 'package.json'))('@azure/data-tables');
}

/** The account that every emulator has; its key is no secret. */
export const account = {
  name: 'devstoreaccount1',
  key: 'Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==',
};

export const startAzurite = () => startPeer('azurite', tryAzurite);

async function tryAzurite() {
  const port = await freePort();
  const words = ['--inMemoryPersistence', '--tablePort', String(port), '--disableTelemetry', '--skipApiVersionCheck'];
  const child = spawn(process.execPath, [main, ...words], {
    cwd: tmpdir(),
    stdio: ['ignore', 'pipe', 'ignore'],
    env: { ...process.env, NODE_TEST_CONTEXT: undefined },
  });
  const exited = once(child, 'exit');
  const isReady = await new Promise((resolve) => {
    let said = '';
    child.stdout.on('data', (text) => {
      said = (said + text).slice(-1000);
      if (said.includes('successfully started')) resolve(true);
    });
    exited.then(() => resolve(false));
  });
  if (!isReady) return undefined;
  return {
    url: `http://127.0.0.1:${port}/${account.name}`,
    stop: async () => {
      child.kill('SIGKILL');
      await exited;
    },
  };
}
