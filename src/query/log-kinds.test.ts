import { deepEqual, equal, ok } from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { defaultKeyOptions, parseKeySpecs } from '../fold/hit-keys.js';
import { ZoneCalendar } from '../fold/period.js';
import { LogScan, type ScanOptions } from './log-scan.js';
import { rankPeriods, type TopRow } from './rank.js';

const by = 'url,keyword,host,status,agent,referer,user,vhost,method,url+status,keyword+host+agent';

function optionsOf(over: Partial<ScanOptions> = {}): ScanOptions {
  return {
    specs: parseKeySpecs(by),
    keys: defaultKeyOptions,
    per: 'hour',
    calendar: new ZoneCalendar('UTC'),
    memoryBytes: 64 << 20,
    fromMs: Number.NEGATIVE_INFINITY,
    toMs: Number.POSITIVE_INFINITY,
    nowMs: Date.UTC(2026, 10, 27),
    ...over,
  };
}

function count(bytes: Buffer, options: ScanOptions, pieceSize = bytes.length): { rows: TopRow[]; scan: LogScan } {
  const scan = new LogScan(options);
  scan.begin('x.log', bytes.subarray(0, 65536));
  for (let at = 0; at < bytes.length; at += pieceSize) scan.push(bytes.subarray(at, at + pieceSize));
  scan.end();
  return { rows: rankPeriods(scan.results(1000), { specs: options.specs, n: 1000 }), scan };
}

// Lines that the kernel counted; all else is the same from the reader alone.
function compare(lines: readonly string[], options: ScanOptions, pieceSize?: number, newline = '\n'): number {
  const bytes = Buffer.from(lines.map((line) => line + newline).join(''), 'latin1');
  const reference = count(bytes, { ...options, withoutKernel: true });
  const kernel = count(bytes, options, pieceSize);
  deepEqual(kernel.rows, reference.rows);
  deepEqual([...kernel.scan.rejected].sort(), [...reference.scan.rejected].sort());
  deepEqual(kernel.scan.refused, reference.scan.refused);
  equal(kernel.scan.lines, reference.scan.lines);
  return kernel.scan.kernel?.lines ?? 0;
}

const pick = <T>(...values: T[]): fc.Arbitrary<T> => fc.constantFrom(...values);
// Rare values would leave few lines whole.
const usually = (good: readonly string[], rare: readonly string[]): fc.Arbitrary<string> =>
  fc.oneof({ weight: 14, arbitrary: pick(...good) }, { weight: 1, arbitrary: pick(...rare) });
const isoTime = usually(
  [
    ...[
      '2026-03-29T01:59:59Z',
      '2026-03-29 02:30:00',
      '2026-10-25T02:30:00.5+01:00',
      '2026-10-25T00:30:00.123456789-0330',
      '2026-01-01T00:00:00,25',
    ],
    ...['2026-03-29T02:30:00', '2026-10-25T02:30:00', '2026-10-25T01:15:00', '2026-10-25T03:00:00'],
  ],
  [
    ...[
      '2026-02-29T00:00:00Z',
      '2024-02-29T23:59:60.999Z',
      '2026-01-01T00:00:00.999999999Z',
      '2026-01-01T00:00:00+24:00',
      '2026-01-01T00:00',
      '',
    ],
    ...['2026-01-01T12:00:00z', '2026-01-01T00:00:00 +01', '2026-01-01T00:00:00.Z', '0099-01-01T00:00:00Z'],
  ],
);
const clfTime = usually(['10/Oct/2026:13:55:36 -0700', '29/Feb/2024:23:59:59 +0000'], ['32/Jan/2024:00:00:00 +0000', '-']);
const epoch = usually(
  ['1792454400', '1792454400.5', '1792454400.123', '1792454400.5241024', '1792454400123', '1792454400123456', '1792454400123456789'],
  [
    ...['1792454400.0019999', '1792454400.99999999', '1792454400999999999', '0', '99999999999', '99999999999999', '12345678901234567890'],
    ...['1.', '-5', '1e9', '1792454400.1239999', '1792454400.9999', '1792454400.00000001'],
  ],
);
const path = usually(
  [
    ...['/', '/a', '/a?q=x', '/a?q=&search=b+c', '/%C3%BC?q=%C3%BC', '/s?x=1&q=a%zz&r=2', '/?', '/s?q=1#f', '-', '/caf\u00c3\u00a9'],
    ...['http://h/p?query=z', 'https://h:1/p?q=/y', `/${'l'.repeat(600)}`],
  ],
  ['', '*', 'a/b', '/\u00ff', 'http://h', 'https://h?q=/x', 'http:/x', 'ftp://h/x?q=1', `/${'m'.repeat(5000)}?q=long`],
);
const query = pick('-', '', 'q=x', '?q=y', 'a=1&search=b+c', `q=${'n'.repeat(300)}`);
const referer = pick('-', '', 'https://www.google.com/search?q=ref+erer', 'http://WWW.Google.de/?hl=x&q=Up', 'https://example.com/?q=no');
const agent = pick('curl/8.0', 'Mozilla/5.0+(X11;+Linux)', '-', '', 'a\u00c3\u00bcb', '\u00fe', '+');
const status = usually(['200', '404', '000'], ['-', '99', 'abc', '']);
const size = usually(['0', '-', '5', '99999999999'], ['x', '', '-3', '1234567890123456']);
const served = usually(
  ['0', '0.123', '1.5', '12', '31', '32.001', '0.000001', '7.123456', '7.1234567', '4294.967296', '99999999999', '999999999.5'],
  ['-', '', '1.', '.5', '1.5x', '-1', '1e3', '0.000 0.001', '0.1234567890123456789'],
);
const host = pick('10.0.0.1', '2001:db8::1', '-', 'h');

// Bytes of a line that something went over: lost, doubled, changed, put in.
const mutated = (line: fc.Arbitrary<string>): fc.Arbitrary<string> =>
  fc
    .tuple(
      line,
      fc.nat(),
      fc.nat({ max: 3 }),
      pick('"', '\\', '{', '}', '[', ']', ',', ':', ' ', '\t', '\0', '\u00ff', '-', '0', '\r', '#'),
    )
    .map(([text, at, how, byte]) => {
      const place = at % (text.length + 1);
      if (how === 0) return text.slice(0, place) + text.slice(place + 1);
      if (how === 1) return text.slice(0, place) + byte + text.slice(place + 1);
      if (how === 2) return text.slice(0, place) + byte + text.slice(place);
      return text.slice(0, place) + text.slice(Math.max(0, place - 20));
    });
const linesOf = (line: fc.Arbitrary<string>): fc.Arbitrary<string[]> =>
  fc.array(
    fc.oneof({ weight: 4, arbitrary: line }, { weight: 2, arbitrary: mutated(line) }, { weight: 1, arbitrary: pick('', ' ', 'x') }),
    { maxLength: 50 },
  );

function holds(line: fc.Arbitrary<string>, options: ScanOptions, runs: number, seed: number, least = runs / 2): void {
  let counted = 0;
  fc.assert(
    fc.property(linesOf(line), fc.integer({ min: 1, max: 900 }), pick('\n', '\r\n'), (lines, piece, newline) => {
      counted += compare(lines, options, piece, newline);
    }),
    { seed, numRuns: runs },
  );
  ok(counted >= least, `only ${counted} lines went through the kernel (${options.format})`);
}

const text = (value: fc.Arbitrary<string>): fc.Arbitrary<string> => value.map((bytes) => `"${bytes}"`);
const quoted = (value: fc.Arbitrary<string>): fc.Arbitrary<string> =>
  fc.oneof(
    { weight: 9, arbitrary: text(value) },
    pick('"\\u0041"', '"a\\/b"', '"\\q"', 'null', 'true', '7', '["first",{"a":1}]', '[]', '{}'),
  );
const member = fc.oneof(
  fc.tuple(
    pick('"url"', '"request_uri"', '"request"', '"path"'),
    quoted(
      fc.oneof(
        path,
        path.map((target) => `GET ${target} HTTP/1.1`),
      ),
    ),
  ),
  fc.tuple(pick('"args"', '"query_string"'), quoted(query)),
  fc.tuple(pick('"status"', '"status_code"', '"response"'), fc.oneof(quoted(status), usually(['200', '404'], ['0', '2e2', '200.0']))),
  fc.tuple(pick('"bytes"', '"size"'), fc.oneof(quoted(size), usually(['12'], ['-1', '1.5', '0012']))),
  fc.tuple(pick('"ms"', '"request_time"', '"duration"', '"Duration"'), fc.oneof(quoted(served), served)),
  fc.tuple(pick('"host"', '"remote_addr"', '"client"'), quoted(host)),
  fc.tuple(pick('"agent"', '"http_user_agent"', '"user_agent"'), quoted(agent)),
  fc.tuple(pick('"referer"', '"http_referer"'), quoted(referer)),
  fc.tuple(pick('"method"', '"user"', '"vhost"', '"keyword"'), quoted(pick('GET', '-', '', 'x y'))),
  fc.tuple(
    pick('"request"', '"req"', '"client"', '"response"', '"url"', '"other"', '"res"'),
    fc
      .array(
        fc.tuple(
          pick(...['"method"', '"uri"', '"url"', '"remote_ip"', '"ip"', '"status"', '"size"', '"headers"', '"original"', '"query"', '"x"']),
          fc.oneof(
            quoted(path),
            pick('200', '{"User-Agent":["curl"],"referer":"r"}', '{"a":[[1,{}],[]],"b":-0.5}', '[1,"a",[2]]', '\t[ ] ', '"\\n"'),
          ),
        ),
        { maxLength: 3 },
      )
      .map((pairs) => `{${pairs.map((pair) => pair.join(':')).join(',')}}`),
  ),
  fc.tuple(
    usually(['"x"', '"\u00ff"', '"req.url"'], ['"caf\\u00e9"', '"a\\"b"']),
    usually(['1', '"\\"\\\\\\u00e9"', '{"a":{"b":{}}}', '[]', 'false', '1.50', '-2'], ['01', '"\u0001"', 'nul', '"\\x"', '1.']),
  ),
);
const timeMember = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.tuple(pick('"time"', '"ts"', '"timestamp"', '"@timestamp"'), fc.oneof(text(isoTime), text(clfTime), text(epoch), epoch)),
  },
  {
    weight: 1,
    arbitrary: fc.tuple(pick('"time"', '"date"'), pick('null', '{}', 'true', '[1792454400]', '[]', '["2026-01-01T00:00:00Z"]')),
  },
);
const jsonLine = fc
  .tuple(timeMember, fc.array(member, { maxLength: 6 }), fc.nat(), pick(':', ' : ', ':\t'), pick(',', ', '), pick('', ' ', '  \t'))
  .map(([time, members, place, colon, comma, end]) => {
    const all = [...members];
    all.splice(place % (members.length + 1), 0, time);
    return `{${all.map((pair) => pair.join(colon)).join(comma)}}${end}`;
  });

test('JSON lines: the kernel counts and refuses what the reader does', () => {
  holds(jsonLine, optionsOf({ format: 'json' }), 80, 901);
  holds(
    jsonLine,
    optionsOf({ format: 'json', specs: parseKeySpecs('url'), per: 'day', keys: { ...defaultKeyOptions, withQuery: true } }),
    60,
    902,
  );
  for (const columns of ['time=ts:ms,url=request.uri', 'time=time:s,served=size:us', 'time=ts:ns', 'time=ts:us,host=req.url'])
    holds(jsonLine, optionsOf({ format: 'json', columns }), 20, 903, 0);
});

test('times that name no zone are those of the zone asked for', () => {
  for (const zone of ['Europe/Berlin', 'America/New_York']) {
    const calendar = new ZoneCalendar(zone);
    holds(jsonLine, optionsOf({ format: 'json', calendar }), 25, 904);
  }
});

const w3cValue = (value: fc.Arbitrary<string>): fc.Arbitrary<string> =>
  fc.oneof({ weight: 30, arbitrary: value.map((bytes) => bytes || '-') }, text(value), pick('"a ""b"" c"', 'a"b', '"x"y'));
const w3cLine = fc.oneof(
  {
    weight: 12,
    arbitrary: fc
      .tuple(
        fc.tuple(usually(['2026-10-20'], ['2026-02-30', '2026-10-2']), usually(['23:59:59', '00:00:00.5', '12:00:00Z'], ['24:00:00', '-'])),
        fc.tuple(pick('GET', '-'), w3cValue(path), w3cValue(query)),
        fc.tuple(w3cValue(host), w3cValue(agent), w3cValue(referer)),
        fc.tuple(w3cValue(status), w3cValue(size), w3cValue(served)),
        pick(' ', '\t', '  '),
      )
      .map(([one, two, three, four, gap]) => [...one, ...two, ...three, ...four].join(gap)),
  },
  pick(
    ...[
      '#Fields: date time cs-method cs-uri-stem cs-uri-query c-ip cs(User-Agent) cs(Referer) sc-status sc-bytes time-taken',
      '#Date: x',
      '#fields:',
    ],
    ...[
      '#Fields: time date cs-method cs-uri cs-uri-query cs-username x-unknown cs-host sc-status sc-bytes time-taken',
      '#Fields: date date time',
    ],
    '#Fields: date time cs-method cs-uri-query cs-uri-stem c-ip cs(User-Agent) cs(Referer) sc-status sc-bytes constructor',
  ),
);

test('W3C logs: the kernel follows the columns as the reader does', () => {
  const head = '#Fields: date time cs-method cs-uri-stem cs-uri-query c-ip cs(User-Agent) cs(Referer) sc-status sc-bytes time-taken';
  let counted = 0;
  fc.assert(
    fc.property(linesOf(w3cLine), fc.integer({ min: 1, max: 900 }), pick('\n', '\r\n'), (lines, piece, newline) => {
      counted += compare([head, ...lines], optionsOf({ format: 'w3c' }), piece, newline);
    }),
    { seed: 905, numRuns: 80 },
  );
  ok(counted > 80, `only ${counted} lines went through the kernel`);
});

test('format strings: the kernel takes the steps that the reader takes', () => {
  const parts: Readonly<Record<string, fc.Arbitrary<string>>> = {
    $time_iso8601: isoTime,
    $msec: epoch,
    '%{msec}t': epoch,
    '%{usec}t': epoch,
    '%t': clfTime.map((time) => `[${time}]`),
    $time_local: clfTime,
    '%m': pick('GET', '-', 'get'),
    $request_method: pick('GET', '-', 'get'),
    '%U': path,
    $request_uri: path,
    $uri: path,
    '%q': query,
    $args: query,
    $status: status,
    '%>s': status,
    $body_bytes_sent: size,
    '%b': size,
    $remote_addr: host,
    '%h': host,
    $request_time: served,
    '%D': served,
    '%{ms}T': served,
    $http_user_agent: agent,
    '%{User-Agent}i': agent,
    $http_referer: referer,
    '%{Referer}i': referer,
    $host: pick('www', '-'),
    '%r': path.map((target) => `GET ${target} HTTP/1.1`),
    $unknown: pick('x', '-', ''),
  };
  const formats = [
    '$time_iso8601 $remote_addr $request_method $request_uri $status $body_bytes_sent rt=$request_time "$http_referer" "$http_user_agent"',
    '$msec|$remote_addr|$host|$uri|$args|$status|$body_bytes_sent|$request_time|$unknown|',
    '[$time_local] "$http_user_agent" $status "$request_uri" -- $unknown ;',
    '"$time_local" $remote_addr "$args" $uri',
    '%{msec}t %h %m %U%q %>s %b %{ms}T',
    '%{usec}t %h "%r" "%{User-Agent}i" "%{Referer}i" %>s "t=%D"',
    '%h %m "%U" ?%q? %t %>s',
  ];
  // A query before its target is left to the reader.
  const kernelless = new Set([formats.indexOf('"$time_local" $remote_addr "$args" $uri')]);
  for (const [index, format] of formats.entries()) {
    const pieces = format.split(/(%\{[^}]*\}[A-Za-z]|%>?[A-Za-z]|\$\w+)/).filter((piece) => piece !== '');
    const line = fc.tuple(...pieces.map((piece) => parts[piece] ?? fc.constant(piece))).map((texts) => texts.join(''));
    holds(
      line,
      optionsOf({ format, calendar: new ZoneCalendar(index % 2 === 0 ? 'UTC' : 'Europe/Berlin') }),
      25,
      906 + index,
      kernelless.has(index) ? 0 : 12,
    );
  }
});

const combinedLine = fc
  .tuple(host, clfTime, path, status, size, referer, agent)
  .map(
    ([who, time, target, code, bytes, ref, what]) => `${who} - - [${time}] "GET ${target} HTTP/1.1" ${code} ${bytes} "${ref}" "${what}"`,
  );
const syslogHead = fc.oneof(
  fc
    .tuple(
      usually(['<190>', '<0>', '<191>', ''], ['<192>', '<013>', '<13']),
      usually(
        ['Oct 20 00:00:00', 'Feb  3 09:08:07', '2026-10-20T00:00:00.5+02:00'],
        ['Oct 20 00:00:00 CET', 'Oct 20 00:00:00 2026', 'Okt 20 0:00:00', '2026-10-20 00:00:00Z', ''],
      ),
      usually([' web1', ' WEB1', ' 10.0.0.1'], [' WEB', ' 2026', ' 2001:db8::1', '', ' a[b', ' dead:', ' h\u00a0h']),
      usually(
        [' nginx:', ' nginx[12]:', ' @cee:'],
        [' nginx[1 2]:', ' nginx', '', ' {x}:', ` ${'t'.repeat(65)}:`, ' t\u0001g:', ' t\u00a0g:', ' nginx[1\u0001]:', ' a[1] b:'],
      ),
      usually([' ', ''], [' @cee: ', ' @cee:', '  ']),
    )
    .map((texts) => texts.join('')),
  fc
    .tuple(
      usually(['<190>1 '], ['<190>2 ', '<190>12 ', '<190>1  ', '1 ']),
      usually(
        ['2026-10-20T00:00:00.123456Z', '2026-10-20T00:00:00+02:00', '-'],
        ['2026-02-30T00:00:00Z', '2026-10-20T00:00:00.1234567Z', '2026-10-20 00:00:00Z', '2026-10-20T00:00:00+0200'],
      ),
      usually(
        [' web1 nginx 12 - - ', ' - - - - - ', ` ${'h'.repeat(100)} a - - - `],
        [' web1 nginx 12 ID47 [x a="b"] ', ' web1 nginx 12 - [x][x] ', ' web1 nginx - - ', ` h ${'a'.repeat(60)} - - - `],
      ),
      usually([''], ['\u00ef\u00bb\u00bf', ' ']),
    )
    .map((texts) => texts.join('')),
);

test('within syslog: the kernel passes the headers that the reader passes', () => {
  const line = fc
    .tuple(syslogHead, fc.oneof(combinedLine, jsonLine, pick('started', 'v 10.0.0.1 - - [x] "a"')))
    .map((texts) => texts.join(''));
  holds(line, optionsOf({ format: 'syslog' }), 100, 915);
  holds(line, optionsOf({ format: 'syslog', calendar: new ZoneCalendar('Europe/Berlin'), specs: parseKeySpecs('url,keyword') }), 50, 916);
});

test('logs of others, kind told by their content: the kernel counts what the reader counts', () => {
  const data = fileURLToPath(new URL('../../test/data/logs/', import.meta.url));
  const files = readdirSync(data, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  let counted = 0;
  for (const { parentPath, name } of files)
    counted += compare(
      readFileSync(join(parentPath, name), 'latin1').split('\n'),
      optionsOf({ calendar: new ZoneCalendar('Europe/Berlin') }),
      5000,
    );
  ok(counted > 1000, `only ${counted} lines went through the kernel`);
});

test('a time beyond the year 9999 is none', () => {
  const counted = compare(
    ['{"ts":1792454400123456789}', '{"ts":253402300799999}', '{"ts":253402300800000}'],
    optionsOf({ columns: 'time=ts:ms' }),
  );
  equal(counted, 1);
});
