// How long the middleware holds the event loop, in CPU time of that thread alone, which other work on the machine does not lengthen as it does the clock:
// for a note, and for each callback while a batch is sent to a server that takes everything. Notes of 75, 1,250 (2,500 requests a
// second) and 4,000 requests a batch. `node bench/middleware-loop.mjs [ROUNDS]`. Wants koffi (Linux).

import { createHook } from 'node:async_hooks';
import { fork } from 'node:child_process';
import { EventEmitter } from 'node:events';
import { createServer } from 'node:http';
import { cpus } from 'node:os';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import koffi from 'koffi';
import { hits } from '../dist/serve/middleware.js';

if (process.argv[2] === 'taker') takeAll();
else await measure(Number(process.argv[2] ?? 40));

function takeAll() {
  const server = createServer((request, response) => request.resume().on('end', () => response.end('{}')));
  server.listen(0, '127.0.0.1', () => process.send(server.address().port));
}

async function measure(rounds) {
  const taker = fork(fileURLToPath(import.meta.url), ['taker']);
  const port = await new Promise((resolve) => taker.once('message', resolve));
  const clock = koffi.load('libc.so.6').func('int clock_gettime(int, void *)');
  const time = new BigInt64Array(2);
  // 3: CLOCK_THREAD_CPUTIME_ID.
  const threadMicros = () => {
    clock(3, time);
    return Number(time[0]) * 1e6 + Number(time[1]) / 1e3;
  };
  const pieces = [];
  let depth = 0;
  let from = 0;
  // The piece at hand is that of this bench itself.
  let own = false;
  createHook({
    before: () => {
      if (depth++ === 0) from = threadMicros();
    },
    after: () => {
      if (--depth > 0) return;
      if (!own) pieces.push(threadMicros() - from);
      own = false;
    },
  }).enable();
  process.stdout.write(
    `node ${process.version}, ${cpus().length} x ${cpus()[0]?.model}, ${new Date().toISOString().slice(0, 10)}, ${rounds} batches each\n`,
  );
  for (const count of [75, 1250, 4000]) {
    const note = hits({ url: `http://127.0.0.1:${port}`, intervalMs: 20 });
    const figures = { note: [], longest: [], all: [] };
    for (let round = 0; round < rounds + 5; round++) {
      own = true;
      const requests = Array.from({ length: count }, (_, index) => requestOf(index));
      const start = threadMicros();
      for (const [request, response] of requests) {
        note(request, response);
        response.emit('close');
      }
      const noted = (threadMicros() - start) / count;
      pieces.length = 0;
      while (note.counters.delivered < count * (round + 1)) await pause(2);
      // The first ones warm up.
      if (round < 5) continue;
      figures.note.push(noted);
      figures.longest.push(Math.max(...pieces));
      figures.all.push(pieces.reduce((sum, piece) => sum + piece, 0) / count);
    }
    const median = (list) => list.sort((one, two) => one - two)[list.length >> 1];
    process.stdout.write(
      `${count} notes a batch: a note ${median(figures.note).toFixed(1)} us, sending ${median(figures.all).toFixed(1)} us a note, the longest piece ${Math.round(median(figures.longest))} us (median of the batches)\n`,
    );
    await note.close();
  }
  taker.kill();
}

function requestOf(index) {
  const headers = {
    host: 'www.example.com',
    'user-agent': 'Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:65.0) Gecko/20100101 Firefox/65.0',
    referer: 'https://www.example.com/start',
  };
  const socket = { bytesWritten: 0, remoteAddress: '10.1.2.3' };
  const response = Object.assign(new EventEmitter(), { statusCode: 200, getHeader: () => '123' });
  return [{ socket, headers, method: 'GET', url: `/products/item-${index % 997}?ref=home` }, response];
}
