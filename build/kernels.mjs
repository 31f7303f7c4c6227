// Compiles a share of the AssemblyScript kernels: `node build/kernels.mjs 0 2` is the first of two shares, which processes of their own make side by side.
// A kernel `src/room/x.as.ts` becomes `dist/room/x.wasm`. Flags after `// asc:` in its first line are handed to the compiler. What has not changed is let be.
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { digestOf, filesBelow, root } from './setup.mjs';

const [share, shares] = process.argv.slice(2).map(Number);
const isKernel = (name) => name.endsWith('.as.ts');
// By size, so that the shares take about as long; a share does not depend on what is made already.
const kernels = filesBelow(join(root, 'src'), isKernel)
  .map((path) => ({ path, size: statSync(path).size }))
  .sort((left, right) => right.size - left.size)
  .filter((_, place) => place % shares === share);
const changed = kernels.flatMap(({ path }) => {
  const output = join(root, 'dist', relative(join(root, 'src'), path).replace(/\.as\.ts$/, '.wasm'));
  const stamp = `${output}.source`;
  const digest = digestOf([...filesBelow(dirname(path), isKernel), join(root, 'package-lock.json')]);
  const isMade = existsSync(output) && existsSync(stamp) && readFileSync(stamp, 'utf8') === digest;
  return isMade ? [] : [{ path, output, stamp, digest }];
});

try {
  if (changed.length > 0) await compile(changed);
} catch (error) {
  process.stderr.write(`weir: ${error.message}\n`);
  process.exitCode = 1;
}

async function compile(list) {
  const { default: asc } = await import('assemblyscript/asc').catch(() => import(join(root, 'node_modules/assemblyscript/dist/asc.js')));
  for (const { path, output, stamp, digest } of list) {
    mkdirSync(dirname(output), { recursive: true });
    const first = readFileSync(path, 'utf8').split('\n', 1)[0];
    const extra = first.startsWith('// asc:') ? first.slice(7).trim().split(/\s+/) : [];
    const flags = ['-O3', '--noAssert', '--runtime', 'stub', '--enable', 'simd', '--importMemory', ...extra];
    const { error, stderr } = await asc.main([relative(root, path), '-o', relative(root, output), '--baseDir', root, ...flags]);
    if (error) throw new Error(`kernel ${relative(root, path)}: ${error.message}\n${stderr.toString()}`);
    writeFileSync(stamp, digest);
  }
}
