// Random .rrd files and random expressions beside the real rrdtool: the same rows, the same numbers to 1e-9 relative, the same unknowns.
// One rrdtool process in its remote-control mode answers all of a round. WEIR_RRD_SEED and WEIR_RRD_ROUNDS make other and longer runs.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { hasProgram } from '../build/peers.mjs';
import { Fault } from '../dist/base/faults.js';
import { machineClock } from '../dist/base/wall-clock.js';
import { openRrd } from '../dist/collect/open-rrd.js';
import { fetchRrd } from '../dist/query/rrd-fetch.js';
import { parseRrdScript } from '../dist/query/rrd-script.js';
import { RrdFetcher } from '../dist/query/rrd-series.js';
import { calculateScript, xport } from '../dist/query/xport.js';
import { rrdDumpText } from '../dist/render/rrd-dump.js';
import { rrdFetchText } from '../dist/render/rrd-fetch.js';
import { rrdInfoText } from '../dist/render/rrd-info.js';
import { xportText } from '../dist/render/rrd-xport.js';

const seed = Number(process.env.WEIR_RRD_SEED ?? 1);
const rounds = Number(process.env.WEIR_RRD_ROUNDS ?? 6);
const folder = mkdtempSync(join(tmpdir(), 'weir-rrd-peer-'));
after(() => rmSync(folder, { recursive: true }));
const environment = { ...process.env, TZ: process.env.TZ ?? 'UTC', LC_ALL: 'C' };

/** A small generator, so that a round can be had again. */
function generator(start) {
  let state = start >>> 0;
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const below = (count) => Math.floor(next() * count);
  return { next, below, pick: (list) => list[below(list.length)], chance: (share) => next() < share };
}

/** Sends commands to one rrdtool; an answer is its text, or an Error. */
function rrdtool(commands) {
  const quoted = commands.map((words) => words.map((word) => `"${word}"`).join(' ')).join('\n');
  const result = spawnSync('rrdtool', ['-'], { input: `${quoted}\n`, cwd: folder, env: environment, timeout: 600_000, maxBuffer: 1 << 30 });
  assert.equal(result.status, 0, String(result.stderr));
  const answers = [];
  let text = '';
  for (const line of result.stdout.toString('latin1').split(/(?<=\n)/)) {
    const error = /^ERROR: (.*)$/m.exec(line);
    if (/^OK u:/.test(line) || error !== null) {
      answers.push(error === null ? text : new Error(error[1]));
      text = '';
    } else text += line;
  }
  assert.equal(answers.length, commands.length);
  return answers;
}

const plain = ['AVERAGE', 'MIN', 'MAX', 'LAST'];

/** Words that make and feed a file: sources of every type, archives, readings with gaps, unknowns, wraps and resets. */
function randomFile(random, name) {
  const step = random.pick([1, 10, 60, 300]);
  const begin = 1_700_000_000 + random.below(100_000);
  const types = ['GAUGE', 'COUNTER', 'DERIVE', 'ABSOLUTE', 'DCOUNTER', 'DDERIVE'];
  const sources = Array.from({ length: 1 + random.below(4) }, (_, index) => ({
    name: `s${index}`,
    type: index === 0 ? 'GAUGE' : random.pick(types),
  }));
  const bounds = (type) => (type === 'GAUGE' && random.chance(0.3) ? '-50:50' : type === 'GAUGE' ? 'U:U' : '0:U');
  const defined = sources.map((source) => `DS:${source.name}:${source.type}:${step * (1 + random.below(4))}:${bounds(source.type)}`);
  const computed = random.chance(0.4) ? [`DS:c:COMPUTE:s0,${1 + random.below(9)},*,s0,+`] : [];
  const archives = Array.from(
    { length: 1 + random.below(5) },
    (_, index) =>
      `RRA:${index === 0 ? 'AVERAGE' : random.pick(plain)}:${random.pick([0, 0.3, 0.5, 0.9])}:${index === 0 ? 1 : random.pick([1, 2, 3, 5, 12])}:${random.pick([20, 60, 150])}`,
  );
  const commands = [['create', name, '--start', String(begin), '--step', String(step), ...defined, ...computed, ...archives]];
  let time = begin;
  const counters = sources.map(() => 0);
  const updates = [];
  for (let index = random.below(160); index > 0; index--) {
    time += 1 + random.below(random.chance(0.05) ? step * 8 : Math.ceil(step * 1.5));
    const readings = sources.map(({ type }, place) => {
      if (random.chance(0.08)) return 'U';
      if (type === 'GAUGE') return String(Math.round((random.next() * 120 - 60) * 1000) / 1000);
      if (type === 'ABSOLUTE') return String(random.below(1000));
      counters[place] = random.chance(0.03) ? random.below(100) : counters[place] + random.below(5000);
      return String(counters[place] + (type.startsWith('DD') || type === 'DCOUNTER' ? 0.5 : 0));
    });
    updates.push([time, ...readings].join(':'));
  }
  if (updates.length > 0) commands.push(['update', name, ...updates]);
  return { name, step, begin, commands, sources: [...sources.map((source) => source.name), ...(computed.length > 0 ? ['c'] : [])] };
}

const unary = 'SIN COS EXP ABS FLOOR CEIL SQRT LOG ATAN DEG2RAD RAD2DEG UN ISINF'.split(' ');
const binary = '+ - * / % ADDNAN MIN MAX MINNAN MAXNAN LT LE GT GE EQ NE ATAN2'.split(' ');
const constants = 'UNKN INF NEGINF TIME LTIME COUNT STEPWIDTH NEWDAY NEWWEEK NEWMONTH NEWYEAR PREV DEPTH'.split(' ');
const numberText = (random) => random.pick(['0', '1', '-3', '2.5', '100', '1e-3', '7']);

/** An expression that leaves one value. `columns` are names that may be looked along. */
function expression(random, columns, depth, windows) {
  const operand = () => expression(random, columns, depth - 1, windows);
  if (depth <= 0 || random.chance(0.15))
    return random.chance(0.75) ? random.pick(columns) : `${random.pick([numberText(random), random.pick(constants)])},DUP,POP`;
  switch (windows ? random.below(14) : 3 + random.below(10)) {
    case 8:
      return `${operand()},${random.pick(unary)}`;
    case 5:
      return `${operand()},${operand()},${operand()},${random.pick(['IF', 'LIMIT'])}`;
    case 6: {
      const count = 1 + random.below(4);
      const list = Array.from({ length: count }, operand).join(',');
      return `${list},${count},${random.pick(['AVG', 'SMIN', 'SMAX', 'MEDIAN', 'STDEV'])}`;
    }
    case 3: {
      const count = 2 + random.below(3);
      const list = Array.from({ length: count }, operand).join(',');
      const keepOne = Array.from({ length: count - 1 }, () => random.pick(['POP', '-', 'EXC,POP'])).join(',');
      return `${list},${count},${random.pick(['SORT', 'REV'])},${keepOne}`;
    }
    case 4: {
      const count = 1 + random.below(4);
      return `${Array.from({ length: count }, operand).join(',')},${random.pick(count === 1 ? [50, 95, 100] : [25, 50, 75, 95, 100])},${count},PERCENT`;
    }
    case 0:
      return `${random.pick(columns)},${random.pick([60, 300, 600, 777, 3600])},${random.pick(['TREND', 'TRENDNAN'])}`;
    case 1: {
      const column = random.pick(columns);
      const shifts = `${random.pick([300, 600])},${random.pick([60, 1200])},2`;
      const [kind, more] = random.pick([
        ['PREDICT', ''],
        ['PREDICTSIGMA', ''],
        ['PREDICTPERC', `${random.pick([95, 50, -50])},`],
      ]);
      return `${shifts},${random.pick([60, 300, 900])},${more}${column},${kind}`;
    }
    case 2:
      return `PREV(${random.pick(columns)})`;
    case 7:
      return random.pick([
        `${operand()},${operand()},EXC,-`,
        `${operand()},DUP,+`,
        `${operand()},${operand()},2,COPY,+,+,+`,
        `${operand()},${operand()},2,INDEX,+,+`,
      ]);
    default:
      return `${operand()},${operand()},${random.pick(binary)}`;
  }
}

function randomXport(random, files) {
  const [file] = files;
  const words = [];
  const columns = [];
  const figures = [];
  const start = file.begin + random.below(file.step * 60) - file.step * 5;
  const end = start + 1 + random.below(file.step * random.pick([30, 150, 600]));
  for (let index = 1 + random.below(3); index > 0; index--) {
    const from = random.pick(files);
    const options = [];
    if (random.chance(0.25)) options.push(`step=${from.step * random.pick([1, 2, 3, 5, 12, 20])}`);
    if (random.chance(0.2)) options.push(`reduce=${random.pick(plain)}`);
    if (random.chance(0.15)) options.push(`start=${start - random.below(20) * file.step}`);
    columns.push(`d${index}`);
    words.push(
      [`DEF:d${index}=${from.name}`, random.pick(from.sources), random.chance(0.7) ? 'AVERAGE' : random.pick(plain), ...options].join(':'),
    );
  }
  for (let index = 1 + random.below(3); index > 0; index--) {
    if (random.chance(0.4)) {
      const figure = random.pick([
        'MAXIMUM',
        'MINIMUM',
        'AVERAGE',
        'STDEV',
        'LAST',
        'FIRST',
        'TOTAL',
        '95,PERCENT',
        '10,PERCENT',
        '50,PERCENTNAN',
        'LSLSLOPE',
        'LSLINT',
        'LSLCORREL',
      ]);
      words.push(`VDEF:v${index}=${random.pick(columns)},${figure}`);
      figures.push(`v${index}`);
    }
    // Where a column is coarser than the result, rrdtool looks beyond its data for windows and PREV(x): so these have one column.
    const along = random.chance(0.4) ? [random.pick(columns)] : undefined;
    const text = expression(random, along ?? columns, 1 + random.below(4), along !== undefined);
    const scaled =
      figures.length > 0 && random.chance(0.5) ? `${text},${random.pick(figures)},${random.pick(['+', '-', 'MAX', 'LT'])}` : text;
    const touched = `${random.pick(along ?? columns)},POP,${scaled}`;
    words.push(`CDEF:c${index}=${touched}`);
    columns.push(`c${index}`);
  }
  const options = [];
  const maxRows = random.chance(0.3) ? random.pick([10, 20, 50, 2000]) : 400;
  const step = random.chance(0.3) ? file.step * random.pick([1, 2, 3, 7, 30]) : 0;
  if (maxRows !== 400) options.push('-m', String(maxRows));
  if (step !== 0) options.push('--step', String(step));
  const shown = columns.filter(() => random.chance(0.7));
  if (shown.length === 0) shown.push(columns.at(-1));
  return { range: { start, end, maxRows, step }, words: [...words, ...shown.map((name) => `XPORT:${name}:${name}`)], options };
}

const world = () => ({ now: Math.floor(Date.now() / 1000), clock: machineClock, firstWeekday: 0 });

async function ours({ range, words }) {
  const fetcher = new RrdFetcher();
  try {
    const inFolder = words.map((word) => word.replace(/^(DEF:\w+=)/, `$1${folder}/`));
    const script = parseRrdScript(inFolder, world().now, machineClock);
    const { figures } = await calculateScript(script, range, fetcher, world());
    // rrdtool gives what lies in its memory for a percentile of nothing.
    const isLost = script.some((part) => part.definition?.functionName === 'PERCENTNAN' && Number.isNaN(figures.get(part.name).value));
    return isLost ? undefined : await xport(script, range, fetcher, world());
  } catch (error) {
    if (error instanceof Fault) return error;
    throw error;
  } finally {
    fetcher.close();
  }
}

const numbersOf = (text) =>
  [...text.matchAll(/<v>([^<]*)<\/v>/g)].map(([, value]) => (value === 'NaN' ? Number.NaN : Number(value.replace('inf', 'Infinity'))));
const metaOf = (text) => ['start', 'end', 'step', 'rows'].map((name) => Number(new RegExp(`<${name}>(\\d+)`).exec(text)?.[1]));

/** Whether two numbers agree: both unknown, or within 1e-9, or lost in the rounding of what they were made from. */
const agree = (got, wanted) =>
  Number.isNaN(got) || Number.isNaN(wanted)
    ? Number.isNaN(got) && Number.isNaN(wanted)
    : got === wanted || Math.abs(got - wanted) <= 1e-9 * Math.max(Math.abs(got), Math.abs(wanted), 1e-3);

test('rrdtool is there', () => assert.ok(hasProgram('rrdtool'), 'rrdtool is missing: apt-get install rrdtool'));

for (let round = 0; round < rounds; round++) {
  test(`round ${seed + round}: info, dump, fetch and xport are rrdtool's`, { skip: !hasProgram('rrdtool') }, async () => {
    const random = generator(seed + round);
    const files = Array.from({ length: 4 }, (_, index) => randomFile(random, `r${round}-${index}.rrd`));
    for (const answer of rrdtool(files.flatMap((file) => file.commands))) assert.ok(!(answer instanceof Error), String(answer));
    const fetches = files.flatMap((file) =>
      Array.from({ length: 6 }, () => {
        const start = file.begin + random.below(file.step * 120) - file.step * 30;
        const resolution = file.step * random.pick([1, 1, 2, 3, 5, 7, 12]);
        return { file, cf: random.pick(plain), start, end: start + random.below(file.step * 100), resolution };
      }),
    );
    const xports = files.flatMap((file) => Array.from({ length: 24 }, () => randomXport(random, [file, random.pick(files)])));
    const answers = rrdtool([
      ...files.flatMap((file) => [
        ['info', file.name],
        ['dump', file.name],
      ]),
      ...fetches.map(({ file, cf, start, end, resolution }) => [
        'fetch',
        file.name,
        cf,
        '-s',
        String(start),
        '-e',
        String(end),
        '-r',
        String(resolution),
      ]),
      ...xports.map(({ range, words, options }) => ['xport', '-s', String(range.start), '-e', String(range.end), ...options, ...words]),
    ]);
    const next = () => answers.shift();
    for (const file of files) compareFile(join(folder, file.name), file.name, next(), next());
    for (const { file, cf, start, end, resolution } of fetches) {
      const database = openRrd(join(folder, file.name));
      const wanted = next();
      if (wanted instanceof Error) assert.throws(() => fetchRrd(database, cf, start, end, resolution), { message: wanted.message });
      else
        sameText(
          [...rrdFetchText(fetchRrd(database, cf, start, end, resolution))].join(''),
          wanted,
          `${file.name} ${cf} ${start} ${end} ${resolution}`,
        );
      database.close();
    }
    for (const asked of xports) compareXport(asked, await ours(asked), next());
  });
}

/** The first line that differs tells enough. */
function sameText(got, wanted, what) {
  const [left, right] = [got.split('\n'), wanted.split('\n')];
  const at = left.findIndex((line, index) => line !== right[index]);
  assert.ok(got === wanted, `${what}, line ${at + 1}: '${left[at]}', rrdtool's is '${right[at]}'`);
}

function compareFile(path, name, info, dump) {
  const database = openRrd(path);
  sameText(rrdInfoText(database).replace(path, name), info, name);
  const zone = { clock: machineClock, name: () => 'UTC' };
  if (environment.TZ === 'UTC') sameText([...rrdDumpText(database, 'dtd', zone)].join(''), dump, name);
  database.close();
}

function compareXport(asked, table, wanted) {
  const what = JSON.stringify([asked.range, asked.options, asked.words]);
  // rrdtool gives up on a range that lies before a coarse row; here its rows are unknown.
  if (table === undefined || (wanted instanceof Error && wanted.message.startsWith('SANITY CHECK'))) return;
  if (wanted instanceof Error || table instanceof Error) {
    assert.ok(wanted instanceof Error && table instanceof Error, `${what}: rrdtool ${wanted}, here ${table}`);
    assert.ok(table.message.startsWith(wanted.message), `${what}: rrdtool ${wanted.message}, here ${table.message}`);
    return;
  }
  const text = [...xportText(table, { json: false, showTime: false, enumerate: false })].join('');
  assert.deepEqual(metaOf(text), metaOf(wanted), what);
  const [got, theirs] = [numbersOf(text), numbersOf(wanted)];
  assert.equal(got.length, theirs.length, what);
  got.forEach((value, index) => {
    assert.ok(
      agree(value, theirs[index]),
      `${what}: value ${index} of ${table.legends.length} a row is ${value}, rrdtool's ${theirs[index]}`,
    );
  });
}
