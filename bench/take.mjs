// Taking the first n records of a partition. In process: the store beside SQLite (better-sqlite3 where it is installed in test/peers, else python3's sqlite3). Over HTTP on loopback: `weir serve`, natively and by the
// table protocol, beside Azurite by the same client and Redis (ioredis, a sorted list read by LRANGE). Then rows a second in. (bench/borders.mjs looks at the sizes at which others page.)
// Sizes come in random order, again and again, each of who is measured in turn; medians. `npm run bench -- take`; words pick a part (library, rows, http); `npm run bench -- take library large` has a partition of 10 million rows and 2 million partitions.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { createRequire } from 'node:module';
import { createServer } from 'node:net';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { openLmdbStore } from '../dist/keep/lmdb.js';
import { take } from '../dist/query/take.js';
import { account, azureClient, lacksAzurite, startAzurite } from '../test/serve/azurite.mjs';
import { startDaemon } from '../test/serve/daemon.mjs';

const load = createRequire(fileURLToPath(new URL('../test/peers/package.json', import.meta.url)));
const now = 1_795_540_000;
const rowCount = 5200;
const [manyRows, manyPartitions] = process.argv.includes('large') ? [10_000_000, 2_000_000] : [1_000_000, 500_000];
const sizes = [1, 10, 100, 199, 200, 201, 999, 1000, 1001];
const rowName = (index) => `m${String(index).padStart(9, '0')}`;
const textOf = (index) => JSON.stringify({ text: `message ${index} of a length that messages have`, size: index });
const median = (values) => [...values].sort((one, two) => one - two)[values.length >> 1] ?? Number.NaN;
const say = (text) => process.stdout.write(`${text}\n`);

say(`node ${process.version}, ${cpus().length} x ${cpus()[0]?.model}, ${new Date().toISOString().slice(0, 10)}`);
const folder = mkdtempSync(join(tmpdir(), 'weir-take-bench-'));
try {
  const words = process.argv.slice(2).filter((word) => word !== 'large');
  for (const [name, run] of Object.entries({ library: inProcess, rows: rowsIn, http: overHttp }))
    if (words.length === 0 || words.includes(name)) await run();
} finally {
  rmSync(folder, { recursive: true, force: true });
}

async function inProcess() {
  const store = await openLmdbStore({ folder: join(folder, 'lib'), ladderOf: () => [{ stepSeconds: 10, keepSeconds: 3600 }] });
  const records = Array.from({ length: rowCount }, (_, index) => ({
    table: 'messages',
    partition: 'user',
    row: rowName(index),
    value: textOf(index),
  }));
  await store.commit({ nowSeconds: now, records });
  const weir = async (n) => {
    let count = 0;
    for await (const rows of (await take(store, { table: 'messages', partition: 'user', n })).blocks) count += rows.length;
    return count;
  };
  const readers = { weir };
  const sqlite = openSqlite();
  if (sqlite !== undefined) readers.SQLite = async (n) => sqlite.all('messages', 'user', n).length;
  const found = await measure(readers, sizes, 300);
  if (sqlite === undefined) found.SQLite = pythonSqlite();
  table(`in process, us${sqlite === undefined ? " (SQLite by python3's module)" : ''}`, found, 1000, 1);
  // One partition of many rows, and many partitions: ten of either.
  for (let from = 0; from < manyRows; from += 50_000)
    await store.commit({
      nowSeconds: now,
      records: Array.from({ length: 50_000 }, (_, index) => ({
        table: 'messages',
        partition: 'large',
        row: rowName(from + index),
        value: textOf(from + index),
      })),
    });
  for (let from = 0; from < manyPartitions; from += 50_000)
    await store.commit({
      nowSeconds: now,
      records: Array.from({ length: 50_000 }, (_, index) => ({
        table: 'many',
        partition: `p${String(from + index).padStart(7, '0')}`,
        row: 'r',
        value: textOf(index),
      })),
    });
  await store.commit({ nowSeconds: now, records: records.slice(0, 100).map((record) => ({ ...record, partition: 'small' })) });
  const ten = async (partition, tableName = 'messages') => {
    let count = 0;
    for await (const rows of (await take(store, { table: tableName, partition, n: 10 })).blocks) count += rows.length;
    return count;
  };
  let turn = 0;
  const spots = {
    'of 100 rows': () => ten('small'),
    [`of ${manyRows.toLocaleString('en')} rows`]: () => ten('large'),
    [`of ${manyPartitions.toLocaleString('en')} partitions`]: () =>
      ten(`p${String((turn++ * 7919) % manyPartitions).padStart(7, '0')}`, 'many'),
  };
  const tens = await measure(Object.fromEntries(Object.entries(spots).map(([name, act]) => [name, act])), [10], 2000);
  say(
    `take(10), us: ${Object.entries(tens)
      .map(([name, times]) => `${name} ${(times.get(10) * 1000).toFixed(1)}`)
      .join(', ')}`,
  );
  await store.close();
}

function openSqlite() {
  let Database;
  try {
    Database = load('better-sqlite3');
  } catch {
    return undefined;
  }
  const database = new Database(join(folder, 'sqlite.db'));
  database.pragma('journal_mode = WAL');
  database.exec('create table records (tab text, part text, row text, value text, primary key (tab, part, row)) without rowid');
  const insert = database.prepare('insert into records values (?, ?, ?, ?)');
  database.transaction(() => {
    for (let index = 0; index < rowCount; index++) insert.run('messages', 'user', rowName(index), textOf(index));
  })();
  const select = database.prepare('select row, value from records where tab = ? and part = ? order by row limit ?');
  return { all: (...words) => select.all(...words) };
}

function pythonSqlite() {
  const program = `
import json, random, sqlite3, sys, time
d = sqlite3.connect(sys.argv[1])
d.execute('create table records (tab text, part text, row text, value text, primary key (tab, part, row)) without rowid')
d.executemany('insert into records values (?,?,?,?)', [('messages', 'user', 'm%09d' % i, json.dumps({'text': 'message %d of a length that messages have' % i, 'size': i})) for i in range(${rowCount})])
d.commit()
sizes = ${JSON.stringify(sizes)}
times = {n: [] for n in sizes}
order = sizes * 300
random.Random(1).shuffle(order)
for n in order:
    begin = time.perf_counter()
    rows = d.execute('select row, value from records where tab = ? and part = ? order by row limit ?', ('messages', 'user', n)).fetchall()
    times[n].append(time.perf_counter() - begin)
for n in sizes:
    print(n, sorted(times[n])[150] * 1000)
`;
  const { stdout } = spawnSync('python3', ['-c', program, join(folder, 'python.db')], { encoding: 'utf8' });
  return new Map(
    stdout
      .trim()
      .split('\n')
      .map((line) => line.split(' ').map(Number)),
  );
}

// Medians in ms by size, of each reader. They take turns: each asks for every size some times in random order, then the next does.
async function measure(readers, asked, rounds) {
  const names = Object.keys(readers);
  const times = Object.fromEntries(names.map((name) => [name, new Map(asked.map((n) => [n, []]))]));
  for (const name of names) for (const n of asked) for (let warm = 0; warm < 20; warm++) await readers[name](n);
  for (let round = 0; round < rounds; round += 6)
    for (const name of round % 12 === 0 ? names : [...names].reverse())
      for (const n of shuffled(Array.from({ length: 6 }, () => asked).flat())) {
        const begin = performance.now();
        await readers[name](n);
        times[name].get(n).push(performance.now() - begin);
      }
  return Object.fromEntries(names.map((name) => [name, new Map([...times[name]].map(([n, list]) => [n, median(list)]))]));
}

function shuffled(list) {
  let state = 1;
  for (let index = list.length - 1; index > 0; index--) {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    const other = state % (index + 1);
    [list[index], list[other]] = [list[other], list[index]];
  }
  return list;
}

function table(title, found, factor, digits) {
  say(`${title.padEnd(34)}${sizes.map((n) => String(n).padStart(9)).join('')}`);
  for (const [name, times] of Object.entries(found))
    say(`  ${name.padEnd(32)}${sizes.map((n) => (times.get(n) * factor).toFixed(digits).padStart(9)).join('')}`);
}

async function rowsIn() {
  const store = await openLmdbStore({ folder: join(folder, 'in'), ladderOf: () => [{ stepSeconds: 10, keepSeconds: 3600 }] });
  const count = 500_000;
  for (const [name, partitionOf] of [
    ['one partition', () => 'user'],
    ['100 partitions', (index) => `user${index % 100}`],
  ]) {
    const batches = [];
    for (let from = 0; from < count; from += 5000)
      batches.push(
        Array.from({ length: 5000 }, (_, at) => ({
          table: name,
          partition: partitionOf(at),
          row: rowName(from + at),
          value: textOf(from + at),
        })),
      );
    const cpu = process.cpuUsage();
    const begin = performance.now();
    for (const records of batches) await store.commit({ nowSeconds: now, records });
    const seconds = (performance.now() - begin) / 1000;
    const { user, system } = process.cpuUsage(cpu);
    say(
      `rows in, batches of 5,000, each durable, ${name}: ${Math.round(count / seconds).toLocaleString('en')}/s, ${Math.round(count / ((user + system) / 1e6)).toLocaleString('en')} a CPU second`,
    );
  }
  await store.close();
}

async function overHttp() {
  const daemon = await startDaemon({ folder, words: ['--only', 'http'] });
  const lines = Array.from(
    { length: rowCount },
    (_, index) => `{"table":"messages","partition":"user","row":"${rowName(index)}",${textOf(index).slice(1)}`,
  );
  const begin = performance.now();
  for (let turn = 0; turn < 20; turn++)
    await fetch(`${daemon.url}/ingest/records`, {
      method: 'POST',
      body: lines.map((line) => line.replace('"user"', `"u${turn}"`)).join('\n'),
    });
  say(
    `rows in over HTTP, POSTs of ${rowCount}: ${Math.round((rowCount * 20) / ((performance.now() - begin) / 1000)).toLocaleString('en')}/s`,
  );
  await fetch(`${daemon.url}/ingest/records`, { method: 'POST', body: lines.join('\n') });
  const readers = { 'weir /api/take': httpReader(daemon.url) };
  const stops = [() => daemon.stop()];
  if (lacksAzurite === false) {
    const azurite = await startAzurite();
    stops.push(() => azurite.stop());
    await fillAzurite(azurite.url);
    readers['weir /tables, the client'] = clientReader(`${daemon.url}/tables`);
    readers['Azurite, the client'] = clientReader(azurite.url);
  }
  const redis = await startRedis();
  if (redis !== undefined) {
    stops.push(redis.stop);
    readers['Redis, ioredis'] = redis.take;
  }
  table('over HTTP, ms', await measure(readers, sizes, 60), 1, 3);
  for (const stop of stops) await stop();
}

function httpReader(url) {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  return (n) =>
    new Promise((resolve, reject) => {
      request(`${url}/api/take?table=messages&partition=user&n=${n}`, { agent }, (response) => {
        const pieces = [];
        response.on('data', (piece) => pieces.push(piece));
        response.on('end', () => resolve(Buffer.concat(pieces).toString().split('\n').length - 1));
      })
        .on('error', reject)
        .end();
    });
}

function clientReader(url) {
  const azure = azureClient();
  const credential = new azure.AzureNamedKeyCredential(account.name, account.key);
  const client = new azure.TableClient(url, 'messages', credential, { allowInsecureConnection: true });
  return async (n) => {
    let count = 0;
    const filter = azure.odata`PartitionKey eq ${'user'}`;
    for await (const page of client.listEntities({ queryOptions: { filter } }).byPage({ maxPageSize: Math.min(n, 1000) })) {
      count += page.length;
      if (count >= n) break;
    }
    return count;
  };
}

async function fillAzurite(url) {
  const azure = azureClient();
  const client = new azure.TableClient(url, 'messages', new azure.AzureNamedKeyCredential(account.name, account.key), {
    allowInsecureConnection: true,
  });
  await client.createTable();
  for (let from = 0; from < 2000; from += 100)
    await client.submitTransaction(
      Array.from({ length: 100 }, (_, at) => [
        'create',
        { partitionKey: 'user', rowKey: rowName(from + at), ...JSON.parse(textOf(from + at)) },
      ]),
    );
}

async function startRedis() {
  if (spawnSync('sh', ['-c', 'command -v redis-server']).status !== 0) return undefined;
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  const child = spawn('redis-server', ['--port', String(port), '--save', '', '--dir', folder], { stdio: 'ignore' });
  const { Redis } = load('ioredis');
  const redis = new Redis({ port, host: '127.0.0.1' });
  redis.on('error', () => {});
  for (let from = 0; from < rowCount; from += 100)
    await redis.rpush('user', ...Array.from({ length: 100 }, (_, at) => `{"row":"${rowName(from + at)}",${textOf(from + at).slice(1)}`));
  return {
    take: async (n) => (await redis.lrange('user', 0, n - 1)).length,
    stop: async () => {
      redis.disconnect();
      child.kill('SIGKILL');
      await once(child, 'exit');
    },
  };
}
