// The house style, as far as a program can read it: rooms import one way and without cycles, only some rooms listen or read a clock,
// files have a head comment and a bounded size, names are words, and nothing strays into the texts. Fails with the list of places.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const rooms = ['base', 'collect', 'fold', 'keep', 'packet', 'query', 'render', 'serve', 'shell'];
const tracked = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'], { cwd: root, encoding: 'utf8' })
  .split('\n')
  .filter(Boolean);
const sources = tracked
  .filter((path) => /^src\/.*\.ts$/.test(path))
  .flatMap((path) => {
    try {
      return [{ path, text: readFileSync(join(root, path), 'utf8') }];
    } catch {
      return [];
    }
  });
const roomOf = (path) => path.split('/')[1];
const isTest = (path) => /\.(test|bench|nightly)\.ts$/.test(path);
const code = (text) => text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/(^|[^:'"`])\/\/.*$/gm, '$1');
const importsOf = ({ path, text }) =>
  [...text.matchAll(/(?:from|import)\s*\(?\s*'(\.[^']+)'/g)].map((match) =>
    normalize(join(dirname(path), match[1])).replace(/\.js$/, '.ts'),
  );

function none(found, rule) {
  assert.deepEqual(found, [], rule);
}

test('there are sources to look at', () => {
  assert.ok(sources.length > 10);
});

test('a room imports only from itself and from rooms before it', () => {
  const found = [];
  for (const source of sources) {
    const room = roomOf(source.path);
    if (!rooms.includes(room)) continue;
    for (const target of importsOf(source)) {
      if (!target.startsWith('src/')) found.push(`${source.path} imports ${target}`);
      else if (rooms.indexOf(roomOf(target)) > rooms.indexOf(room) || !rooms.includes(roomOf(target)))
        found.push(`${source.path} imports ${target}`);
    }
  }
  none(found, `rooms in order: ${rooms.join(' < ')}`);
});

test('imports make no cycle', () => {
  const graph = new Map(
    sources.map((source) => {
      const statics = [...source.text.matchAll(/^(?:import|export)\s(?!type\b)[^;]*?from '(\.[^']+)'/gm)];
      return [source.path, statics.map((match) => normalize(join(dirname(source.path), match[1])).replace(/\.js$/, '.ts'))];
    }),
  );
  const done = new Set();
  const found = [];
  const visit = (path, trail) => {
    if (trail.includes(path)) found.push([...trail.slice(trail.indexOf(path)), path].join(' -> '));
    else if (!done.has(path)) for (const next of graph.get(path) ?? []) visit(next, [...trail, path]);
    done.add(path);
  };
  for (const path of graph.keys()) visit(path, []);
  none(found, 'no cycles');
});

test('only serve listens, only serve and shell read a clock', () => {
  const found = [];
  for (const { path, text } of sources) {
    if (isTest(path) || !rooms.includes(roomOf(path))) continue;
    const body = code(text);
    if (roomOf(path) !== 'serve' && /\.listen\(|createSocket\(.*\)\.bind\(/.test(body) && !path.startsWith('src/shell/probe'))
      found.push(`${path} listens`);
    if (
      !['serve', 'shell'].includes(roomOf(path)) &&
      /Date\.now\(|performance\.now\(|new Date\(\)|process\.hrtime|Temporal\.Now/.test(body)
    )
      found.push(`${path} reads a clock`);
  }
  none(found, 'clocks are passed in');
});

test('files open with a head comment and stay below 400 lines', () => {
  const found = [];
  for (const { path, text } of sources) {
    if (isTest(path)) continue;
    if (!/^(\/\/ asc:[^\n]*\n)?(#![^\n]*\n)?(\/\*\*|\/\/|\/\*)/.test(text)) found.push(`${path} opens without a head comment`);
    const lines = text.split('\n').length;
    if (lines > 400) found.push(`${path} has ${lines} lines`);
  }
  none(found, 'head comment, at most 400 lines');
});

test('names are words', () => {
  const found = sources
    .filter(({ path }) => /(^|[/-])(utils?|helpers?|managers?|common|misc|stuff)([/.-]|$)/.test(path))
    .map(({ path }) => path);
  none(found, 'no utils, helpers, managers, common');
});

test('no any, no ts-ignore, no TODO', () => {
  const found = [];
  for (const { path, text } of sources) {
    if (path.endsWith('.as.ts')) continue;
    if (/@ts-(ignore|nocheck|expect-error)/.test(text)) found.push(`${path} silences the compiler`);
    if (/(:|<|as)\s*any\b/.test(code(text))) found.push(`${path} uses any`);
    if (/\b(TODO|FIXME|XXX|HACK)\b/.test(text)) found.push(`${path} has a note to self`);
  }
  none(found, 'strict types and no notes to self');
});

test('the project speaks of itself alone', () => {
  const words = [
    /\/work\//,
    /\bsubagents?\b/i,
    /\bregistry\.npmjs\b/,
    /\bclaude\b/i,
    /\bopenai\b/i,
    /\bDEVELOPERS\.md\b/,
    /\bthis session\b/i,
    /\bissue #?\d+\b/i,
    /\bhelper-\d/,
  ];
  const found = [];
  for (const path of tracked.filter(
    (name) =>
      /\.(ts|mjs|js|md|json|toml|css|html|service|yml|yaml)$|^bin\/|^\.ci\//.test(name) &&
      !/package-lock|^test\/tidy|^test\/data/.test(name),
  )) {
    let text = '';
    try {
      text = readFileSync(join(root, path), 'utf8');
    } catch {
      continue;
    }
    for (const word of words) if (word.test(text)) found.push(`${path}: ${word}`);
  }
  none(found, 'no stray words');
});

test('every test asserts and none sleeps', () => {
  const found = [];
  for (const path of tracked.filter((name) => /\.(test|nightly)\.(ts|mjs)$/.test(name))) {
    let text = '';
    try {
      text = readFileSync(join(root, path), 'utf8');
    } catch {
      continue;
    }
    if (!/assert|throws|rejects/.test(text)) found.push(`${path} asserts nothing`);
    if (
      /setTimeout\([^,)]*,\s*[1-9]\d{2,}\)\s*\)?;?\s*$/m.test(text.replace(/unref\(\)/g, '')) &&
      /await new Promise\(\(?\w*\)? => setTimeout/.test(text)
    )
      found.push(`${path} sleeps`);
  }
  none(found, 'tests assert, and wait on events');
});
