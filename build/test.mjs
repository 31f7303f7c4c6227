// `npm test`: installs what the tests need, builds, checks types and style, runs every test with the node test runner.
// Words after it pick test files by a part of their path: `npm test -- packet/`.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { installPeers } from './peers.mjs';
import { build, filesBelow, install, root, run } from './setup.mjs';

const words = process.argv.slice(2).filter((word) => !word.startsWith('--'));
const nightly = process.argv.includes('--nightly');
try {
  install();
  if (existsSync(join(root, 'test/peers/package-lock.json'))) install(join(root, 'test/peers'));
  await build();
  if (words.length === 0) run(process.execPath, [join(root, 'node_modules/@biomejs/biome/bin/biome'), 'check', '--reporter=summary', '.']);
} catch (error) {
  process.stderr.write(`weir: ${error.message}\n`);
  process.exit(1);
}
const missing = installPeers();
const picked = (path) => words.length === 0 || words.some((word) => path.includes(word));
const files = [
  ...filesBelow(join(root, 'dist'), (name) => name.endsWith(nightly ? '.nightly.js' : '.test.js')),
  ...filesBelow(join(root, 'test'), (name) => name.endsWith(nightly ? '.nightly.mjs' : '.test.mjs')),
].filter(picked);
if (files.length === 0) {
  process.stderr.write(`weir: no test file matches ${words.join(' ') || 'anything'}\n`);
  process.exit(1);
}
// Test files of sources that are gone must not run: a built test has its source beside it in src/.
const alive = files.filter(
  (path) => !path.startsWith(join(root, 'dist')) || existsSync(path.replace(join(root, 'dist'), join(root, 'src')).replace(/\.js$/, '.ts')),
);
// One thread of V8 for each test process: Node 20 may hang at its end while a compilation beside it waits for a collection (src/base/leave.ts).
// And a bound on each file, so that whatever hangs is a failure with a name.
const flags = [
  '--single-threaded',
  '--test',
  '--test-reporter=spec',
  '--test-concurrency=2',
  `--test-timeout=${nightly ? 7_200_000 : 1_800_000}`,
];
const result = spawnSync(process.execPath, [...flags, ...alive], {
  cwd: root,
  stdio: ['ignore', 'inherit', 'inherit'],
  env: { ...process.env, TZ: 'UTC' },
});
for (const line of missing) process.stderr.write(`weir: not run: ${line}\n`);
process.exit(result.status ?? 1);
