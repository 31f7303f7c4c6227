// `npm run bench -- NAME`: runs bench/NAME.mjs after a build; without a name, lists them.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { build, filesBelow, install, root } from './setup.mjs';

install();
await build();
const name = process.argv[2];
const path = join(root, 'bench', `${name}.mjs`);
const all = filesBelow(join(root, 'bench'), (file) => file.endsWith('.mjs'));
if (name === undefined || !all.includes(path)) {
  process.stderr.write(`weir: expected a bench: ${all.map((file) => file.slice(join(root, 'bench').length + 1, -4)).join(', ')}\n`);
  process.exit(2);
}
process.exit(spawnSync(process.execPath, [path, ...process.argv.slice(3)], { stdio: 'inherit' }).status ?? 1);
