import { deepEqual, equal, ok } from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { defaultKeyOptions, parseKeySpecs } from '../fold/hit-keys.js';
import { type Per, ZoneCalendar } from '../fold/period.js';
import { LogScan, type ScanOptions } from './log-scan.js';
import { rankPeriods, type TopRow } from './rank.js';

const by = 'url,keyword,host,status,agent,referer,user,method,url+status,keyword+host+agent';

function optionsOf(over: Partial<ScanOptions> = {}): ScanOptions {
  return {
    specs: parseKeySpecs(by),
    keys: defaultKeyOptions,
    per: 'hour',
    calendar: new ZoneCalendar('UTC'),
    memoryBytes: 64 << 20,
    fromMs: Number.NEGATIVE_INFINITY,
    toMs: Number.POSITIVE_INFINITY,
    nowMs: 0,
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

const pick = (...values: string[]): fc.Arbitrary<string> => fc.constantFrom(...values);
const timeText = pick(
  ...['10/Oct/2000:13:55:36 -0700', '10/Oct/2000:13:55:36 +0530', '29/Feb/2024:23:59:59 +0000', '29/Feb/2023:00:00:00 +0000'],
  ...['32/Jan/2024:00:00:00 +0000', '01/Jan/1970:00:00:00 +0000', '31/Dec/1999:23:59:60 +0000', '1/Jan/2024:00:00:00 +0000', '-', ''],
);
const target = pick(
  ...[
    '/',
    '/a',
    '/a?q=x',
    '/a?q=&search=b+c',
    '/%C3%BC?q=%C3%BC',
    '/s?x=1&q=a%zz&r=2',
    'http://h/p?query=z',
    '*',
    '/a b',
    '/?',
    '/s?q=1#f',
  ],
  ...[`/${'l'.repeat(600)}`, `/${'m'.repeat(5000)}?q=long`, '/\u00ff\u0080', '/caf\u00c3\u00a9'],
);
const request = fc.oneof(
  fc
    .tuple(pick('GET', 'POST', 'get', 'M-SEARCH', ''), target, pick(' HTTP/1.1', ' HTTP/2.0', ' HTTP/2', '', ' HTTP/x'))
    .map(([a, b, c]) => `${a} ${b}${c}`),
  pick('-', '', '\\x16\\x03', 'GET /a\\"b HTTP/1.1', 'GET / HTTP/1.1" 200 1 "'),
);
const referer = pick(
  '-',
  '',
  'https://www.google.com/search?q=ref+erer',
  'http://WWW.Google.de/?hl=x&q=Up',
  'https://example.com/?q=no',
  'https://search.yahoo.com/x?p=y',
  'a\\"b',
);
const line = fc
  .tuple(
    pick('10.0.0.1', '2001:db8::1', '-', 'h h'),
    pick('-', 'frank'),
    timeText,
    request,
    pick('200', '404', '000', '-', '99', 'abc'),
    pick('0', '-', '5', '99999999999', 'x', ''),
    referer,
    pick('curl', 'Mozilla \\"x\\"', '-', 'a "b" c', '\u00fe'),
    pick('', ' 0.123', '"', ' "x"'),
  )
  .map(
    ([host, user, time, req, status, size, ref, agent, extra]) =>
      `${host} - ${user} [${time}] "${req}" ${status} ${size} "${ref}" "${agent}"${extra}`,
  );
const anyLine = fc.oneof(
  { weight: 12, arbitrary: line },
  { weight: 1, arbitrary: pick('', 'garbage', '10.0.0.1 - - [10/Oct/2000:13:55:36 -0700] "GET / HTTP/1.0" 200 2326') },
);

test('the kernel counts what the reference reader counts, however the bytes are cut', () => {
  fc.assert(
    fc.property(
      fc.array(anyLine, { maxLength: 60 }),
      fc.integer({ min: 1, max: 700 }),
      pick('\n', '\r\n'),
      fc.boolean(),
      (lines, piece, newline, last) => {
        const bytes = Buffer.from(lines.join(newline) + (last ? newline : ''), 'latin1');
        const options = optionsOf({ format: 'combined' });
        const reference = count(bytes, { ...options, withoutKernel: true });
        const kernel = count(bytes, options, piece);
        deepEqual(kernel.rows, reference.rows);
        deepEqual([...kernel.scan.rejected].sort(), [...reference.scan.rejected].sort());
        deepEqual(kernel.scan.refused, reference.scan.refused);
        equal(kernel.scan.lines, reference.scan.lines);
      },
    ),
    { seed: 88, numRuns: 60 },
  );
});

const servedText = pick(
  ...['0', '0.123', '1.5', '12', '31', '32.001', '0.000001', '7.123456', '7.1234567', '4294.967296', '99999999999', '999999999.5'],
  ...['-', '', '1.', '.5', '1.5x', '-1', '1e3', '0.000 0.001'],
);

test('times served: the kernel has the bins of the reference reader, in seconds, milliseconds and microseconds', () => {
  const head = '%h %l %u %t "%r" %>s %b "%{Referer}i" "%{User-Agent}i"';
  const formats = [`${head} %{s}T`, `${head} rt=%{ms}T`, `%D ${head}`, `${head} "%T"`] as const;
  const timed = fc.tuple(anyLine, servedText);
  fc.assert(
    fc.property(fc.array(timed, { maxLength: 40 }), fc.constantFrom(0, 1, 2, 3), fc.integer({ min: 1, max: 700 }), (rows, index, piece) => {
      const lines = rows.map(
        ([text, served]) => [`${text} ${served}`, `${text} rt=${served}`, `${served} ${text}`, `${text} "${served}"`][index],
      );
      const bytes = Buffer.from(`${lines.join('\n')}\n`, 'latin1');
      const options = optionsOf({ format: formats[index] });
      const reference = count(bytes, { ...options, withoutKernel: true });
      const kernel = count(bytes, options, piece);
      deepEqual(kernel.rows, reference.rows);
      deepEqual([...kernel.scan.rejected].sort(), [...reference.scan.rejected].sort());
    }),
    { seed: 89, numRuns: 150 },
  );
});

function yearOfLines(step: number): Buffer {
  const lines: string[] = [];
  const months = 'JanFebMarAprMayJunJulAugSepOctNovDec';
  let state = 7;
  for (let at = Date.UTC(2015, 0, 1, 12); at < Date.UTC(2016, 0, 2); at += step) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    const text = new Date(at).toISOString();
    const month = new Date(at).getUTCMonth();
    const time = `${text.slice(8, 10)}/${months.slice(month * 3, month * 3 + 3)}/${text.slice(0, 4)}:${text.slice(11, 19)} +0000`;
    lines.push(`10.0.0.1 - - [${time}] "GET /p${Math.floor(500 ** (state / 2 ** 32))} HTTP/1.1" 200 1 "-" "-"\n`);
  }
  return Buffer.from(lines.join(''));
}

test('a month is the sum of its days and of its hours, over changes of time zone; lists cut to 100 are not', () => {
  const bytes = yearOfLines(7 * 60_000);
  for (const zone of ['Europe/London', 'America/Sao_Paulo', 'Asia/Kolkata', 'Australia/Lord_Howe']) {
    const rows = (per: Per, n: number): TopRow[] => {
      const options = optionsOf({ specs: parseKeySpecs('url'), per, calendar: new ZoneCalendar(zone) });
      const scan = new LogScan(options);
      scan.begin('x.log', bytes.subarray(0, 65536));
      scan.push(bytes);
      scan.end();
      return rankPeriods(scan.results(n), { specs: options.specs, n });
    };
    const sums = (list: readonly TopRow[], prefix: string): Map<string, number> => {
      const sum = new Map<string, number>();
      for (const row of list.filter(({ period }) => period.startsWith(prefix)))
        for (const { key, count } of row.top) sum.set(key, (sum.get(key) ?? 0) + count);
      return new Map([...sum].sort(([one], [two]) => (one < two ? -1 : 1)));
    };
    const months = rows('month', 1000);
    const days = rows('day', 1000);
    const hours = rows('hour', 1000);
    const cut = rows('day', 100);
    let differing = 0;
    for (const { period } of months.filter((row) => row.period.startsWith('2015'))) {
      deepEqual(sums(days, period), sums(months, period), `${zone} ${period}: days`);
      deepEqual(sums(hours, period), sums(months, period), `${zone} ${period}: hours`);
      if (
        [...sums(cut, period)].some(([key, value]) => sums(months, period).get(key) !== value) ||
        sums(cut, period).size !== sums(months, period).size
      )
        differing += 1;
    }
    ok(differing > 0, 'cutting each day to its top 100 changes the month');
    equal(days.filter((row) => row.period.startsWith('2015')).length, 365, zone);
  }
});

test('days of 23, 24.5 and 25 hours, and a day without a midnight', () => {
  const hours = (zone: string, at: string): number => {
    const { startMs, endMs } = new ZoneCalendar(zone).periodAt('day', Date.parse(at));
    return (endMs - startMs) / 3_600_000;
  };
  equal(hours('Europe/London', '2015-03-29T12:00:00Z'), 23);
  equal(hours('Europe/London', '2015-10-25T12:00:00Z'), 25);
  equal(hours('Australia/Lord_Howe', '2015-04-05T02:00:00Z'), 24.5);
  equal(hours('Australia/Lord_Howe', '2015-10-04T02:00:00Z'), 23.5);
  equal(
    new ZoneCalendar('America/Sao_Paulo').periodAt('day', Date.parse('2015-10-18T12:00:00Z')).startMs,
    Date.parse('2015-10-18T03:00:00Z'),
  );
  equal(hours('America/Sao_Paulo', '2015-10-18T12:00:00Z'), 23);
});

test('a small bound: approximate, said so, within its error, and the total is kept', () => {
  const lines: string[] = [];
  const truth = new Map<string, number>();
  let state = 3;
  for (let index = 0; index < 60_000; index++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    const key = `/key/${Math.floor(40_000 ** (state / 2 ** 32))}`;
    truth.set(key, (truth.get(key) ?? 0) + 1);
    lines.push(`10.0.0.1 - - [01/Jan/2024:00:00:00 +0000] "GET ${key} HTTP/1.1" 200 1 "-" "-"\n`);
  }
  const options = optionsOf({ specs: parseKeySpecs('url,status'), memoryBytes: 200_000 });
  const scan = new LogScan(options);
  const bytes = Buffer.from(lines.join(''));
  scan.begin('x.log', bytes.subarray(0, 65536));
  scan.push(bytes);
  scan.end();
  scan.drain();
  const [urls, statuses] = rankPeriods(scan.results(20), { specs: options.specs, n: 20 });
  equal(urls?.exact, false);
  equal((urls?.top.reduce((sum, row) => sum + row.count, 0) ?? 0) + (urls?.other ?? 0), 60_000);
  for (const { key, count: shown, error = 0 } of urls?.top ?? []) {
    const actual = truth.get(key) ?? 0;
    ok(shown - error <= actual && actual <= shown, `${key}: ${actual} not in [${shown - error}, ${shown}]`);
  }
  deepEqual(statuses?.top, [{ key: '200', count: 60_000 }]);
  equal(statuses?.exact, true);
});

test('lines of 1 MB, lines too long, invalid UTF-8', () => {
  const long = `/${'x'.repeat(1_000_000)}`;
  const good = (path: string): string => `10.0.0.1 - - [01/Jan/2024:00:00:00 +0000] "GET ${path} HTTP/1.1" 200 1 "-" "-"\n`;
  const bytes = Buffer.from(good('/a') + good(long) + good(`/${'y'.repeat(3_000_000)}`) + good('/b\u00ff') + good('/a'), 'latin1');
  for (const withoutKernel of [false, true]) {
    const { rows, scan } = count(bytes, optionsOf({ specs: parseKeySpecs('url'), per: 'all', format: 'combined', withoutKernel }), 100_000);
    deepEqual([...scan.rejected], [['too-long', 1]]);
    deepEqual(
      scan.refused.map(({ line }) => line),
      [3],
    );
    equal(scan.lines, 5);
    deepEqual(
      rows[0]?.top.map((row) => row.count),
      [2, 1, 1],
    );
    ok(rows[0]?.top.some((row) => row.key === '/b\\xff'));
    ok(rows[0]?.top.every((row) => row.key.length <= 4096));
  }
});
