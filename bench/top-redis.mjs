// What people do who count in Redis: every line of a log, its URL and keyword by ZINCRBY through a pipelining client, on a server of its own.
// `node bench/top-redis.mjs FILE`; run by bench/top.mjs.
import { spawn } from 'node:child_process';
import { createReadStream, mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { Redis } from 'ioredis';

const probe = createServer().listen(0, '127.0.0.1');
await new Promise((resolve) => probe.once('listening', resolve));
const { port } = probe.address();
await new Promise((resolve) => probe.close(resolve));
const folder = mkdtempSync(join(tmpdir(), 'weir-bench-redis-'));
const server = spawn('redis-server', ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--dir', folder], {
  stdio: ['ignore', 'pipe', 'inherit'],
});
await new Promise((resolve) => server.stdout.on('data', (chunk) => String(chunk).includes('Ready to accept') && resolve()));
const redis = new Redis({ port, host: '127.0.0.1' });
let pipeline = redis.pipeline();
for await (const line of createInterface({ input: createReadStream(process.argv[2], { encoding: 'latin1', highWaterMark: 1 << 20 }) })) {
  const target = line.split(' ', 7)[6] ?? '';
  const mark = target.indexOf('?');
  pipeline.zincrby('day:top:url', 1, mark < 0 ? target : target.slice(0, mark));
  const keyword = mark < 0 ? null : new URLSearchParams(target.slice(mark)).get('q');
  if (keyword !== null) pipeline.zincrby('day:top:keyword', 1, keyword);
  if (pipeline.length < 1000) continue;
  await pipeline.exec();
  pipeline = redis.pipeline();
}
await pipeline.exec();
redis.disconnect();
server.kill('SIGTERM');
await new Promise((resolve) => server.once('exit', resolve));
rmSync(folder, { recursive: true, force: true });
