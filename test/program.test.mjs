// The program as it is started: a bundle a command, V8's code cache beside it, the loader that must never be the reason for a wrong answer.
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'weir-program-'));
after(() => rmSync(folder, { recursive: true, force: true }));
const flows = join(root, 'samples/flows.csv');
const counted = '{"flows":400,"packets":5909,"bytes":2312273,"rejected":{}}\n';

// As a person's shell starts it: the flags of the tests' own Node are not those of the program.
function run(words, { bin = join(root, 'bin/weir'), ...env } = {}) {
  const { NODE_OPTIONS: _, ...own } = process.env;
  const done = spawnSync(process.execPath, [bin, ...words], { encoding: 'utf8', env: { ...own, ...env } });
  return { ...done, text: done.stdout + done.stderr };
}

test('each command of the table has a bundle, and each worker', () => {
  const names = [...run(['--help']).stdout.matchAll(/^ {2}(\w+) {2,}/gm)].map((match) => match[1]);
  assert.ok(names.length > 10);
  const files = readdirSync(join(root, 'dist/program/code'));
  const missing = names.filter((name) => !['man', 'completion'].includes(name) && !files.includes(`${name}.js`));
  assert.deepEqual(missing, []);
  for (const name of names) assert.match(run([name, '--help']).stdout, new RegExp(`^Usage: weir ${name}`));
  const workers = readdirSync(join(root, 'src'), { recursive: true }).filter((path) => path.endsWith('.worker.ts'));
  for (const path of workers) assert.ok(files.includes(path.replace(/.*\//, '').replace(/\.ts$/, '.js')), path);
});

test('through a symbolic link, and where the folder has a blank and a percent sign in its name', () => {
  const link = join(folder, 'a b%20c');
  symlinkSync(join(root, 'bin/weir'), link);
  assert.equal(execFileSync(link, ['flows', '--count', flows], { encoding: 'utf8' }), counted);
  const copy = join(folder, 'no %41 build');
  mkdirSync(join(copy, 'bin'), { recursive: true });
  for (const name of ['weir', 'load.cjs', 'package.json']) copyFileSync(join(root, 'bin', name), join(copy, 'bin', name));
  const bare = run(['flows'], { bin: join(copy, 'bin/weir') });
  assert.deepEqual([bare.status, bare.text], [1, 'weir: not built yet: run `npm ci && npm run build` in the checkout first\n']);
});

test('the first run of a command leaves a code cache, the next ones take it, a damaged one changes nothing', () => {
  const cache = join(folder, 'cache');
  const count = () => assert.equal(run(['flows', '--count', flows], { NODE_COMPILE_CACHE: cache }).text, counted);
  run(['flows', '--help'], { NODE_COMPILE_CACHE: cache });
  // Node 22 and later keep a cache of their own beside it.
  assert.throws(() => readdirSync(join(cache, 'weir')), 'help compiles too little to be kept');
  count();
  const [name, ...more] = readdirSync(join(cache, 'weir'));
  assert.match(name, new RegExp(`^flows-[0-9a-f]{16}-${process.version}-${process.arch}$`));
  assert.deepEqual(more, []);
  const file = join(cache, 'weir', name);
  const { ino, size } = statSync(file);
  assert.ok(size > 10_000);
  count();
  assert.equal(statSync(file).ino, ino, 'taken, not written again');
  for (const bytes of [Buffer.alloc(0), readFileSync(file).subarray(0, size >> 1), Buffer.alloc(size)]) {
    writeFileSync(file, bytes);
    count();
    assert.ok(statSync(file).size > 10_000, 'what V8 refuses is made anew');
  }
  const none = join(folder, 'none');
  assert.equal(run(['flows', '--count', flows], { NODE_COMPILE_CACHE: none, NODE_DISABLE_COMPILE_CACHE: '1' }).text, counted);
  assert.throws(() => readdirSync(none));
  // A folder that cannot be: below a file.
  assert.equal(run(['flows', '--count', flows], { NODE_COMPILE_CACHE: join(flows, 'none') }).text, counted);
});

test('what goes wrong inside names lines of the sources', async () => {
  const before = Error.prepareStackTrace;
  const { load } = createRequire(import.meta.url)('../bin/load.cjs');
  const { exports: program } = load('main');
  try {
    const error = await program.runWords(undefined, {}).catch((caught) => caught);
    assert.match(error.stack, /^TypeError: .*\n {4}at .*\(?src\/shell\/main\.ts:\d+:\d+\)?\n/);
    const line = Number(/main\.ts:(\d+)/.exec(error.stack)[1]);
    assert.match(readFileSync(join(root, 'src/shell/main.ts'), 'utf8').split('\n')[line - 1], /= words;/);
  } finally {
    Error.prepareStackTrace = before;
  }
});

test('the package that npm makes runs where it is unpacked', () => {
  const [{ filename }] = JSON.parse(execFileSync('npm', ['pack', '--json', '--pack-destination', folder], { cwd: root, encoding: 'utf8' }));
  execFileSync('tar', ['xzf', join(folder, filename), '-C', folder]);
  const place = join(folder, 'package');
  symlinkSync(join(root, 'node_modules'), join(place, 'node_modules'));
  const bin = join(place, 'bin/weir');
  assert.equal(run(['flows', '--count', flows], { bin }).text, counted);
  assert.equal(readdirSync(join(place, 'dist/program/cache')).length, 1);
  const log = join(root, 'samples/access.log');
  assert.match(run(['top', '--by', 'url', '-n', '1', '--json', log], { bin }).stdout, /"requests":\d+/);
  mkdirSync(join(folder, 'node_modules'));
  symlinkSync(place, join(folder, 'node_modules/weir'));
  const script =
    "for (const part of ['weir', 'weir/http', 'weir/express', 'weir/fastify']) console.log(Object.keys(await import(part)).length > 0);";
  writeFileSync(join(folder, 'parts.mjs'), script);
  assert.equal(execFileSync(process.execPath, ['parts.mjs'], { cwd: folder, encoding: 'utf8' }), 'true\n'.repeat(4));
});
