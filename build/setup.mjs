// Set-up shared by `npm start`, `npm run build` and `npm test`: installs what the lock file names, compiles
// TypeScript and the AssemblyScript kernels, bundles the program and the page. Idempotent; quick when nothing changed. Speaks on standard error.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildProgram } from './program.mjs';

export const root = fileURLToPath(new URL('..', import.meta.url));
const say = (text) => process.stderr.write(`weir: ${text}\n`);

/** Runs a command with its output on standard error; throws when it fails. */
export function run(command, args, options = {}) {
  const result = spawnSync(command, args, { cwd: root, stdio: ['ignore', 2, 2], ...options });
  if (result.status !== 0)
    throw new Error(`${command} ${args.join(' ')} failed (${result.status ?? result.signal ?? result.error?.message})`);
}

/** Installs the locked packages of a folder unless the installed ones came from the same lock file. */
export function install(folder = root) {
  const lock = createHash('sha256')
    .update(readFileSync(join(folder, 'package-lock.json')))
    .digest('hex');
  const stamp = join(folder, 'node_modules', '.weir-lock');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === lock) return;
  say(`installing packages in ${relative(root, folder) || 'the checkout'} ...`);
  run('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'], { cwd: folder });
  writeFileSync(stamp, lock);
}

/** Every file below a folder, by a test on its name, in byte order of path. */
export function filesBelow(folder, test) {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((path) => !path.includes('node_modules'))
    .sort();
}

function digestOf(paths) {
  const hash = createHash('sha256');
  for (const path of paths) hash.update(relative(root, path)).update('\0').update(readFileSync(path)).update('\0');
  return hash.digest('hex');
}

/** Compiles `src` into `dist` when anything it is made from changed. */
export async function build() {
  const sources = [
    ...filesBelow(join(root, 'src'), () => true),
    ...filesBelow(join(root, 'web'), () => true),
    ...['package-lock.json', 'tsconfig.json', 'build/setup.mjs', 'build/program.mjs'].map((name) => join(root, name)),
  ];
  const stamp = join(root, 'dist', '.weir-build');
  const digest = digestOf(sources);
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === digest) return;
  say('building ...');
  mkdirSync(join(root, 'dist'), { recursive: true });
  await buildKernels();
  run(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), '-p', 'tsconfig.json']);
  await buildProgram(root);
  await buildPage();
  writeFileSync(stamp, digest);
}

// A kernel `src/room/x.as.ts` becomes `dist/room/x.wasm`. Flags after `// asc:` in its first line are handed to the compiler.
async function buildKernels() {
  const { default: asc } = await import('assemblyscript/asc').catch(() => import(join(root, 'node_modules/assemblyscript/dist/asc.js')));
  for (const path of filesBelow(join(root, 'src'), (name) => name.endsWith('.as.ts'))) {
    const output = join(root, 'dist', relative(join(root, 'src'), path).replace(/\.as\.ts$/, '.wasm'));
    const stamp = `${output}.source`;
    const siblings = filesBelow(dirname(path), (name) => name.endsWith('.as.ts'));
    const digest = digestOf([...siblings, join(root, 'package-lock.json')]);
    if (existsSync(output) && existsSync(stamp) && readFileSync(stamp, 'utf8') === digest) continue;
    mkdirSync(dirname(output), { recursive: true });
    const first = readFileSync(path, 'utf8').split('\n', 1)[0];
    const extra = first.startsWith('// asc:') ? first.slice(7).trim().split(/\s+/) : [];
    const flags = ['-O3', '--noAssert', '--runtime', 'stub', '--enable', 'simd', '--importMemory', ...extra];
    const { error, stderr } = await asc.main([relative(root, path), '-o', relative(root, output), '--baseDir', root, ...flags]);
    if (error) throw new Error(`kernel ${relative(root, path)}: ${error.message}\n${stderr.toString()}`);
    writeFileSync(stamp, digest);
  }
}

async function buildPage() {
  const entry = join(root, 'web', 'main.ts');
  if (!existsSync(entry) || statSync(entry).size === 0) return;
  const { build: bundle } = await import('esbuild');
  await bundle({
    entryPoints: [entry],
    bundle: true,
    minify: true,
    format: 'esm',
    target: 'es2022',
    outdir: join(root, 'dist', 'web'),
    loader: { '.css': 'css' },
    logLevel: 'error',
  });
}
