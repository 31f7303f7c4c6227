// Makes the sample flow files: `node samples/make.mjs`. Seeded, so that it writes the same bytes each time. Addresses are of RFC 5737 and RFC 3849.
import { writeFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';

let state = 20261124;
const random = () => {
  state = (state + 0x6d2b79f5) >>> 0;
  let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
  mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
  return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
};
const whole = (least, most) => least + Math.floor(random() * (most - least + 1));
const pick = (list) => list[whole(0, list.length - 1)];

function flow(first) {
  const isV6 = random() < 0.2;
  const base = {
    first,
    src: isV6 ? `2001:db8:7::${whole(1, 40).toString(16)}` : `192.0.2.${whole(1, 60)}`,
    dst: isV6 ? `2001:db8:9::${whole(1, 9)}` : pick(['198.51.100.', '203.0.113.']) + whole(1, 20),
    sport: whole(32768, 60999),
    tos: 0,
    flags: 0,
    inIf: whole(1, 4),
    outIf: whole(5, 8),
    srcAs: 64496,
    dstAs: pick([64500, 64501, 64511]),
  };
  const kind = random();
  if (kind < 0.5) {
    const packets = pick([1, 2, 4, 7, 12, 25, 60, whole(3, 180)]);
    const flags = packets > 3 ? 27 : pick([2, 16, 24]);
    const last = first + (packets === 1 ? 0 : whole(20, 18000));
    return { ...base, last, dport: pick([443, 443, 443, 80, 22, 25]), proto: 6, flags: packets > 1 && flags === 2 ? 24 : flags, packets, bytes: packets * whole(isV6 ? 72 : 52, 760) };
  }
  if (kind < 0.85) {
    const packets = pick([1, 1, 1, 2, whole(2, 30)]);
    return { ...base, last: first + (packets === 1 ? 0 : whole(5, 9000)), dport: pick([53, 53, 123, 443, 5060]), proto: 17, packets, bytes: packets * whole(60, 300) };
  }
  const packets = whole(1, 8);
  const shared = { ...base, last: first + (packets - 1) * 1000, sport: 0, packets };
  if (isV6) return { ...shared, dport: '128.0', proto: 58, bytes: packets * 104 };
  return { ...shared, dport: pick(['8.0', '8.0', '0.0', '3.1']), proto: 1, bytes: packets * 84 };
}

const start = 1795541400;
const flows = [];
for (let number = 0, time = 0; number < 400; number++) {
  time += whole(0, 140);
  flows.push(flow(time));
}

const epoch = (ms) => `${start + Math.floor(ms / 1000)}.${String(ms % 1000).padStart(3, '0')}`;
const iso = (ms) => new Date(start * 1000 + ms).toISOString();
const code = (dport) => (typeof dport === 'string' ? dport.split('.').reduce((type, value) => Number(type) * 256 + Number(value), 0) : dport);
const write = (name, lines) => writeFileSync(new URL(name, import.meta.url), lines.map((line) => `${line}\n`).join(''));

const university = flows.map((f) => [epoch(f.first), epoch(f.last), f.src, f.dst, f.sport, f.dport, f.proto, f.tos, f.flags, f.packets, f.bytes, f.inIf, f.outIf, f.srcAs, f.dstAs].join(','));
write('flows.csv', university);
writeFileSync(new URL('flows.csv.gz', import.meta.url), gzipSync(university.map((line) => `${line}\n`).join('')));

const weirHead = 'first,last,src,dst,sport,dport,proto,flags,tos,packets,bytes,in_if,out_if,src_as,dst_as';
const weir = flows.map((f) => [iso(f.first), iso(f.last), f.src, f.dst, f.sport, code(f.dport), f.proto, f.flags, f.tos, f.packets, f.bytes, f.inIf, f.outIf, f.srcAs, f.dstAs].join(','));
write('weir.csv', [weirHead, ...weir]);

const names = { 1: 'ICMP', 6: 'TCP', 17: 'UDP', 58: 'ICMP6' };
const nfdumpHead = 'firstSeen,duration,proto,srcAddr,srcPort,dstAddr,dstPort,packets,bytes,flows';
const plain = (ms) => iso(ms).replace('T', ' ').replace('Z', '');
const nfdump = flows.map((f) => [plain(f.first), ((f.last - f.first) / 1000).toFixed(3), names[f.proto], f.src, f.sport, f.dst, f.dport, f.packets, f.bytes, 1].join(','));
write('nfdump.csv', [nfdumpHead, ...nfdump]);

const profileHead = 'START_TIME,END_TIME,L3_PROTO,L4_PROTO,SRC_PORT,DST_PORT,PACKETS,BYTES,PACKETS_REV,BYTES_REV';
const profile = flows
  .filter((f) => f.proto === 6 || f.proto === 17)
  .map((f) => [f.first, f.last, f.src.includes(':') ? 6 : 4, f.proto, f.sport, f.dport, f.packets, f.bytes, f.packets, f.packets * 60 + f.bytes].join(','));
write('profile.csv', [profileHead, ...profile]);
