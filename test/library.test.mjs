// The library's face: the example of docs/library.md runs as it stands, from the public entry.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));

test('the example of the library runs', () => {
  const folder = mkdtempSync(join(tmpdir(), 'weir-library-'));
  try {
    const example = /```js\n([\s\S]*?)```/.exec(readFileSync(join(root, 'docs/library.md'), 'utf8'))?.[1];
    assert.ok(example);
    writeFileSync(join(folder, 'package.json'), '{}');
    mkdirSync(join(folder, 'node_modules'));
    symlinkSync(root, join(folder, 'node_modules/weir'));
    cpSync(join(root, 'samples'), join(folder, 'samples'), { recursive: true });
    writeFileSync(join(folder, 'example.mjs'), example);
    const { stdout, stderr, status } = spawnSync(process.execPath, ['example.mjs'], { cwd: folder, encoding: 'utf8' });
    assert.equal(status, 0, stderr);
    assert.match(stdout, /^\d+ flows, \d+ packets, 0 causes of rejects\n$/);
    assert.ok(existsSync(join(folder, 'https.pcap')));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
