/** Zeek, JSON and cloud flow logs: what each line means, what is passed over, what is rejected, and damage anywhere. */

import { deepEqual, equal, ok } from 'node:assert/strict';
import { test } from 'node:test';
import { formatAddress } from '../base/address.js';
import type { FlowBatch } from '../base/flow-batch.js';
import type { FlowFormat, Reject } from './format.js';
import { flowFormats } from './formats.js';

interface Row {
  [name: string]: string | number;
}

async function readAll(
  text: string | Uint8Array,
  expected?: string,
): Promise<{ rows: Row[]; rejects: Reject[]; format: FlowFormat | undefined; count: number }> {
  const bytes = typeof text === 'string' ? Buffer.from(text) : text;
  const rejects: Reject[] = [];
  const options = { reject: (reject: Reject) => rejects.push(reject), notice: () => undefined, numberBefore: 0 };
  const head = bytes.subarray(0, 65536);
  const format = flowFormats.find((one) => one.detect(head, options));
  if (expected !== undefined) equal(format?.name, expected);
  const rows: Row[] = [];
  if (format === undefined) return { rows, rejects, format, count: 0 };
  async function* chunks(): AsyncGenerator<Uint8Array> {
    for (let at = 0; at < bytes.length; at += 37) yield bytes.subarray(at, at + 37);
  }
  const reading = format.read({ file: 'x', head, chunks }, options);
  for (;;) {
    const { value, done } = await reading.next();
    if (done === true) return { rows, rejects, format, count: value };
    for (let row = 0; row < value.count; row++) rows.push(rowOf(value, row));
  }
}

function rowOf(batch: FlowBatch, row: number): Row {
  const found: Row = {
    first: (batch.firstSeconds[row] ?? 0) + (batch.firstNanos[row] ?? 0) / 1e9,
    last: (batch.lastSeconds[row] ?? 0) + (batch.lastNanos[row] ?? 0) / 1e9,
    src: formatAddress(batch.src, row * 16, batch.family[row] ?? 0),
    dst: formatAddress(batch.dst, row * 16, batch.family[row] ?? 0),
  };
  for (const name of [
    'sport',
    'dport',
    'proto',
    'flags',
    'packets',
    'bytes',
    'packetsRev',
    'bytesRev',
    'flagsRev',
    'vlan',
    'sampling',
  ] as const) {
    const value = batch[name]?.[row];
    if (value !== undefined) found[name] = value;
  }
  return found;
}

const zeek = `#separator \\x09
#set_separator\t,
#empty_field\t(empty)
#unset_field\t-
#path\tconn
#open\t2026-11-24-10-00-00
#fields\tts\tuid\tid.orig_h\tid.orig_p\tid.resp_h\tid.resp_p\tproto\tservice\tduration\torig_bytes\tresp_bytes\tconn_state\tlocal_orig\tlocal_resp\tmissed_bytes\thistory\torig_pkts\torig_ip_bytes\tresp_pkts\tresp_ip_bytes\ttunnel_parents
#types\ttime\tstring\taddr\tport\taddr\tport\tenum\tstring\tinterval\tcount\tcount\tstring\tbool\tbool\tcount\tstring\tcount\tcount\tcount\tcount\tset[string]
1764000000.123456\tCa\t192.168.1.2\t51000\t93.184.216.34\t443\ttcp\tssl\t2.500001\t517\t3120\tSF\tT\tF\t0\tShADadFf\t10\t1049\t9\t3600\t-
1764000001.000001\tCb\t2001:db8::1\t128\t2001:db8::2\t0\ticmp\t-\t-\t-\t-\tOTH\t-\t-\t0\t-\t1\t104\t0\t0\t-
1764000002.5\tCc\t10.0.0.1\t8\t10.0.0.2\t0\ticmp\t-\t0.010000\t56\t56\tOTH\t-\t-\t0\t-\t1\t84\t1\t84\t(empty)
broken line
1764000003.5\tCd\t10.0.0.1\t5353\t10.0.0.300\t53\tudp\tdns\t-\t-\t-\tS0\t-\t-\t0\tD\t1\t70\t0\t0\t-
#close\t2026-11-24-11-00-00
`;

test('Zeek TSV: both directions, flags by history, ICMP by its type, the header by its fields', async () => {
  const { rows, rejects, count } = await readAll(zeek, 'Zeek conn.log');
  equal(count, 5);
  deepEqual(rows[0], {
    first: 1764000000.123456,
    last: 1764000002.623457,
    src: '192.168.1.2',
    dst: '93.184.216.34',
    sport: 51000,
    dport: 443,
    proto: 6,
    flags: 27,
    packets: 10,
    bytes: 1049,
    packetsRev: 9,
    bytesRev: 3600,
    flagsRev: 27,
    vlan: 0,
  });
  deepEqual([rows[1]?.proto, rows[1]?.dport, rows[1]?.sport, rows[1]?.last], [58, 128 * 256, 0, 1764000001.000001]);
  deepEqual([rows[2]?.proto, rows[2]?.dport, rows[2]?.packetsRev], [1, 8 * 256, 1]);
  deepEqual(
    rejects.map(({ line, cause }) => [line, cause]),
    [
      [12, 'columns'],
      [13, 'address'],
    ],
  );
});

test('Zeek TSV: an answer in the place of the code, a separator of its own', async () => {
  const lines = [
    '#separator \\x2c',
    '#fields,ts,id.orig_h,id.orig_p,id.resp_h,id.resp_p,proto,orig_pkts,orig_ip_bytes',
    '1764000000,192.0.2.1,0,192.0.2.2,8,icmp,1,84',
    '1764000001,192.0.2.1,3,192.0.2.2,1,icmp,1,84',
    '1764000002,2001:db8::1,135,2001:db8::2,136,icmp,1,72',
  ];
  const { rows } = await readAll(`${lines.join('\n')}\n`, 'Zeek conn.log');
  deepEqual(
    rows.map(({ dport }) => dport),
    [0, 3 * 256 + 1, 135 * 256],
  );
});

test('Zeek JSON gives what the TSV gives', async () => {
  const lines = [
    {
      ts: 1764000000.123456,
      uid: 'Ca',
      'id.orig_h': '192.168.1.2',
      'id.orig_p': 51000,
      'id.resp_h': '93.184.216.34',
      'id.resp_p': 443,
      proto: 'tcp',
      duration: 2.500001,
      history: 'ShADadFf',
      orig_pkts: 10,
      orig_ip_bytes: 1049,
      resp_pkts: 9,
      resp_ip_bytes: 3600,
    },
    {
      ts: '2025-11-24T16:00:01.000001Z',
      uid: 'Cb',
      'id.orig_h': '2001:db8::1',
      'id.orig_p': 128,
      'id.resp_h': '2001:db8::2',
      'id.resp_p': 0,
      proto: 'icmp',
      orig_pkts: 1,
      orig_ip_bytes: 104,
      resp_pkts: 0,
      resp_ip_bytes: 0,
    },
  ];
  const { rows } = await readAll(`${lines.map((line) => JSON.stringify(line)).join('\n')}\n`, 'Zeek conn.log as JSON');
  deepEqual(rows, (await readAll(zeek)).rows.slice(0, 2));
});

test('JSON lines of goflow2 and Akvorado, old names and new, times of nanoseconds kept', async () => {
  const lines = [
    '{"type":"IPFIX","time_received_ns":1764000009000000000,"sequence_num":1,"sampling_rate":100,"sampler_address":"192.0.2.1","time_flow_start_ns":1764000000123456789,"time_flow_end_ns":1764000001000000001,"bytes":1500,"packets":3,"src_addr":"10.0.0.1","dst_addr":"10.0.0.2","etype":"IPv4","proto":"TCP","src_port":51000,"dst_port":443,"in_if":1,"out_if":2,"tcp_flags":27,"ip_tos":8,"src_as":65000,"dst_as":65001,"src_vlan":12}',
    '{"TimeFlowStartMs":1764000000123,"TimeFlowEndMs":1764000001000,"Bytes":84,"Packets":1,"SrcAddr":"10.0.0.1","DstAddr":"10.0.0.2","Proto":1,"SrcPort":0,"DstPort":0,"IcmpType":8,"IcmpCode":0,"SamplingRate":1}',
    '{"TimeReceived":1764000000,"SamplingRate":1000,"ExporterAddress":"::ffff:192.0.2.7","SrcAddr":"::ffff:10.1.1.1","DstAddr":"::ffff:10.1.1.2","Proto":17,"SrcPort":53,"DstPort":4000,"Bytes":120,"Packets":1}',
    '{"src_addr":"10.0.0.1"',
    '{"TimeReceived":1764000000,"SrcAddr":"10.0.0.1","DstAddr":"10.0.0.2","Proto":17,"Bytes":9007199254740993,"Packets":1}',
  ];
  const { rows, rejects } = await readAll(lines.join('\n'), 'flow records as JSON (Weir, nfdump, goflow2, Akvorado)');
  equal(rows.length, 3);
  deepEqual(
    [rows[0]?.first, rows[0]?.proto, rows[0]?.flags, rows[0]?.vlan, rows[0]?.sampling],
    [1764000000 + 123456789 / 1e9, 6, 27, 12, 100],
  );
  deepEqual([rows[1]?.dport, rows[1]?.first], [2048, 1764000000.123]);
  deepEqual([rows[2]?.src, rows[2]?.dst, rows[2]?.first, rows[2]?.last], ['10.1.1.1', '10.1.1.2', 1764000000, 1764000000]);
  deepEqual(
    rejects.map(({ line, cause }) => [line, cause]),
    [
      [4, 'columns'],
      [5, 'range'],
    ],
  );
});

const object = (first: string, more = ''): string => `{
\t"type" : "FLOW",
\t"first" : "${first}",
\t"last" : "2010-07-07T03:16:19.467",
\t"in_packets" : 2,
\t"in_bytes" : 131,
\t"proto" : 6,
\t"tcp_flags" : "...AP..F",
\t"src_port" : 64565,
\t"dst_port" : 443,
\t"src4_addr" : "172.16.11.12",
\t"dst4_addr" : "74.125.19.17",${more}
\t"label" : "a } brace, \\" and a quote"
}`;

test('nfdump JSON: objects over lines, with brackets or without; one that is broken costs only itself', async () => {
  const good = object('2010-07-07T03:16:19.466');
  const broken = good.slice(0, good.length - 40);
  for (const text of [`[\n${good},\n${broken}\n${good}\n]\n`, `${good},\n${broken}\n${good}\n`]) {
    const { rows, rejects } = await readAll(text, 'flow records as JSON (Weir, nfdump, goflow2, Akvorado)');
    deepEqual([rows.length, rejects.length], [2, 1]);
    deepEqual([rows[0]?.first, rows[0]?.flags, rows[0]?.packets, rows[0]?.src], [1278472579.466, 25, 2, '172.16.11.12']);
    deepEqual(rows[1], rows[0]);
  }
});

test('VPC flow logs: version 2 without a header, any fields with one, lines without a flow', async () => {
  const two = `2 123456789010 eni-1235b8ca123456789 172.31.16.139 172.31.16.21 20641 22 6 20 4249 1418530010 1418530070 ACCEPT OK
2 123456789010 eni-1235b8ca123456789 - - - - - - - 1431280876 1431280934 - NODATA
2 123456789010 eni-1235b8ca123456789 - - - - - - - 1431280876 1431280934 - SKIPDATA
2 123456789010 eni-1235b8ca123456789 203.0.113.12 172.31.16.139 0 0 1 4 336 1432917027 1432917142 REJECT OK
`;
  const { rows, rejects, count } = await readAll(two, 'AWS VPC flow log');
  deepEqual([rows.length, rejects.length, count], [2, 0, 2]);
  deepEqual(
    [rows[0]?.src, rows[0]?.dport, rows[0]?.packets, rows[0]?.bytes, rows[0]?.first, rows[0]?.last],
    ['172.31.16.139', 22, 20, 4249, 1418530010, 1418530070],
  );
  const five = `version srcaddr dstaddr srcport dstport protocol start end type packets bytes tcp-flags flow-direction log-status
5 10.0.0.1 10.0.0.2 443 50000 6 1610000000 1610000060 IPv4 3 180 18 ingress OK
5 10.0.0.1 10.0.0.2 443
`;
  const again = await readAll(five, 'AWS VPC flow log');
  deepEqual([again.rows[0]?.flags, again.rows[0]?.sport, again.rejects[0]?.cause, again.rejects[0]?.line], [18, 443, 'columns', 3]);
});

test('cut and flipped anywhere, nothing fails and rows and rejects add up', async () => {
  const texts = [
    zeek,
    `${object('2010-07-07T03:16:19.466')},\n${object('2010-07-07T03:16:19.999')}\n`,
    '{"src":"1.1.1.1","dst":"2.2.2.2","bytes":1,"packets":1,"first":5}\n'.repeat(3),
  ];
  for (const text of texts) {
    const bytes = Buffer.from(text);
    for (let at = 0; at < bytes.length; at += 3) {
      const cut = await readAll(bytes.subarray(0, at));
      equal(cut.rows.length + cut.rejects.length, cut.count);
      const flipped = Buffer.from(bytes);
      flipped[at] = (flipped[at] ?? 0) ^ (1 << (at % 8));
      const { rows, rejects, count } = await readAll(flipped);
      equal(rows.length + rejects.length, count);
      ok(count <= text.split('\n').length + 1);
    }
  }
});
