import { deepEqual, equal } from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { bytesOf, emptyHit, type Hit, showBytes } from '../base/hit.js';
import { keywordOf, pathOf } from './keyword.js';
import { type LogReader, openLogReader } from './log-formats.js';
import { parseClfTime, parseIsoTime } from './log-time.js';
import { parseSyslog } from './syslog.js';
import { SyslogFrames } from './syslog-frames.js';

const data = fileURLToPath(new URL('../../test/data/logs/', import.meta.url));
const nowMs = Date.UTC(2026, 10, 24);
const json = (path: string): unknown => JSON.parse(readFileSync(join(data, path), 'utf8'));
const read = (reader: LogReader, line: string): { hit: Hit; cause: string } => {
  const hit = emptyHit();
  return { cause: reader.parse(bytesOf(line), hit), hit };
};

test('edge lines of access logs', () => {
  const combined = openLogReader([], { format: 'combined', nowMs });
  const vhost = openLogReader([], { format: 'vhost', nowMs });
  for (const { line, expect } of json('weblogs/edge-lines.json') as { line: string; expect: Record<string, unknown> }[]) {
    const { hit, cause } = read(expect['vhost'] === undefined ? combined : vhost, line);
    if (expect['error'] !== undefined) equal(cause, String(expect['error']).includes('status') ? 'status' : 'time', line);
    else equal(cause, expect['skip'] === true ? 'blank' : '', line);
    if (expect['vhost'] !== undefined) equal(read(combined, line).cause === '', false, 'a virtual host is no combined line');
    const fields: Record<string, unknown> = {
      ip: hit.host,
      user: hit.user,
      epoch: hit.timeMs / 1000,
      method: hit.method === '' ? null : hit.method,
      path: pathOf(hit.target),
      status: hit.status,
      bytes: hit.bytes,
      referrer: hit.referer,
      agent: hit.agent,
      vhost: hit.vhost,
    };
    for (const [name, value] of Object.entries(expect)) if (name in fields) equal(fields[name], value, `${name} of ${line}`);
  }
});

test('a combined log agrees with counts made elsewhere', () => {
  const expected = json('weblogs/apache-combined-a.expected.json') as {
    bytes: number;
    uniqueIPs: number;
    byStatus: Record<string, number>;
  };
  const lines = readFileSync(join(data, 'weblogs/apache-combined-a.log'), 'latin1').trimEnd().split('\n');
  const reader = openLogReader(lines.slice(0, 50), { nowMs });
  equal(reader.name, 'combined');
  let bytes = 0;
  const hosts = new Set<string>();
  const statuses: Record<string, number> = {};
  for (const line of lines) {
    const { hit, cause } = read(reader, line);
    equal(cause, '', line);
    bytes += hit.bytes;
    hosts.add(hit.host);
    statuses[hit.status] = (statuses[hit.status] ?? 0) + 1;
  }
  deepEqual([bytes, hosts.size, statuses], [expected.bytes, expected.uniqueIPs, expected.byStatus]);
});

test('W3C, JSON and syslog around lines are known by their content', () => {
  const w3c = readFileSync(join(data, 'weblogs/lnav-logfile_w3c.0'), 'latin1').split(/\r?\n/).filter(Boolean);
  const reader = openLogReader(w3c, { nowMs });
  equal(reader.name, 'w3c');
  const hits = w3c.map((line) => read(reader, line)).filter(({ cause }) => cause === '');
  deepEqual(
    hits.map(({ hit }) => [hit.timeMs, hit.host, hit.target, hit.status, hit.agent]),
    [
      [
        Date.UTC(2002, 4, 2, 17, 42, 15),
        '172.22.255.255',
        '/images/picture.jpg',
        200,
        'Mozilla/4.0 (compatible;MSIE 5.5; Windows 2000 Server)',
      ],
    ],
  );
  const lines = readFileSync(join(data, 'jsonlogs/lnav-logfile_json3.json'), 'latin1').trimEnd().split('\n');
  const jsonReader = openLogReader(lines, { nowMs });
  equal(jsonReader.name, 'json');
  deepEqual(
    lines.map((line) => read(jsonReader, line).hit).map((hit) => [hit.timeMs, hit.target, hit.status, hit.bytes, hit.host]),
    [
      [1490385986240, '/example/uri/5', 200, 443, '1.1.1.1'],
      [1490386367764, '/example/uri/5', 500, 4433, '1.1.1.1'],
      [1490386531694, '/example/uri/5', 400, 44345, '1.1.1.1'],
    ],
  );
  const around = '<134>Nov 24 01:02:03 web1 nginx: 10.0.0.1 - - [24/Nov/2026:01:02:03 +0000] "GET /a?q=b HTTP/1.1" 200 7 "-" "curl"';
  const syslog = openLogReader([around], { nowMs });
  equal(syslog.name, 'syslog');
  deepEqual([read(syslog, around).hit.target, read(syslog, around).hit.bytes], ['/a?q=b', 7]);
});

test('format strings of Apache and nginx', () => {
  const nginx = openLogReader([], {
    format:
      '$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent" rt=$request_time',
    nowMs,
  });
  const one = read(nginx, '10.0.0.1 - - [01/Jan/2024:00:00:00 +0530] "GET /x HTTP/1.1" 200 5 "-" "a \\"b\\"" rt=0.250');
  deepEqual([one.cause, one.hit.servedMs, one.hit.agent, one.hit.timeMs], ['', 250, 'a \\"b\\"', Date.UTC(2023, 11, 31, 18, 30)]);
  const apache = openLogReader([], { format: '%{%Y-%m-%dT%H:%M:%S%z}t %a "%m %U%q" %>s %D', nowMs });
  equal(
    read(apache, '2024-01-01T00:00:00+0000 10.0.0.1 "GET /x?q=1" 200 1500').cause === '',
    false,
    '%U and %q need something between them',
  );
});

test('times: no such day, leap days, offsets', () => {
  equal(parseClfTime('29/Feb/2024:23:59:59 +0000'), Date.UTC(2024, 1, 29, 23, 59, 59));
  for (const text of [
    '29/Feb/2023:00:00:00 +0000',
    '32/Jan/2024:00:00:00 +0000',
    '01/Foo/2024:00:00:00 +0000',
    '01/Jan/2024:24:00:00 +0000',
  ]) {
    equal(parseClfTime(text), Number.NaN, text);
  }
  equal(parseIsoTime('2024-01-01T00:00:00.5+05:30'), Date.UTC(2023, 11, 31, 18, 30, 0, 500));
});

test('keywords and paths', () => {
  const names = ['q', 'query', 'search'];
  equal(showBytes(keywordOf('/s?x=1&q=caf%C3%A9+au%20lait', '', names)), 'café au lait');
  equal(showBytes(keywordOf('/s?q=%ff%zz', '', names)), '\\xff%zz');
  equal(keywordOf('/s?q=&search=b', '', names), 'b');
  equal(keywordOf('/s', 'https://www.google.co.uk/search?hl=en&q=weir+dam', names), 'weir dam');
  equal(keywordOf('/s', 'https://search.yahoo.com/search?p=x', names), 'x');
  equal(keywordOf('/s', 'https://example.com/search?q=x', names), '');
  equal(keywordOf('/s', 'https://www.google.com/search?q=x', names, false), '');
  deepEqual(
    ['/a/b?c=d', 'http://h/p?q', 'http://h', '*', 'example.com:443', '-'].map((target) => pathOf(target)),
    ['/a/b', '/p', '/', '*', 'example.com:443', ''],
  );
  equal(pathOf('http://h/p?q', true), '/p?q');
});

test('syslog: RFC 5424 cases', () => {
  type Case = { input: string; valid: boolean; value: Record<string, unknown> };
  for (const { input, valid, value } of json('syslog/rfc5424-go-syslog.json') as Case[]) {
    const message = parseSyslog(bytesOf(input), nowMs);
    if (!valid) {
      equal(message?.format === 'rfc5424', false, JSON.stringify(input));
      continue;
    }
    equal(message?.format, 'rfc5424', input);
    equal(message?.priority, value['priority']);
    equal(message?.version, value['version']);
    const texts = {
      hostname: message?.host,
      appname: message?.app,
      procID: message?.process,
      msgID: message?.messageId,
      message: message?.message,
    };
    for (const [name, text] of Object.entries(texts))
      equal(text === undefined ? null : showBytes(text), value[name] ?? null, `${name}: ${input}`);
    for (const [id, parameters] of Object.entries((value['structuredData'] ?? {}) as Record<string, Record<string, string>>)) {
      for (const [name, text] of Object.entries(parameters)) equal(showBytes(message?.data?.get(id)?.get(name) ?? ''), text, input);
    }
  }
});

test('syslog: examples of the RFCs', () => {
  for (const { line, expect } of json('syslog/rfc-examples.json') as { line: string; expect: Record<string, unknown> }[]) {
    const message = parseSyslog(line, nowMs);
    if (expect['error'] !== undefined) equal(message, undefined, line);
    else {
      deepEqual([message?.format, message?.priority], [expect['format'], expect['pri']], line);
      const fields = { host: message?.host, tag: message?.app, pid: message?.process, msg: message?.message };
      for (const [name, value] of Object.entries(fields)) if (expect[name] !== undefined) equal(value, expect[name], line);
    }
  }
});

test('syslog frames: every cut of the stream gives the same messages', () => {
  const folder = join(data, 'syslog/telegraf');
  for (const name of readdirSync(folder).filter((entry) => entry.includes('tcp') && !entry.includes('underflow'))) {
    const input = readFileSync(join(folder, name, 'input.txt'));
    for (const size of [1, 7, input.length]) {
      const messages: string[] = [];
      const frames = new SyslogFrames();
      for (let at = 0; at < input.length; at += size)
        frames.push(
          input.subarray(at, at + size),
          (text) => messages.push(text),
          () => undefined,
        );
      frames.end((text) => messages.push(text));
      equal(messages.length, 1, `${name} in pieces of ${size}`);
      equal(parseSyslog(messages[0] ?? '', nowMs)?.format, 'rfc5424', name);
    }
  }
  const messages: string[] = [];
  const frames = new SyslogFrames();
  frames.push(
    Buffer.from('<1>a\n5 <2>b\n<3>c\n9999999 <4>d\n<5>e\n'),
    (text) => messages.push(text),
    () => messages.push('too long'),
  );
  deepEqual(messages, ['<1>a', '<2>b', '<3>c', 'too long', '<5>e']);
});

test('HAProxy lines within syslog and bare; lines of connections are no requests', () => {
  const lines = readFileSync(join(data, 'weblogs/lnav-logfile_haproxy.0'), 'latin1').trimEnd().split('\n');
  const reader = openLogReader(lines, { nowMs });
  equal(reader.name, 'syslog');
  const results = lines.map((line) => read(reader, line));
  deepEqual([results.filter(({ cause }) => cause === '').length, results.filter(({ cause }) => cause === 'request').length], [13, 4]);
  const hit = results[3]?.hit;
  deepEqual(
    [hit?.timeMs, hit?.host, hit?.method, hit?.status, hit?.bytes, hit?.servedMs],
    [Date.UTC(2019, 1, 25, 16, 19, 48, 143), '141.35.244.171', 'GET', 200, 11394, 1487],
  );
  equal(pathOf(hit?.target ?? ''), '/admin/colt/administration');
  const bare = '::1:5000 [25/Feb/2019:16:19:48.143] web web/<NOSRV> -1/-1/-1/-1/+12 -1 +187 - - PR-- 1/1/0/0/0 0/0 "<BADREQ>"';
  const local = openLogReader([bare], { nowMs, localOffsetMs: () => 3_600_000 });
  equal(local.name, 'haproxy');
  const { cause, hit: bad } = read(local, bare);
  deepEqual(
    [cause, bad.timeMs, bad.host, bad.status, bad.bytes, bad.target],
    ['', Date.UTC(2019, 1, 25, 15, 19, 48, 143), '::1', 0, 187, ''],
  );
  equal(read(local, bare.replace('25/Feb', '31/Feb')).cause, 'time');
});

test('JSON records as servers and loggers name their members', () => {
  const records = [
    '{"time":"17/May/2015:08:05:32 +0000","remote_ip":"10.0.0.1","request":"GET /p?q=x HTTP/1.1","response":304,"bytes":7,"referrer":"r","agent":"a"}',
    '{"EdgeStartTimestamp":1431849932000000000,"ClientRequestURI":"/p?q=x","ClientRequestMethod":"GET","ClientIP":"10.0.0.1","EdgeResponseStatus":304,"EdgeResponseBytes":7,"ClientRequestUserAgent":"a","ClientRequestReferer":"r"}',
    '{"ts":1431849932.0,"request":{"remote_ip":"10.0.0.1","method":"GET","uri":"/p?q=x","headers":{"User-Agent":["a"],"Referer":["r"]}},"status":304,"size":7}',
    '{"@timestamp":"2015-05-17T08:05:32Z","http":{"request":{"method":"GET","referrer":"r"},"response":{"status_code":304,"body":{"bytes":7}}},"url":{"path":"/p","query":"q=x"},"source":{"ip":"10.0.0.1"},"user_agent":{"original":"a"}}',
    '{"timestamp":"2015-05-17T08:05:32Z","httpRequest":{"requestMethod":"GET","requestUrl":"/p?q=x","status":304,"responseSize":"7","userAgent":"a","remoteIp":"10.0.0.1","referer":"r"}}',
  ];
  for (const record of records) {
    const { cause, hit } = read(openLogReader([record], { nowMs }), record);
    const { timeMs, host, method, target, status, bytes, referer, agent } = hit;
    const expected = ['', Date.UTC(2015, 4, 17, 8, 5, 32), '10.0.0.1', 'GET', '/p?q=x', 304, 7, 'r', 'a'];
    deepEqual([cause, timeMs, host, method, target, status, bytes, referer, agent], expected, record);
  }
});

test('syslog: what telegraf reads of datagrams, of counted and of newline frames', () => {
  const folder = join(data, 'syslog/telegraf');
  const cases = readdirSync(folder).filter((name) => !readdirSync(join(folder, name)).includes('expected.err'));
  equal(cases.length > 10, true);
  for (const name of cases) {
    const input = readFileSync(join(folder, name, 'input.txt'));
    const messages: string[] = [];
    const frames = new SyslogFrames();
    frames.push(
      input,
      (text) => messages.push(text),
      () => equal(true, false, name),
    );
    frames.end((text) => messages.push(text));
    const message = parseSyslog(messages[0] ?? '', nowMs);
    // Line protocol: name,tag=value,... field="text",field=1u time.
    const line = readFileSync(join(folder, name, 'expected.out'), 'utf8');
    const field = (key: string): string | undefined =>
      (new RegExp(`[ ,]${key}="((?:[^"\\\\]|\\\\.)*)"`).exec(line)?.[1] ?? new RegExp(`[ ,]${key}=([^", ]*)`).exec(line)?.[1])?.replace(
        /\\(.)/g,
        '$1',
      );
    const shown = (text: string | undefined): string | undefined => (text === undefined ? undefined : showBytes(text));
    deepEqual(
      [
        messages.length,
        shown(message?.host),
        shown(message?.app),
        shown(message?.process),
        shown(message?.messageId),
        shown(message?.message),
      ],
      [1, ...['hostname', 'appname', 'procid', 'msgid', 'message'].map(field)],
      name,
    );
    deepEqual(
      [`${(message?.priority ?? 0) >> 3}i`, `${(message?.priority ?? 0) & 7}i`, `${message?.version}u`],
      ['facility_code', 'severity_code', 'version'].map(field),
      name,
    );
    const time = field('timestamp');
    equal(message?.timeMs, time === undefined ? Number.NaN : Math.floor(Number(time.slice(0, -1)) / 1e6), name);
  }
});
