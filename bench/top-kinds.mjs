// `weir top` over the same requests as each kind of log, whole commands on one core: lines a CPU second, Node's start included. URL and keyword
// counted; medians of three. `node bench/top-kinds.mjs [LINES]`.
import { spawnSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, rmSync, statSync, writeSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const count = Number(process.argv[2] ?? 1_000_000);
const folder = mkdtempSync(join(tmpdir(), 'weir-bench-'));
const format =
  '$time_iso8601 $remote_addr $request_method $request_uri $server_protocol $status $body_bytes_sent rt=$request_time "$http_referer" "$http_user_agent"';
const agents = [
  'Mozilla/5.0 (Macintosh; Intel Mac OS X 10_9_1) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/32.0.1700.77 Safari/537.36',
  'Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:65.0) Gecko/20100101 Firefox/65.0',
  'curl/8.0',
];
const kinds = {
  combined: ({ host, clf, url, status, size, referer, agent }) =>
    `${host} - - [${clf}] "GET ${url} HTTP/1.1" ${status} ${size} "${referer}" "${agent}"`,
  'JSON (nginx)': ({ time, host, url, status, size, seconds, referer, agent }) =>
    `{"time":"${time}","remote_addr":"${host}","remote_user":"","request_method":"GET","request_uri":"${url}","server_protocol":"HTTP/1.1","status":"${status}","body_bytes_sent":"${size}","request_time":"${seconds}","http_referer":"${referer}","http_user_agent":"${agent}"}`,
  'JSON (Caddy)': ({ time, host, url, status, size, seconds, agent }) =>
    `{"level":"info","ts":${Date.parse(time) / 1000},"logger":"http.log.access","msg":"handled request","request":{"remote_ip":"${host}","remote_port":"41342","proto":"HTTP/2.0","method":"GET","host":"localhost","uri":"${url}","headers":{"User-Agent":["${agent}"],"Accept":["*/*"],"Accept-Encoding":["gzip, deflate, br"]}},"bytes_read":0,"user_id":"","duration":${Number(seconds)},"size":${size},"status":${status},"resp_headers":{"Server":["Caddy"],"Content-Type":["text/html"]}}`,
  'W3C (IIS)': ({ time, host, url, status, seconds, referer, agent }) => {
    const [stem, query = '-'] = url.split('?');
    return `${time.slice(0, 10)} ${time.slice(11, 19)} 192.168.1.10 GET ${stem} ${query} 443 - ${host} ${agent.replaceAll(' ', '+')} ${referer} ${status} 0 0 ${seconds * 1000}`;
  },
  'format string': ({ time, host, url, status, size, seconds, referer, agent }) =>
    `${time.slice(0, 19)}+00:00 ${host} GET ${url} HTTP/1.1 ${status} ${size} rt=${seconds} "${referer}" "${agent}"`,
  'syslog, combined': (request) =>
    `<190>Oct ${request.clf.slice(0, 2)} ${request.time.slice(11, 19)} web1 nginx: ${kinds.combined(request)}`,
  'syslog, JSON': (request) => `<190>1 ${request.time} web1 nginx 123 - - ${kinds['JSON (nginx)'](request)}`,
};
const heads = {
  'W3C (IIS)':
    '#Fields: date time s-ip cs-method cs-uri-stem cs-uri-query s-port cs-username c-ip cs(User-Agent) cs(Referer) sc-status sc-substatus sc-win32-status time-taken\n',
};

process.stdout.write(
  `node ${process.version}, ${cpus().length} x ${cpus()[0]?.model}, ${new Date().toISOString().slice(0, 10)}: ${count} lines of each\n`,
);
const files = Object.fromEntries(Object.keys(kinds).map((kind, index) => [kind, make(kind, join(folder, `${index}.log`))]));
const runs = Object.fromEntries(Object.keys(kinds).map((kind) => [kind, []]));
for (let round = 0; round < 3; round++) for (const kind of Object.keys(kinds)) runs[kind].push(cpuOf(kind));
for (const [kind, list] of Object.entries(runs)) {
  const seconds = list.sort((one, two) => one - two)[1];
  const rate = Math.round(count / seconds).toLocaleString('en');
  const bytes = Math.round(statSync(files[kind]).size / count);
  process.stdout.write(`${kind.padEnd(18)} ${String(bytes).padStart(4)} bytes a line ${rate.padStart(11)} lines a CPU second\n`);
}
rmSync(folder, { recursive: true });

// CPU seconds of the command and its threads.
function cpuOf(kind) {
  const words = ['top', '--cores', '1', '--by', 'url,keyword', ...(kind === 'format string' ? ['--format', format] : []), files[kind]];
  const { status, stderr } = spawnSync(
    'sh',
    ['-c', '"$@" > /dev/null && times >&2', 'sh', process.execPath, join(root, 'bin/weir'), ...words],
    {
      encoding: 'utf8',
    },
  );
  if (status !== 0) throw new Error(`${kind}: ${stderr}`);
  const parts = stderr
    .trim()
    .split('\n')
    .at(-1)
    .match(/[\d.]+(?=[ms])/g)
    .map(Number);
  return parts[0] * 60 + parts[1] + parts[2] * 60 + parts[3];
}

// Zipf-like URLs and keywords, the same requests for every kind.
function make(kind, path) {
  let state = 42;
  const random = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
  const descriptor = openSync(path, 'w');
  let part = [heads[kind] ?? ''];
  for (let index = 0; index < count; index++) {
    const time = new Date(Date.UTC(2026, 9, 20) + Math.floor(index / 150) * 1000 + (index % 150) * 6).toISOString();
    const item = Math.floor(600_000 ** random()) - 1;
    const share = random();
    const url =
      share < 0.3
        ? `/search?page=${item % 7}&q=word+${Math.floor(5000 ** random())}`
        : `/products/category-${item % 97}/item-${item}-with-a-name${share < 0.5 ? '?ref=home' : ''}`;
    const request = {
      time,
      clf: `${time.slice(8, 10)}/Oct/2026:${time.slice(11, 19)} +0000`,
      url,
      host: `10.${item % 200}.${index % 256}.${item % 251}`,
      status: share < 0.9 ? 200 : 404,
      size: item,
      seconds: ((item % 1000) / 1000).toFixed(3),
      referer: share < 0.5 ? '-' : 'https://www.example.com/start',
      agent: agents[index % 3],
    };
    part.push(`${kinds[kind](request)}\n`);
    if (part.length < 20_000 && index + 1 < count) continue;
    writeSync(descriptor, part.join(''));
    part = [];
  }
  closeSync(descriptor);
  return path;
}
