// The program as a person meets it: help, completion and man pages of every command, wrong words, a reader that goes away.
// Goldens of the help are in test/golden/help; WEIR_UPDATE=1 writes them anew, to be reviewed in the diff.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { hasProgram } from '../build/peers.mjs';
import { commands } from '../dist/shell/commands.js';

const root = fileURLToPath(new URL('..', import.meta.url));
const golden = join(root, 'test/golden/help');
const weir = (...words) => spawnSync(process.execPath, [join(root, 'bin/weir'), ...words], { encoding: 'utf8', cwd: root });

function same(name, text) {
  const path = join(golden, name);
  if (process.env.WEIR_UPDATE === '1') {
    mkdirSync(golden, { recursive: true });
    writeFileSync(path, text);
  }
  assert.ok(existsSync(path), `no golden ${name}: WEIR_UPDATE=1 writes it`);
  assert.equal(text, readFileSync(path, 'utf8'), `${name}: WEIR_UPDATE=1 writes it anew`);
}

test('weir alone prints its help', () => {
  const { stdout, status } = weir();
  assert.equal(status, 0);
  same('weir.txt', stdout);
});

for (const row of commands) {
  test(`help of ${row.name}`, () => {
    const { stdout, status, stderr } = weir(row.name, '--help');
    assert.equal(status, 0, stderr);
    same(`${row.name}.txt`, stdout);
  });
  test(`table and file agree on ${row.name}`, async () => {
    const command = await row.load();
    assert.equal(command.name, row.name);
    assert.equal(command.summary, row.summary);
    assert.ok(command.examples.length > 0, 'examples');
  });
  test(`man page of ${row.name}`, { skip: !hasProgram('man') && process.env.CI !== 'true' && 'man-db is missing' }, () => {
    const { stdout, status } = weir('man', row.name);
    assert.equal(status, 0);
    const shown = spawnSync('man', ['--warnings', '-l', '-'], {
      input: stdout,
      encoding: 'utf8',
      env: { ...process.env, LC_ALL: 'C.UTF-8', MANPAGER: 'cat', MANWIDTH: '100' },
    });
    assert.equal(shown.status, 0, shown.stderr);
    assert.equal(shown.stderr, '');
    assert.match(shown.stdout, /SYNOPSIS/);
  });
}

test('wrong words: one line on standard error, exit 2', () => {
  for (const words of [['nosuch'], ['completion'], ['completion', 'csh'], ['completion', '--nosuch']]) {
    const { stdout, stderr, status } = weir(...words);
    assert.equal(status, 2, words.join(' '));
    assert.equal(stdout, '');
    assert.match(stderr, /^weir: [^\n]+\n$/);
  }
});

test('completion scripts name every command, and bash takes its own', () => {
  for (const shell of ['bash', 'zsh', 'fish']) {
    const { stdout, status } = weir('completion', shell);
    assert.equal(status, 0);
    for (const row of commands) assert.ok(stdout.includes(row.name), `${shell}: ${row.name}`);
  }
  const script = weir('completion', 'bash').stdout;
  const asked = spawnSync('bash', ['-c', `${script}\nCOMP_WORDS=(weir comp); COMP_CWORD=1; _weir; echo "\${COMPREPLY[@]}"`], {
    encoding: 'utf8',
  });
  assert.equal(asked.stdout.trim(), 'completion');
});

test('a reader that goes away: exit 0, no message', () => {
  const script = `set -o pipefail; "${process.execPath}" "${join(root, 'bin/weir')}" completion zsh | head -c 1 >/dev/null`;
  const { status, stderr } = spawnSync('bash', ['-c', script], { encoding: 'utf8' });
  assert.equal(status, 0, stderr);
  assert.equal(stderr, '');
});

test('help of a command by `weir help COMMAND`', () => {
  assert.equal(weir('help', 'flows').stdout, weir('flows', '--help').stdout);
  assert.equal(weir('help', 'nosuch').status, 2);
});

test('what cannot be written is said in one line, whatever the command, and a device stays a device', {
  skip: !existsSync('/dev/full'),
}, () => {
  const full = openSync('/dev/full', 'w');
  try {
    for (const words of [
      ['--help'],
      ['flows', 'samples/flows.csv', '--count'],
      ['flows', 'samples/flows.csv'],
      ['profile', 'samples/flows.csv', '--json'],
      ['top', 'samples/access.log'],
    ]) {
      const { status, stderr } = spawnSync(process.execPath, [join(root, 'bin/weir'), ...words], {
        encoding: 'utf8',
        cwd: root,
        stdio: ['ignore', full, 'pipe'],
      });
      assert.equal(status, 1, `${words}`);
      assert.match(stderr, /(^|\n)weir: standard output: no space left on the disk\n$/, `${words}`);
      assert.doesNotMatch(stderr, /\n +at |throw /, `${words}`);
    }
  } finally {
    closeSync(full);
  }
  for (const words of [
    ['top', 'samples/access.log', '--html', '/dev/full'],
    ['packets', 'samples/flows.csv', '-o', '/dev/null', '--report', '/dev/full'],
    ['flows', 'samples/flows.csv', '--count', '-o', '/dev/full'],
  ]) {
    const { status, stderr } = weir(...words);
    assert.equal(status, 1, `${words}`);
    assert.match(stderr, /^weir: \/dev\/full: no space left on the disk$/m, `${words}`);
    assert.ok(statSync('/dev/full').isCharacterDevice(), `${words}`);
  }
});

test('a file that cannot be made is named as it was given', () => {
  const { status, stderr } = weir('flows', 'samples/flows.csv', '-o', '/nonexistent/flows.csv');
  assert.equal(status, 1);
  assert.equal(stderr, 'weir: /nonexistent/flows.csv: no such file or folder\n');
});

test('what can be read but once is read once: pipes for --count, --stat and load', () => {
  const folder = mkdtempSync(join(tmpdir(), 'weir-pipes-'));
  try {
    const shell = (script) => spawnSync('bash', ['-c', script], { encoding: 'utf8', cwd: root, timeout: 60_000 });
    const flows = 'samples/flows.nfcapd';
    for (const option of ['--count', '--stat'])
      assert.equal(shell(`bin/weir flows <(cat ${flows}) ${option}`).stdout, weir('flows', flows, option).stdout);
    const data = join(folder, 'data');
    const lines = readFileSync(join(root, 'samples/access.log'), 'utf8').trimEnd().split('\n').length;
    assert.match(shell(`bin/weir load <(cat samples/access.log) --data ${data}`).stderr, new RegExp(`^weir: /dev/fd/\\d+: ${lines} lines`));
    assert.match(
      shell(`gzip -c samples/access.log | gunzip | bin/weir load - --data ${data}`).stderr,
      /^weir: standard input: loaded before/,
    );
    for (const words of ['rrd info', 'whisper info'])
      assert.match(
        shell(`bin/weir ${words} <(cat ${flows})`).stderr,
        /^weir: \/dev\/fd\/\d+: is a pipe or a device \(expected an? \w+ file\)\n$/,
      );
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

test('blank lines alone are no flows and no fault', () => {
  const { status, stdout, stderr } = spawnSync(process.execPath, [join(root, 'bin/weir'), 'flows', '-', '--count'], {
    encoding: 'utf8',
    input: '\ufeff\r\n\n',
  });
  assert.deepEqual([status, stdout, stderr], [0, '{"flows":0,"packets":0,"bytes":0,"rejected":{}}\n', '']);
});

test('an address that is in use is named', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'weir-port-'));
  const holder = createServer().listen(0, '127.0.0.1');
  await once(holder, 'listening');
  try {
    const { port } = holder.address();
    const { status, stderr } = weir('serve', '--data', folder, '--only', 'http', '--port', `http=${port}`);
    assert.equal(status, 1);
    assert.equal(stderr, `weir: 127.0.0.1:${port}: the address is in use (expected a free one: --port NAME=N)\n`);
  } finally {
    holder.close();
    rmSync(folder, { recursive: true, force: true });
  }
});
