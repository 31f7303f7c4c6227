/** Names of IP protocols and their numbers. Source: IANA, Assigned Internet Protocol Numbers (the ones that people write in filters). */

const names: Readonly<Record<string, number>> = {
  hopopt: 0,
  icmp: 1,
  igmp: 2,
  ggp: 3,
  ipip: 4,
  'ip-in-ip': 4,
  st: 5,
  tcp: 6,
  cbt: 7,
  egp: 8,
  igp: 9,
  pup: 12,
  argus: 13,
  chaos: 16,
  udp: 17,
  hmp: 20,
  'xns-idp': 22,
  rdp: 27,
  dccp: 33,
  idpr: 35,
  xtp: 36,
  ddp: 37,
  ipv6: 41,
  sdrp: 42,
  'ipv6-route': 43,
  'ipv6-frag': 44,
  idrp: 45,
  rsvp: 46,
  gre: 47,
  dsr: 48,
  bna: 49,
  esp: 50,
  ah: 51,
  narp: 54,
  mobile: 55,
  tlsp: 56,
  skip: 57,
  icmp6: 58,
  icmpv6: 58,
  'ipv6-icmp': 58,
  'ipv6-nonxt': 59,
  'ipv6-opts': 60,
  vmtp: 81,
  eigrp: 88,
  ospf: 89,
  ospfigp: 89,
  mtp: 92,
  etherip: 97,
  encap: 98,
  pim: 103,
  ipcomp: 108,
  vrrp: 112,
  pgm: 113,
  l2tp: 115,
  sctp: 132,
  fc: 133,
  udplite: 136,
  'mpls-in-ip': 137,
  manet: 138,
  shim6: 140,
};

/** The number of a protocol's name (lower case), or undefined. */
export function protocolNumber(name: string): number | undefined {
  return names[name];
}

/** The name of a protocol in capitals, as nfdump prints it, or its number. */
export function protocolName(number: number): string {
  return byNumber.get(number) ?? String(number);
}

const byNumber = new Map(
  Object.entries(names)
    .reverse()
    .map(([name, number]) => [number, name.toUpperCase()]),
);
