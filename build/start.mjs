// `npm start`: installs, builds and runs Weir. Without words after it, the daemon on the embedded store.
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { build, install, root } from './setup.mjs';

try {
  install();
  await build();
} catch (error) {
  process.stderr.write(`weir: set-up failed: ${error.message}\n`);
  process.exit(1);
}
const words = process.argv.slice(2);
const child = spawn(process.execPath, [join(root, 'bin/weir'), ...(words.length > 0 ? words : ['serve'])], { stdio: 'inherit' });
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
child.on('exit', (code, signal) => process.exit(signal ? 1 : (code ?? 1)));
