/**
 * The columns that a source of flows may or may not carry: one literal table, from which batches, readers and writers are made. Each has its
 * name in code, the name that is printed, its element type, how many elements a row has, and what its values are:
 *
 *     number    a whole number                 address   16 bytes, IPv4 mapped; all zero when unknown
 *     mac       48 bits, as a number           time      milliseconds of the epoch
 *     labels    ten MPLS words of the wire: label << 4 | experimental bits << 1 | end of stack; 0 where the stack ends
 *
 * Zero is "none" in every one of them. The first eight are printed in every row once a source has them, the others where they are not zero.
 */

export type ColumnArray = Uint8Array<ArrayBuffer> | Uint16Array<ArrayBuffer> | Uint32Array<ArrayBuffer> | Float64Array<ArrayBuffer>;
export type ColumnKind = 'number' | 'address' | 'mac' | 'time' | 'labels';

export interface ColumnType<T> {
  new (length: number): T;
  new (buffer: ArrayBuffer, byteOffset: number, length: number): T;
  readonly BYTES_PER_ELEMENT: number;
}

export interface ColumnShape<T extends ColumnArray, P extends string = string> {
  /** Its name in CSV and JSON. */
  readonly printed: P;
  readonly Type: ColumnType<T>;
  readonly kind: ColumnKind;
  /** Elements a row. */
  readonly width: number;
}

type Bytes = Uint8Array<ArrayBuffer>;
type Floats = Float64Array<ArrayBuffer>;
const number = <T extends ColumnArray, P extends string>(printed: P, Type: ColumnType<T>): ColumnShape<T, P> => ({
  printed,
  Type,
  kind: 'number',
  width: 1,
});
const byte = <P extends string>(printed: P): ColumnShape<Bytes, P> => number(printed, Uint8Array);
const short = <P extends string>(printed: P): ColumnShape<Uint16Array<ArrayBuffer>, P> => number(printed, Uint16Array);
const word = <P extends string>(printed: P): ColumnShape<Uint32Array<ArrayBuffer>, P> => number(printed, Uint32Array);
const large = <P extends string>(printed: P): ColumnShape<Floats, P> => number(printed, Float64Array);
const address = <P extends string>(printed: P): ColumnShape<Bytes, P> => ({ printed, Type: Uint8Array, kind: 'address', width: 16 });
const mac = <P extends string>(printed: P): ColumnShape<Floats, P> => ({ printed, Type: Float64Array, kind: 'mac', width: 1 });
const time = <P extends string>(printed: P): ColumnShape<Floats, P> => ({ printed, Type: Float64Array, kind: 'time', width: 1 });
const labels = <P extends string>(printed: P): ColumnShape<Uint32Array<ArrayBuffer>, P> => ({
  printed,
  Type: Uint32Array,
  kind: 'labels',
  width: 10,
});

export const optionalColumns = {
  packetsRev: large('packets_rev'),
  bytesRev: large('bytes_rev'),
  flagsRev: byte('flags_rev'),
  vlan: short('vlan'),
  nextHop: address('next_hop'),
  /** Address of the exporter. */
  exporter: address('exporter'),
  /** One packet in so many was counted; 0 or 1 when not sampled. nfcapd has multiplied the counters by it already. */
  sampling: word('sampling'),
  /** NSEL or NAT event code; 0 for an ordinary flow. */
  event: byte('event'),
  dstVlan: short('dst_vlan'),
  bgpNextHop: address('bgp_next_hop'),
  prevAs: word('prev_as'),
  nextAs: word('next_as'),
  srcMask: byte('src_mask'),
  dstMask: byte('dst_mask'),
  dstTos: byte('dst_tos'),
  /** 0 ingress, 1 egress. */
  direction: byte('direction'),
  /** Forwarding status (RFC 7270). */
  forwarding: byte('forwarding'),
  engineType: byte('engine_type'),
  engineId: byte('engine_id'),
  /** The number that the collector gave to the exporter. */
  exporterId: short('exporter_id'),
  /** When the collector received the record. */
  received: time('received'),
  /** Flows that were aggregated into the record, where it says so. */
  flowCount: large('flow_count'),
  inSrcMac: mac('in_src_mac'),
  outDstMac: mac('out_dst_mac'),
  inDstMac: mac('in_dst_mac'),
  outSrcMac: mac('out_src_mac'),
  mpls: labels('mpls'),
  /** Microseconds. */
  clientLatency: large('client_latency_us'),
  serverLatency: large('server_latency_us'),
  appLatency: large('app_latency_us'),
  eventTime: time('event_time'),
  /** Extended event code of NSEL. */
  xevent: short('xevent'),
  connection: word('connection'),
  natSrc: address('nat_src'),
  natDst: address('nat_dst'),
  natSport: short('nat_sport'),
  natDport: short('nat_dport'),
  /** The event code once more, where it is one of NAT and not of NSEL. */
  natEvent: byte('nat_event'),
  natPool: word('nat_pool'),
  ingressAcl: word('ingress_acl'),
  ingressAce: word('ingress_ace'),
  ingressXace: word('ingress_xace'),
  egressAcl: word('egress_acl'),
  egressAce: word('egress_ace'),
  egressXace: word('egress_xace'),
  ingressVrf: word('ingress_vrf'),
  egressVrf: word('egress_vrf'),
  blockStart: short('block_start'),
  blockEnd: short('block_end'),
  blockStep: short('block_step'),
  blockSize: short('block_size'),
  tunSrc: address('tun_src'),
  tunDst: address('tun_dst'),
  tunProto: byte('tun_proto'),
  observationDomain: word('observation_domain'),
  innerVlan: short('inner_vlan'),
  customerVlan: short('customer_vlan'),
  postVlan: short('post_vlan'),
  postCustomerVlan: short('post_customer_vlan'),
  physIn: word('phys_in'),
  physOut: word('phys_out'),
  etherType: short('ether_type'),
  ipVersion: byte('ip_version'),
  inService: short('in_service'),
  outService: short('out_service'),
  fragments: byte('fragment_flags'),
  minTtl: byte('min_ttl'),
  maxTtl: byte('max_ttl'),
} as const;

/** Name of an optional typed column. */
export type OptionalColumn = keyof typeof optionalColumns;

/** Printed name of an optional column. */
export type PrintedColumn = (typeof optionalColumns)[OptionalColumn]['printed'];

/** The optional columns of a batch. */
export type OptionalArrays = {
  [Name in OptionalColumn]?: (typeof optionalColumns)[Name] extends ColumnShape<infer T, string> ? T : never;
};

/** All of them, in the order in which they are printed. */
export const optionalNames = Object.keys(optionalColumns) as readonly OptionalColumn[];

/** Whether an optional column has this name, in code. */
export function isOptionalColumn(name: string): name is OptionalColumn {
  return Object.hasOwn(optionalColumns, name);
}

const plainCount = 8;

/** Whether the column is printed in every row once it is there, or only where it is not zero. */
export function isPlain(name: OptionalColumn): boolean {
  return optionalNames.indexOf(name) < plainCount;
}
