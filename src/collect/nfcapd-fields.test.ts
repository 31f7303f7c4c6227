/**
 * Every field of every record of nfcapd files beside what `nfdump -o json` says of it, and the same files as machines of the other byte order and the
 * first versions of nfdump 1.6 would have written them.
 */

import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { formatAddress } from '../base/address.js';
import type { FlowBatch } from '../base/flow-batch.js';
import { type OptionalColumn, optionalColumns } from '../base/flow-columns.js';
import { formatInstant } from '../base/time.js';
import { readFlows } from './open.js';

const data = (name: string): string => fileURLToPath(new URL(`../../test/data/nfcapd/${name}`, import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'weir-nfcapd-fields-'));
after(() => rmSync(folder, { recursive: true, force: true }));

/** A value that is there, by the printed name of its column. */
type Row = Record<string, string | number>;

async function rowsOf(path: string): Promise<{ rows: Row[]; notices: string[]; rejected: number }> {
  const rows: Row[] = [];
  const notices: string[] = [];
  const reading = readFlows([path], { onNotice: (text) => notices.push(text.replace(path, 'FILE')) });
  for await (const batch of reading.batches()) for (let row = 0; row < batch.count; row++) rows.push(rowOf(batch, row));
  assert.deepEqual(reading.failures, []);
  return { rows, notices, rejected: reading.rejected.size };
}

function rowOf(batch: FlowBatch, row: number): Row {
  const time = (seconds: number, nanos: number): string => formatInstant({ seconds, nanos });
  const found: Row = {
    first: time(batch.firstSeconds[row] as number, batch.firstNanos[row] as number),
    last: time(batch.lastSeconds[row] as number, batch.lastNanos[row] as number),
    src: formatAddress(batch.src, row * 16, batch.family[row] as number),
    dst: formatAddress(batch.dst, row * 16, batch.family[row] as number),
  };
  for (const [name, column] of [
    ['sport', batch.sport],
    ['dport', batch.dport],
    ['proto', batch.proto],
    ['flags', batch.flags],
    ['tos', batch.tos],
    ['packets', batch.packets],
    ['bytes', batch.bytes],
    ['in_if', batch.inIf],
    ['out_if', batch.outIf],
    ['src_as', batch.srcAs],
    ['dst_as', batch.dstAs],
  ] as const)
    found[name] = column[row] as number;
  for (const { name, column, width } of batch.present()) {
    const part = column.subarray(row * width, (row + 1) * width);
    if (part.some((value) => value !== 0)) found[optionalColumns[name].printed] = textOf(name, column, row, width);
  }
  for (const [name, column] of batch.extra) if (column[row] !== '') found[name] = column[row] as string;
  return found;
}

function textOf(name: OptionalColumn, column: ArrayLike<number>, row: number, width: number): string | number {
  const { kind } = optionalColumns[name];
  const value = column[row] as number;
  if (kind === 'mac')
    return value
      .toString(16)
      .padStart(12, '0')
      .replace(/..(?!$)/g, '$&:');
  if (kind === 'time') return new Date(value).toISOString();
  if (kind === 'address') {
    const bytes = column as Uint8Array;
    const isFour = bytes.subarray(row * 16, row * 16 + 12).join() === '0,0,0,0,0,0,0,0,0,0,255,255';
    return formatAddress(bytes, row * 16, isFour ? 4 : 6);
  }
  return width === 1 ? value : Array.from({ length: width }, (_, index) => column[row * width + index]).join();
}

/** Names of nfdump's fields that are not called as ours; '' are made of several or are words for a number. */
const names: Readonly<Record<string, string>> = {
  in_packets: 'packets',
  in_bytes: 'bytes',
  src_tos: 'tos',
  src_port: 'sport',
  dst_port: 'dport',
  input_snmp: 'in_if',
  output_snmp: 'out_if',
  src4_addr: 'src',
  src6_addr: 'src',
  dst4_addr: 'dst',
  dst6_addr: 'dst',
  ip4_next_hop: 'next_hop',
  ip6_next_hop: 'next_hop',
  bgp4_next_hop: 'bgp_next_hop',
  ip4_router: 'exporter',
  export_sysid: 'exporter_id',
  fwd_status: 'forwarding',
  src4_xlt_ip: 'nat_src',
  dst4_xlt_ip: 'nat_dst',
  src_xlt_port: 'nat_sport',
  dst_xlt_port: 'nat_dport',
  connect_id: 'connection',
  event_id: 'event',
  xevent_id: 'xevent',
  nat_event_id: 'nat_event',
  nat_pool_id: 'nat_pool',
  out_packets: 'packets_rev',
  out_bytes: 'bytes_rev',
  aggr_flows: 'flow_count',
  vlanID: 'inner_vlan',
  post_vlanID: 'post_vlan',
  cust_vlanID: 'customer_vlan',
  post_cust_vlanID: 'post_customer_vlan',
  phys_ingress: 'phys_in',
  phys_egress: 'phys_out',
  ethertype: 'ether_type',
  src_vlan: 'vlan',
  user_name: 'user',
  flowID: 'flow_id',
  observationDomainID: 'observation_domain',
  observationPointID: 'observation_point',
  inServiceID: 'in_service',
  outServiceID: 'out_service',
  natString: 'nat_string',
  ...Object.fromEntries(['type', 'event', 'nat_event', 'sampled', 'icmp_code'].map((name) => [name, ''])),
};
const nothing: ReadonlySet<unknown> = new Set([0, '', '0.0.0.0', '::', '00:00:00:00:00:00', '<empty>', '0x0/0x0/0x0']);

/** What nfdump says of a field, in our words, and what we say. */
function compared(key: string, wanted: Readonly<Record<string, string | number>>, row: Row): [unknown, unknown] {
  const value = wanted[key] as string | number;
  if (key === 'tcp_flags') {
    const flags = row['flags'] as number;
    return [value, [...'CEUAPRSF'].map((letter, bit) => ((flags >> (7 - bit)) & 1 ? letter : '.')).join('')];
  }
  if (key === 'icmp_type') return [Number(value) * 256 + Number(wanted['icmp_code']), row['dport']];
  if (key === 'first' || key === 'last' || key === 'received') return [`${value}Z`, row[key] ?? '1970-01-01T00:00:00.000Z'];
  // nfdump 1.7.10 prints milliseconds without their zeroes here.
  if (key === 't_event') {
    if (String(value).includes('unknown')) return [undefined, row['event_time']];
    const [seconds, millis] = String(value).split('.');
    return [`${seconds}.${String(millis).padStart(3, '0')}Z`, row['event_time'] ?? '1970-01-01T00:00:00.000Z'];
  }
  if (key === 'ingress_acl' || key === 'egress_acl') {
    const parts = ['acl', 'ace', 'xace'].map((part) => `0x${Number(row[`${key.slice(0, -4)}_${part}`] ?? 0).toString(16)}`);
    return [value, parts.join('/')];
  }
  const got = row[names[key] ?? key];
  return got === undefined && nothing.has(value) ? ['', ''] : [String(value), String(got)];
}

for (const name of ['v1-vendor-datagrams-none', 'v2-vendor-datagrams-none']) {
  test(`${name}: every field as nfdump has it`, async () => {
    const wanted = JSON.parse(readFileSync(data(`${name}.json`), 'utf8')) as Record<string, string | number>[];
    const { rows, notices, rejected } = await rowsOf(data(`${name}.nfcapd`));
    assert.deepEqual([rows.length, rejected], [wanted.length, 0]);
    const different: string[] = [];
    for (const [index, record] of wanted.entries()) {
      for (const key of Object.keys(record)) {
        if (names[key] === '') continue;
        const [want, got] = compared(key, record, rows[index] as Row);
        if (want !== got) different.push(`${index + 1} ${key}: ${want}, not ${got}`);
      }
    }
    // Times before 1970, from an exporter without a clock, are moved there and said; reading layout 1, nfdump 1.7.10 takes the ICMP type of an event as
    // the port of any protocol, where nfdump 1.6.22, which wrote the file, has the port.
    const isOld = name.startsWith('v1');
    const known = isOld ? / dst_port: 0, not \d+$/ : /^180 (first|last): 584556019-/;
    assert.deepEqual(
      different.filter((line) => !known.test(line)),
      [],
    );
    assert.equal(different.length, isOld ? 28 : 2);
    assert.deepEqual(notices.length, isOld ? 0 : 1);
  });
}

/** Widths of the numbers of a part, from its start, in bytes; what follows are bytes. */
const widths2: Readonly<Record<number, string>> = {
  1: '8888822',
  2: '44',
  3: '8888',
  4: '44',
  5: '888',
  6: '44',
  7: '44',
  8: '4',
  9: '88',
  10: '4',
  11: '88',
  12: '4',
  13: '88',
  14: '4444444444',
  15: '8888',
  16: '44',
  17: '888',
  18: '82',
  19: '842',
  20: '44',
  21: '8888',
  22: '22',
  23: '444444',
  25: '84',
  26: '2222',
  33: '84',
  36: '44',
  38: '22224482',
  39: '8',
  40: '22',
};
const records: Readonly<Record<number, string>> = { 2: '2222222222222222', 7: '22488224', 8: '224', 9: '224422', 15: '22228444' };
const extensions1: Readonly<Record<number, [size: number, widths: string]>> = {
  4: [4, '22'],
  5: [8, '44'],
  6: [4, '22'],
  7: [8, '44'],
  8: [4, ''],
  9: [4, '4'],
  11: [4, '4'],
  13: [4, '22'],
  15: [8, '8'],
  16: [4, '4'],
  17: [8, '8'],
  20: [16, '88'],
  21: [16, '88'],
  22: [40, '4444444444'],
  23: [4, '4'],
  25: [4, '2'],
  27: [8, '8'],
  37: [20, '84'],
  38: [4, '22'],
  39: [8, '44'],
  40: [32, '8888'],
  41: [24, '444444'],
  42: [24, ''],
  43: [72, ''],
  46: [12, ''],
};

/** Turns the numbers at `at` round, as far as they lie before `end`. */
function turn(bytes: Buffer, at: number, widths: string, end: number): void {
  for (const width of widths) {
    if (at + Number(width) > end) return;
    bytes.subarray(at, at + Number(width)).reverse();
    at += Number(width);
  }
}

/** The file as a machine of the other byte order would have written it; not compressed. */
function turned(file: Buffer): Buffer {
  const bytes = Buffer.from(file);
  const isOld = file.readUInt16LE(2) === 1;
  turn(bytes, 0, isOld ? '2244' : '2248', 40);
  if (isOld) turn(bytes, 140, '888888888888888', 260);
  if (isOld) turn(bytes, 260, '44224', 276);
  else turn(bytes, 18, '24844', 40);
  const maps = new Map<number, number[]>();
  for (let block = isOld ? 276 : 40; block < file.length; block += 12 + file.readUInt32LE(block + 4)) {
    turn(bytes, block, '4422', block + 12);
    const end = block + 12 + file.readUInt32LE(block + 4);
    for (let at = block + 12; at < end; at += file.readUInt16LE(at + 2)) {
      const [type, size] = [file.readUInt16LE(at), file.readUInt16LE(at + 2)];
      if (type === 11) turnElements(file, bytes, at);
      else if (type === 10) turnOld(file, bytes, at, maps.get(file.readUInt16LE(at + 6)) ?? []);
      else if (type === 0x8002) turn(bytes, at, `22${'8'.repeat(18)}`, at + size);
      else turn(bytes, at, records[type] ?? '22', at + size);
      if (type === 2)
        maps.set(
          file.readUInt16LE(at + 4),
          Array.from({ length: (size - 8) / 2 }, (_, index) => file.readUInt16LE(at + 8 + index * 2)),
        );
      // An address as on the wire has no byte order.
      if (type === 7 && file.readUInt16LE(at + 24) === 0) file.copy(bytes, at + 8, at + 8, at + 24);
    }
  }
  return bytes;
}

function turnElements(file: Buffer, bytes: Buffer, start: number): void {
  turn(bytes, start, '222', start + 12);
  turn(bytes, start + 8, '2', start + 12);
  const end = start + file.readUInt16LE(start + 2);
  for (let at = start + 12; at < end; at += file.readUInt16LE(at + 2)) {
    turn(bytes, at, '22', end);
    turn(bytes, at + 4, widths2[file.readUInt16LE(at)] ?? '', at + file.readUInt16LE(at + 2));
  }
}

function turnOld(file: Buffer, bytes: Buffer, start: number, ids: readonly number[]): void {
  turn(bytes, start, '22222244', start + 20);
  turn(bytes, start + 24, '2222', start + 32);
  const flags = file.readUInt16LE(start + 4);
  const needed = `${(flags & 1) !== 0 ? '8888' : '44'}${(flags & 2) !== 0 ? '8' : '4'}${(flags & 4) !== 0 ? '8' : '4'}`;
  turn(bytes, start + 32, needed, bytes.length);
  let at = start + 32 + [...needed].reduce((sum, width) => sum + Number(width), 0);
  for (const id of ids) {
    const [size, widths] = extensions1[id] ?? [0, ''];
    turn(bytes, at, widths, at + size);
    if (id === 37) turn(bytes, at + 12, '2', at + size);
    if (id === 37) turn(bytes, at + 16, '22', at + size);
    if (id === 46) turn(bytes, at + 4, '44', at + size);
    at += size;
  }
}

for (const name of ['v1-vendor-datagrams-none', 'v2-vendor-datagrams-none', 'v1-wechat-none', 'v2-wechat-none']) {
  test(`${name}: the same of a machine with the other byte order`, async () => {
    const path = join(folder, `${name}.turned`);
    writeFileSync(path, turned(readFileSync(data(`${name}.nfcapd`))));
    assert.deepEqual(await rowsOf(path), await rowsOf(data(`${name}.nfcapd`)));
  });
}

test('records of the first versions of nfdump 1.6: another head, the same flow', async () => {
  const file = readFileSync(data('v1-wechat-none.nfcapd'));
  const size = file.readUInt32LE(276 + 4);
  const parts: Buffer[] = [];
  for (let at = 288; at < 288 + size; at += file.readUInt16LE(at + 2)) {
    const record = file.subarray(at, at + file.readUInt16LE(at + 2));
    if (record.readUInt16LE(0) !== 10) parts.push(record);
    else {
      const earlier = Buffer.concat([record.subarray(0, 28), record.subarray(32)]);
      earlier.writeUInt16LE(1, 0);
      earlier.writeUInt16LE(earlier.length, 2);
      earlier.writeUInt8(record.readUInt16LE(4) & 255, 4);
      earlier.writeUInt8(record.readUInt16LE(28), 5);
      parts.push(earlier);
    }
  }
  const blocks = Buffer.concat(parts);
  const head = Buffer.from(file.subarray(0, 288));
  head.writeUInt32LE(blocks.length, 276 + 4);
  const path = join(folder, 'earlier.nfcapd');
  writeFileSync(path, Buffer.concat([head, blocks, file.subarray(288 + size)]));
  assert.deepEqual((await rowsOf(path)).rows, (await rowsOf(data('v1-wechat-none.nfcapd'))).rows);
});

test('what no flow is made of is said with its count', async () => {
  const file = readFileSync(data('v2-wechat-none.nfcapd'));
  const said = async (change: (bytes: Buffer) => void): Promise<unknown> => {
    const bytes = Buffer.from(file);
    change(bytes);
    const path = join(folder, 'foreign.nfcapd');
    writeFileSync(path, bytes);
    const notices: string[] = [];
    const reading = readFlows([path], { onNotice: (text) => notices.push(text.replace(path, 'FILE')) });
    let flows = 0;
    for await (const batch of reading.batches()) flows += batch.count;
    return [flows, notices, [...reading.rejected], reading.failures.map(({ line }) => line.replace(path, 'FILE'))];
  };
  const foreign = 'not of this format, passed over';
  assert.deepEqual(await said((bytes) => bytes.writeUInt16LE(77, 52)), [197, [`FILE: 1 records of type 77: ${foreign}`], [], []]);
  assert.deepEqual(await said((bytes) => bytes.writeUInt16LE(4, 48)), [0, [`FILE: 198 records in blocks of type 4: ${foreign}`], [], []]);
  assert.deepEqual(await said((bytes) => bytes.writeUInt8(1, 17)), [0, [], [['encrypted', 198]], []]);
  const isOpen = (bytes: Buffer): void => {
    bytes.writeUInt8(1, 17);
    bytes.writeUInt16LE(2, 50);
  };
  assert.deepEqual(await said(isOpen), [198, [], [], []]);
  const layout = ['FILE@2: nfcapd layout 3 (expected 1 or 2, as nfdump 1.6 and 1.7 write them)'];
  assert.deepEqual(await said((bytes) => bytes.writeUInt16LE(3, 2)), [0, [], [], layout]);
  // Its writer never came to the end: the appendix, which looks like a block, holds no flows.
  const unfinished = ['FILE: its writer did not finish it: read as far as it goes, 2 blocks'];
  assert.deepEqual(await said((bytes) => bytes.fill(0, 18, 40)), [198, unfinished, [], []]);
  const short = ['FILE@15388: 1 blocks (expected 3, as the header says): cut short'];
  assert.deepEqual(await said((bytes) => bytes.writeUInt32LE(3, 36)), [198, [], [], short]);
});
