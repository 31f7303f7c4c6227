/**
 * What the parts of nfcapd records hold beside the columns that every flow has: one literal table for the elements of layout 2 (nfdump 1.7) and one
 * for the extensions of layout 1 (1.6), each field with its place, its form and the column that it fills. The kernel and its reference read by
 * the same tables. Numbers are in the byte order of the machine that wrote the file; a field that lies beyond the length of its element is not there,
 * since elements have grown from version to version.
 *
 *     u8 u16 u32 u64   numbers, put into a column of that width (u64: float64)      u32>u8 u32>u16 u16>u32 u32>u64   into another one
 *     ipv4 u32         ipv6 2 u64, high word first      time u64 milliseconds       labels 10 u32
 *     text             ended by zero      digits u64 as a text      application u8 engine and a number in network order
 *
 * Facts from the file format of nfdump (phaag/nfdump, nffile.h of 1.6, nfxV3.h of 1.7); no code is taken from it.
 */

import type { OptionalColumn } from '../base/flow-columns.js';

export type FieldForm =
  | 'u8'
  | 'u16'
  | 'u32'
  | 'u64'
  | 'u32>u8'
  | 'u32>u16'
  | 'u16>u32'
  | 'u32>u64'
  | 'ipv4'
  | 'ipv6'
  | 'time'
  | 'labels'
  | 'text'
  | 'digits'
  | 'application';

/** Bytes of each form; texts go to the end of their element. */
export const formBytes: Readonly<Record<FieldForm, number>> = {
  u8: 1,
  u16: 2,
  u32: 4,
  u64: 8,
  'u32>u8': 4,
  'u32>u16': 4,
  'u16>u32': 2,
  'u32>u64': 4,
  ipv4: 4,
  ipv6: 16,
  time: 8,
  labels: 40,
  text: 1,
  digits: 8,
  application: 4,
};

/** Columns of texts, by the names that are printed. */
export type TextColumn = 'user' | 'application' | 'label' | 'nat_string' | 'flow_id' | 'observation_point';

/** Columns of numbers and addresses: optional ones, and four that every batch has. */
export type FieldColumn = OptionalColumn | 'inIf' | 'outIf' | 'srcAs' | 'dstAs';

export type Field =
  | { readonly offset: number; readonly form: Exclude<FieldForm, 'text' | 'digits' | 'application'>; readonly column: FieldColumn }
  | { readonly offset: number; readonly form: 'text' | 'digits' | 'application'; readonly column: TextColumn };

const field = (offset: number, form: Exclude<FieldForm, 'text' | 'digits' | 'application'>, column: FieldColumn): Field => ({
  offset,
  form,
  column,
});
const text = (offset: number, form: 'text' | 'digits' | 'application', column: TextColumn): Field => ({ offset, form, column });
const pair = (form: 'u16' | 'u32' | 'u16>u32' | 'ipv4' | 'ipv6' | 'u64', first: FieldColumn, second: FieldColumn): readonly Field[] => [
  field(0, form, first),
  field(formBytes[form], form, second),
];

const accessLists = (['ingressAcl', 'ingressAce', 'ingressXace', 'egressAcl', 'egressAce', 'egressXace'] as const).map((name, index) =>
  field(index * 4, 'u32', name),
);
const portBlock = (['blockStart', 'blockEnd', 'blockStep', 'blockSize'] as const).map((name, index) => field(index * 2, 'u16', name));
const latencies = (['clientLatency', 'serverLatency', 'appLatency'] as const).map((name, index) => field(index * 8, 'u64', name));

/** Layout 2: fields by the type of their element; 0 is the head of the record. */
export const elementFields: Readonly<Record<number, readonly Field[]>> = {
  0: [field(6, 'u8', 'engineType'), field(7, 'u8', 'engineId'), field(8, 'u16', 'exporterId')],
  1: [field(46, 'u8', 'forwarding')],
  4: [field(8, 'u8', 'srcMask'), field(9, 'u8', 'dstMask'), field(10, 'u8', 'direction'), field(11, 'u8', 'dstTos')],
  5: [field(0, 'u64', 'flowCount')],
  6: [field(4, 'u32>u16', 'dstVlan')],
  8: [field(0, 'ipv4', 'bgpNextHop')],
  9: [field(0, 'ipv6', 'bgpNextHop')],
  14: [field(0, 'labels', 'mpls')],
  15: (['inSrcMac', 'outDstMac', 'inDstMac', 'outSrcMac'] as const).map((name, index) => field(index * 8, 'u64', name)),
  16: pair('u32', 'nextAs', 'prevAs'),
  17: latencies,
  19: [field(0, 'time', 'eventTime'), field(8, 'u32', 'connection'), field(12, 'u16', 'xevent'), field(14, 'u8', 'event')],
  20: pair('ipv4', 'natSrc', 'natDst'),
  21: pair('ipv6', 'natSrc', 'natDst'),
  22: pair('u16', 'natSport', 'natDport'),
  23: accessLists,
  24: [text(0, 'text', 'user')],
  25: [field(0, 'time', 'eventTime'), field(8, 'u32', 'natPool'), field(12, 'u8', 'event'), field(12, 'u8', 'natEvent')],
  26: portBlock,
  27: [text(0, 'application', 'application')],
  28: [text(0, 'text', 'label')],
  31: [...pair('ipv4', 'tunSrc', 'tunDst'), field(8, 'u32>u8', 'tunProto')],
  32: [...pair('ipv6', 'tunSrc', 'tunDst'), field(32, 'u32>u8', 'tunProto')],
  33: [text(0, 'digits', 'observation_point'), field(8, 'u32', 'observationDomain')],
  36: pair('u32', 'egressVrf', 'ingressVrf'),
  38: [
    field(0, 'u16', 'innerVlan'),
    field(2, 'u16', 'customerVlan'),
    field(4, 'u16', 'postVlan'),
    field(6, 'u16', 'postCustomerVlan'),
    field(8, 'u32', 'physIn'),
    field(12, 'u32', 'physOut'),
    field(24, 'u16', 'etherType'),
    field(26, 'u8', 'ipVersion'),
  ],
  39: [text(0, 'digits', 'flow_id')],
  40: pair('u16', 'inService', 'outService'),
  41: [text(0, 'text', 'nat_string')],
  42: [field(1, 'u8', 'fragments'), field(2, 'u8', 'minTtl'), field(3, 'u8', 'maxTtl')],
};

/** What element 25 held in the first versions of 1.7, known by its 24 bytes. */
export const firstNatFields: readonly Field[] = [
  field(0, 'time', 'eventTime'),
  field(8, 'u32', 'egressVrf'),
  field(12, 'u32', 'ingressVrf'),
  field(16, 'u32', 'natPool'),
  field(20, 'u8', 'event'),
  field(20, 'u8', 'natEvent'),
];

/** An extension of layout 1: its bytes and its fields. */
export interface Extension {
  readonly size: number;
  readonly fields: readonly Field[];
}

const extension = (size: number, ...fields: Field[]): Extension => ({ size, fields });

/** Layout 1: extensions by id. */
export const extensions: Readonly<Record<number, Extension>> = {
  4: extension(4, ...pair('u16>u32', 'inIf', 'outIf')),
  5: extension(8, ...pair('u32', 'inIf', 'outIf')),
  6: extension(4, ...pair('u16>u32', 'srcAs', 'dstAs')),
  7: extension(8, ...pair('u32', 'srcAs', 'dstAs')),
  8: extension(4, field(0, 'u8', 'dstTos'), field(1, 'u8', 'direction'), field(2, 'u8', 'srcMask'), field(3, 'u8', 'dstMask')),
  9: extension(4, field(0, 'ipv4', 'nextHop')),
  10: extension(16, field(0, 'ipv6', 'nextHop')),
  11: extension(4, field(0, 'ipv4', 'bgpNextHop')),
  12: extension(16, field(0, 'ipv6', 'bgpNextHop')),
  13: extension(4, ...pair('u16', 'vlan', 'dstVlan')),
  14: extension(4, field(0, 'u32>u64', 'packetsRev')),
  15: extension(8, field(0, 'u64', 'packetsRev')),
  16: extension(4, field(0, 'u32>u64', 'bytesRev')),
  17: extension(8, field(0, 'u64', 'bytesRev')),
  18: extension(4, field(0, 'u32>u64', 'flowCount')),
  19: extension(8, field(0, 'u64', 'flowCount')),
  20: extension(16, ...pair('u64', 'inSrcMac', 'outDstMac')),
  21: extension(16, ...pair('u64', 'inDstMac', 'outSrcMac')),
  22: extension(40, field(0, 'labels', 'mpls')),
  23: extension(4, field(0, 'ipv4', 'exporter')),
  24: extension(16, field(0, 'ipv6', 'exporter')),
  25: extension(4, field(2, 'u8', 'engineType'), field(3, 'u8', 'engineId')),
  26: extension(8, ...pair('u32', 'nextAs', 'prevAs')),
  27: extension(8, field(0, 'time', 'received')),
  37: extension(20, field(0, 'time', 'eventTime'), field(8, 'u32', 'connection'), field(14, 'u8', 'event'), field(16, 'u16', 'xevent')),
  38: extension(4, ...pair('u16', 'natSport', 'natDport')),
  39: extension(8, ...pair('ipv4', 'natSrc', 'natDst')),
  40: extension(32, ...pair('ipv6', 'natSrc', 'natDst')),
  41: extension(24, ...accessLists),
  42: extension(24, text(0, 'text', 'user')),
  43: extension(72, text(0, 'text', 'user')),
  45: extension(24, ...latencies),
  46: extension(12, field(0, 'u8', 'event'), field(0, 'u8', 'natEvent'), field(4, 'u32', 'egressVrf'), field(8, 'u32', 'ingressVrf')),
  47: extension(8, ...pair('ipv4', 'natSrc', 'natDst')),
  48: extension(8, ...portBlock),
};
