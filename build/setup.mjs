// Set-up shared by `npm start`, `npm run build` and `npm test`: installs what the lock file names, compiles
// TypeScript and the AssemblyScript kernels, bundles the program and the page. Idempotent; quick when nothing changed. Speaks on standard error.
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join, relative } from 'node:path';
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

/** The same, beside what else is done. */
async function runBeside(command, args) {
  const child = spawn(command, args, { cwd: root, stdio: ['ignore', 2, 2] });
  const [status, signal] = await once(child, 'close');
  if (status !== 0) throw new Error(`${command} ${args.join(' ')} failed (${status ?? signal})`);
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

/** A digest of files: of their places and contents. */
export function digestOf(paths) {
  const hash = createHash('sha256');
  for (const path of paths) hash.update(relative(root, path)).update('\0').update(readFileSync(path)).update('\0');
  return hash.digest('hex');
}

/** Compiles `src` into `dist` when anything it is made from changed. */
export async function build() {
  const sources = [
    ...filesBelow(join(root, 'src'), () => true),
    ...filesBelow(join(root, 'web'), () => true),
    ...['package-lock.json', 'tsconfig.json', 'build/setup.mjs', 'build/kernels.mjs', 'build/program.mjs'].map((name) => join(root, name)),
  ];
  const stamp = join(root, 'dist', '.weir-build');
  const digest = digestOf(sources);
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === digest) return;
  say('building ...');
  mkdirSync(join(root, 'dist'), { recursive: true });
  const compiler = join(root, 'node_modules/typescript/bin/tsc');
  await Promise.all([buildKernels(), runBeside(process.execPath, [compiler, '-p', 'tsconfig.json']), buildProgram(root), buildPage()]);
  writeFileSync(stamp, digest);
}

// In processes of their own, while the rest is made.
async function buildKernels() {
  const shares = Math.min(availableParallelism(), 4);
  const program = join(root, 'build', 'kernels.mjs');
  await Promise.all(Array.from({ length: shares }, (_, share) => runBeside(process.execPath, [program, String(share), String(shares)])));
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
