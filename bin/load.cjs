// Loads a bundle of the program (build/program.mjs) and keeps V8's code cache for it: what the first run of a command has compiled, the next one
// finds, in Node 20 as in later ones (`module.enableCompileCache` is there from 22.1 on, and not for what an ES module of Node 20 holds).
//
// The law: a cache never decides what runs. Its name holds the digest of the code, the version of Node and the machine; V8 refuses one that was made
// with other flags; it is written whole beside its name, flushed and renamed. Where the folder cannot be written to, or Node was given flags of its
// own, a start is as good as before, only slower. NODE_COMPILE_CACHE and NODE_DISABLE_COMPILE_CACHE mean what they mean to Node.
'use strict';
const { closeSync, existsSync, fsyncSync, mkdirSync, openSync, readFileSync, renameSync, rmSync, writeSync } = require('node:fs');
const { join } = require('node:path');
const { Script } = require('node:vm');

const folder = join(__dirname, '..', 'dist', 'program');
const fileOf = (name) => join(folder, 'code', `${name}.js`);

/** Whether there is a bundle of that name. */
exports.has = (name) => /^[a-z]+$/.test(name ?? '') && existsSync(fileOf(name));

/** Runs a bundle: `exports` is what it exports, `keep` writes the code cache if there was none, and is called when the work is done. */
exports.load = (name) => {
  const file = fileOf(name);
  const code = readFileSync(file, 'latin1');
  const cacheFile = cachePlace(name, code);
  const cachedData = readCache(cacheFile);
  const script = new Script(`(function (exports, require, module, __filename, __dirname) {${code}\n})`, { filename: file, cachedData });
  showSources();
  const module = { exports: {} };
  script.runInThisContext()(module.exports, require, module, file, folder);
  const good = cachedData !== undefined && !script.cachedDataRejected;
  return { exports: module.exports, keep: good ? () => {} : () => writeCache(cacheFile, script) };
};

function cachePlace(name, code) {
  if (process.env.NODE_DISABLE_COMPILE_CACHE) return undefined;
  const digest = /^\/\*([0-9a-f]{16})\*\//.exec(code)?.[1];
  const given = process.env.NODE_COMPILE_CACHE;
  return digest && join(given ? join(given, 'weir') : join(folder, 'cache'), `${name}-${digest}-${process.version}-${process.arch}`);
}

function readCache(path) {
  try {
    return path && readFileSync(path);
  } catch {
    return undefined;
  }
}

function writeCache(path, script) {
  // Flags change what V8 takes: a cache for those of one run would only be refused by the others.
  if (
    !path ||
    process.execArgv.length > 0 ||
    process.env.NODE_OPTIONS ||
    process.argv.some((word) => ['--help', '-h', 'help'].includes(word))
  )
    return;
  const beside = `${path}.${process.pid}`;
  try {
    makeFolder(join(path, '..', '..'));
    makeFolder(join(path, '..'));
    const to = openSync(beside, 'wx', 0o644);
    try {
      const bytes = script.createCachedData();
      if (writeSync(to, bytes) !== bytes.length) throw new Error('a short write');
      fsyncSync(to);
    } finally {
      closeSync(to);
    }
    renameSync(beside, path);
  } catch {
    discard(beside);
  }
}

function discard(path) {
  try {
    rmSync(path, { force: true });
  } catch {
    // Below a file, say: then there is nothing to take away.
  }
}

// Not with `recursive`, which goes round for ever in /proc.
function makeFolder(path) {
  if (!existsSync(path)) mkdirSync(path);
}

// Stack traces name lines of the sources. The map of a bundle is read when the first of them is asked for.
function showSources() {
  const maps = new Map();
  const place = join(folder, 'code');
  Error.prepareStackTrace = (error, frames) => {
    const lines = frames.map((frame) => `\n    at ${frame}`);
    frames.forEach((frame, index) => {
      const file = frame.getFileName();
      if (!file?.startsWith(place)) return;
      if (!maps.has(file)) maps.set(file, readMap(`${file}.map`));
      const line = frame.getLineNumber();
      const found = maps.get(file)?.findEntry(line - 1, frame.getColumnNumber() - 1);
      if (found?.originalSource !== undefined)
        lines[index] = lines[index].replace(
          /[^( ]*:\d+:\d+/,
          `${found.originalSource}:${found.originalLine + 1}:${found.originalColumn + 1}`,
        );
    });
    return `${textOf(error)}${lines.join('')}`;
  };
}

function textOf(error) {
  try {
    return String(error);
  } catch {
    return 'Error';
  }
}

function readMap(path) {
  try {
    const { SourceMap } = require('node:module');
    return new SourceMap(JSON.parse(readFileSync(path, 'utf8')));
  } catch {
    return undefined;
  }
}
