// The program as it is started: one file a command and one a worker, bundled by esbuild into dist/program/code, for the loader bin/load.cjs.
//
// Why so: a start of `weir` that reads a file a module spends more on finding and compiling modules than on most jobs. A command's bundle holds the
// entry and that command alone (the other rows of the tables of commands are cut off), so that no module stands twice in one process. Bundles are
// CommonJS, since that is what V8's code cache can be kept for in every Node, and are not minified, so that what a stack trace shows can be read.
//
//     dist/program/package.json          says that what lies here is CommonJS
//     dist/program/code/NAME.js, .map    the bundle of a command or of a worker; its first line is a digest of what follows
//     dist/program/NAME.worker.js        what a Worker is started with: hands its bundle to the loader
//     dist/program/cache/                V8's code cache, written by the first run (bin/load.cjs)
//     dist/program/LICENSES.txt          the licences of the packages that are bundled
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join, relative, sep } from 'node:path';

// These stay packages: native code, files of their own that are looked for beside them, or a library that one command in a hundred needs.
const external = ['lmdb', 'koffi', '@resvg/resvg-wasm', 'dejavu-fonts-ttf', 'ioredis'];
const table = 'shell/commands.ts';
// They speak of every command: bin/weir starts them from the bundle `every`.
const ofEvery = ['man', 'completion'];

// On one line: where the program lies, and a module that is loaded when it is first used.
const banner = [
  'var weirPlace, weirProgram = () => weirPlace ??= require("node:url").pathToFileURL(__filename);',
  'var weirLate = (load) => { var loaded; return () => loaded ??= load(); };',
].join(' ');

/** Bundles every command and every worker of `root`; what was there before goes away when the new is complete. */
export async function buildProgram(root) {
  const { build } = await import('esbuild');
  const folder = join(root, 'dist', 'program');
  const next = `${folder}.${process.pid}`;
  try {
    await bundleAll(build, root, next);
    rmSync(folder, { recursive: true, force: true });
    renameSync(next, folder);
  } finally {
    rmSync(next, { recursive: true, force: true });
  }
}

async function bundleAll(build, root, next) {
  mkdirSync(join(next, 'code'), { recursive: true });
  mkdirSync(join(next, 'cache'));
  writeFileSync(join(next, 'package.json'), '{ "type": "commonjs" }\n');
  const bundle = (name, entry, command) => bundleOne(build, { root, next, name, entry, command });
  const workers = readdirSync(join(root, 'src'), { recursive: true }).filter((path) => path.endsWith('.worker.ts'));
  const inputs = await Promise.all([
    bundle('main', 'shell/main.ts', 'none'),
    bundle('every', 'shell/main.ts', 'every'),
    ...commandFiles(root).map(([name, file]) => bundle(name, 'shell/main.ts', file)),
    ...workers.map((path) => bundle(basename(path, '.ts'), path, 'every')),
  ]);
  for (const path of workers) {
    const name = basename(path, '.ts');
    writeFileSync(join(next, `${name}.js`), `process.once('exit', require('../../bin/load.cjs').load('${name}').keep);\n`);
  }
  writeFileSync(join(next, 'LICENSES.txt'), licences(root, new Set(inputs.flat())));
}

// name and file of each row of the table of commands: `name: 'rrd'` ... `import('./rrd.js')`.
function commandFiles(root) {
  const text = readFileSync(join(root, 'src', table), 'utf8');
  const rows = [...text.matchAll(/name: '(\w+)',[^{}]*import\('\.\/([\w-]+)\.js'\)/g)].map((match) => [match[1], match[2]]);
  return rows.filter(([name]) => !ofEvery.includes(name));
}

async function bundleOne(build, { root, next, name, entry, command }) {
  const result = await build({
    entryPoints: [join(root, 'src', entry)],
    outfile: join(next, 'code', `${name}.js`),
    absWorkingDir: root,
    bundle: true,
    platform: 'node',
    format: 'cjs',
    target: 'node20',
    supported: { 'dynamic-import': false },
    external,
    plugins: [places(root), oneCommand(command), packages(root)],
    banner: { js: banner },
    sourcemap: 'external',
    sourcesContent: false,
    metafile: true,
    write: false,
    logLevel: 'error',
  });
  for (const file of result.outputFiles) {
    if (file.path.endsWith('.map')) {
      const map = JSON.parse(file.text);
      const sources = map.sources.map((path) =>
        relative(root, join(next, 'code', path))
          .split(sep)
          .join('/'),
      );
      writeFileSync(file.path, JSON.stringify({ ...map, sources }));
    } else {
      const code = withLateModules(file.text);
      if (Buffer.byteLength(code) !== code.length) throw new Error(`bundle ${name}: a byte beyond ASCII`);
      const digest = createHash('sha256').update(code).digest('hex').slice(0, 16);
      // Without a line break before the code: the lines of the source map count from here.
      writeFileSync(file.path, `/*${digest}*/${code}`);
    }
  }
  return Object.keys(result.metafile.inputs);
}

// A module finds what lies beside it by `import.meta.url`: a worker lies in dist/program, all else where the compiler of the sources has put it.
function places(root) {
  const source = join(root, 'src') + sep;
  return {
    name: 'places',
    setup(build) {
      build.onLoad({ filter: /\.ts$/ }, ({ path }) => {
        if (!path.startsWith(source)) return undefined;
        const text = readFileSync(path, 'utf8');
        if (!text.includes('import.meta')) return undefined;
        const place = relative(source, path).split(sep).join('/').replace(/\.ts$/, '.js');
        const contents = text
          .replace(/(\.worker\.js', )import\.meta\.url/g, `$1new URL('../', weirProgram())`)
          .replaceAll('import.meta.url', `new URL('../../${place}', weirProgram())`);
        return { contents, loader: 'ts' };
      });
    },
  };
}

// Cuts off the commands that a bundle is not for.
function oneCommand(command) {
  return {
    name: 'one-command',
    setup(build) {
      build.onResolve({ filter: /^\.\// }, ({ kind, path, importer }) => {
        if (command === 'every' || kind !== 'dynamic-import' || !importer.split(sep).join('/').endsWith(`/src/${table}`)) return undefined;
        return path === `./${command}.js` ? undefined : { path, namespace: 'cut-off' };
      });
      build.onLoad({ filter: /./, namespace: 'cut-off' }, ({ path }) => ({
        contents: `throw new Error('this bundle of the program is without ${path}');`,
      }));
    },
  };
}

// A package that the sources import becomes a module of its own in the bundle, so that it, too, can be loaded when it is first used.
function packages(root) {
  const source = join(root, 'src') + sep;
  return {
    name: 'packages',
    setup(build) {
      build.onResolve({ filter: /^[@\w]/ }, ({ kind, path, importer }) => {
        const own = importer.startsWith(source) && kind === 'import-statement';
        return own && !path.startsWith('node:') && !external.includes(path) ? { path, namespace: 'package' } : undefined;
      });
      build.onLoad({ filter: /./, namespace: 'package' }, ({ path }) => ({
        contents: `module.exports = require(${JSON.stringify(path)});`,
        resolveDir: root,
      }));
    },
  };
}

// Modules of Node and packages are loaded when they are first used: `x = require(...)` and each `x.` after it become calls. The names are esbuild's
// own (`import_node_fs3`); one that stands anywhere else than before a dot is left as it is.
function withLateModules(code) {
  const loads = [...code.matchAll(/^\s*(?:var )?(import_\w+) = (?:require\("[^"]+"\)|__toESM\(require_\w+\(\)(?:, 1)?\));$/gm)];
  const late = new Set(loads.map((match) => match[1]));
  const uses = code.replace(/^\s*var [\w$, ]+;$/gm, '');
  for (const [, name] of uses.matchAll(/\b(import_\w+)\b(?! = |\.)/g)) late.delete(name);
  return code
    .replace(/^(\s*(?:var )?)(import_\w+) = (.*);$/gm, (line, before, name, load) =>
      late.has(name) ? `${before}${name} = weirLate(() => ${load});` : line,
    )
    .replace(/\b(new )?(import_\w+)\./g, (text, fresh, name) => {
      if (!late.has(name)) return text;
      return fresh === undefined ? `${name}().` : `new (${name}()).`;
    });
}

function licences(root, inputs) {
  const names = [...inputs].map((path) => /^node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(path)?.[1]).filter((name) => name !== undefined);
  return [...new Set(names)]
    .sort()
    .map((name) => {
      const folder = join(root, 'node_modules', name);
      const file = readdirSync(folder).find((entry) => /^(licen[cs]e|copying)/i.test(entry));
      const { version, license } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
      const text = file === undefined || !existsSync(join(folder, file)) ? '' : readFileSync(join(folder, file), 'utf8').trim();
      return `${name} ${version} (${license})\n\n${text}\n`;
    })
    .join(`\n${'-'.repeat(80)}\n\n`);
}
