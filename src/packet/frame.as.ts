/**
 * The frame kernel: from a flow's template to the bytes of each of its packets, as capture records.
 *
 * Frame state of a flow, 128 bytes (two cache lines), at `frames + slot*128` (little-endian, but for the template, which is wire order):
 *
 *      0 u32 sizeQuotient  layer-3 bytes div packets    packet i has quotient + carry of the running remainder
 *      4 u32 sizeRemainder layer-3 bytes mod packets
 *      8 u32 sizeSum       (i * remainder) mod packets
 *     12 u32 packets       n
 *     16 u32 index         i of the next packet
 *     20 u32 sequence      TCP sequence number of the next packet
 *     24 u8 first, u8 middle, u8 last   TCP flags of the first, the middle and the last packet
 *     27 u8 kind           see the constants below
 *     28 u32 networkSum    ones' complement sum of the IPv4 header without length and identification
 *     32 u32 transportSum  the same of pseudo header and transport header without length, sequence, flags, window
 *     36 u8 headerBytes    bytes of the template that a packet carries
 *     37 u8 transportAt    where the transport header begins in the frame
 *     38 u8 family, u8 extra    extra: where an option that fills the body begins (NDP); TCP: 1 when a handshake is repeated unchanged
 *     40 u32 parity        packets of the same connection before this record, for the window
 *     48 80 bytes          template: Ethernet, IP, transport header; what does not fit (quoted packets) goes on at `tails + slot*32`
 *
 * Sums are RFC 1071's. Record headers: pcap (16 bytes) and pcapng's Enhanced Packet Block (draft-ietf-opsawg-pcapng, section 4.3).
 */

const frameBytes: usize = 128;
const tailBytes: usize = 32;
const templateBytes: u32 = 80;
const templateAt: usize = 48;

const tcp: u8 = 1;
const udp: u8 = 2;
const icmp: u8 = 3;
const echo: u8 = 4;
const neighbour: u8 = 5;
const igmp: u8 = 6;
const esp: u8 = 7;
const hopByHop: u8 = 8;

/** Output formats. */
const micro: u32 = 0;
const nano: u32 = 1;
const blocksMicro: u32 = 2;
const schedule: u32 = 4;

let frames: usize = 0;
let tails: usize = 0;
let list: usize = 0;
let format: u32 = 0;
let snapBytes: u32 = 0;
let headersOnly: bool = false;
let origin: u64 = 0;
let second: u64 = 0;
let secondStart: u64 = 1;
let written: u32 = 0;
let touched: u32 = 0;

/** Where the arrays lie and how records are written. `originNs` is subtracted from each time. */
export function place(framesAt: usize, tailsAt: usize, listAt: usize, formatKind: u32, snap: u32, onlyHeaders: bool, originNs: u64): void {
  frames = framesAt;
  tails = tailsAt;
  list = listAt;
  format = formatKind;
  snapBytes = snap;
  headersOnly = onlyHeaders;
  origin = originNs;
  secondStart = 1;
  second = 0;
}

/** Bytes that the last `build` wrote. */
export function writtenBytes(): u32 {
  return written;
}

/** What the group touch loaded; kept so that the loads are not removed. */
export function touchedSum(): u32 {
  return touched;
}

@inline
function fold(sum: u32): u32 {
  sum = (sum & 0xffff) + (sum >> 16);
  return (sum & 0xffff) + (sum >> 16);
}

/** Stores the complement of a sum in wire order. */
@inline
function storeSum(at: usize, sum: u32): void {
  store<u16>(at, bswap<u16>(<u16>~fold(sum)));
}

/**
 * Builds the packets of keys [from, count) at `out` until `capacity` bytes are full; `start` is the window's. Returns how many keys are done.
 */
export function build(keys: usize, from: u32, count: u32, start: u64, out: usize, capacity: u32): u32 {
  let at = out;
  const limit = out + capacity;
  let index = from;
  while (index < count) {
    const group = index + 32 < count ? index + 32 : count;
    let sum: u32 = 0;
    for (let ahead = index; ahead < group; ahead++) {
      const slot = load<u32>(list + ((<usize>(<u32>load<u64>(keys + ((<usize>ahead) << 3)) & 0xffffff)) << 2));
      const state = frames + <usize>slot * frameBytes;
      sum += load<u32>(state) + load<u32>(state, 64);
    }
    touched += sum;
    for (; index < group; index++) {
      const key = load<u64>(keys + ((<usize>index) << 3));
      const slot = load<u32>(list + ((<usize>(<u32>key & 0xffffff)) << 2));
      const state = frames + <usize>slot * frameBytes;
      const size = load<u32>(state) + (load<u32>(state, 8) + load<u32>(state, 4) >= load<u32>(state, 12) ? 1 : 0);
      if (at + size + 96 > limit) {
        written = <u32>(at - out);
        return index;
      }
      at = one(state, slot, start + (key >> 24), at);
    }
  }
  written = <u32>(at - out);
  return index;
}

/** Writes one capture record; returns where the next begins. */
function one(state: usize, slot: u32, time: u64, at: usize): usize {
  const packets = load<u32>(state, 12);
  const index = load<u32>(state, 16);
  let sizeSum: u64 = <u64>load<u32>(state, 8) + load<u32>(state, 4);
  let size = load<u32>(state);
  if (sizeSum >= packets) {
    sizeSum -= packets;
    size++;
  }
  store<u32>(state, <u32>sizeSum, 8);
  store<u32>(state, index + 1, 16);
  const flags: u32 = index == 0 ? load<u8>(state, 24) : index + 1 == packets ? load<u8>(state, 26) : load<u8>(state, 25);
  if (format == schedule) {
    store<u64>(at, time - origin);
    store<u32>(at, slot, 8);
    store<u32>(at, size | (flags << 24), 12);
    return at + 16;
  }
  const frame = size + 14;
  const headerBytes: u32 = load<u8>(state, 36);
  let kept = headersOnly ? headerBytes : frame;
  if (kept > frame) kept = frame;
  if (kept > snapBytes) kept = snapBytes;
  const body = recordHead(at, time - origin, kept, frame);
  const near = headerBytes < templateBytes ? headerBytes : templateBytes;
  for (let offset: u32 = 0; offset < near; offset += 16) v128.store(body + offset, v128.load(state + templateAt + offset));
  if (headerBytes > templateBytes) memory.copy(body + templateBytes, tails + <usize>slot * tailBytes, headerBytes - templateBytes);
  if (kept > headerBytes) memory.fill(body + headerBytes, 0, kept - headerBytes);
  fill(state, body, size, index, flags, kept);
  if (format < blocksMicro) return body + kept;
  const padded = (kept + 3) & ~3;
  memory.fill(body + kept, 0, padded - kept);
  store<u32>(body + padded, padded + 32);
  return body + padded + 4;
}

@inline
function recordHead(at: usize, time: u64, kept: u32, frame: u32): usize {
  if (format >= blocksMicro) {
    const units = format == blocksMicro ? time / 1000 : time;
    store<u32>(at, 6);
    store<u32>(at, ((kept + 3) & ~3) + 32, 4);
    store<u32>(at, 0, 8);
    store<u32>(at, <u32>(units >> 32), 12);
    store<u32>(at, <u32>units, 16);
    store<u32>(at, kept, 20);
    store<u32>(at, frame, 24);
    return at + 28;
  }
  let within = time - secondStart;
  if (within >= 1000000000) {
    second = time / 1000000000;
    secondStart = second * 1000000000;
    within = time - secondStart;
  }
  store<u32>(at, <u32>second);
  store<u32>(at, format == nano ? <u32>within : <u32>within / 1000, 4);
  store<u32>(at, kept, 8);
  store<u32>(at, frame, 12);
  return at + 16;
}

/** Lengths, identification, sequence numbers and checksums of one packet. */
@inline
function fill(state: usize, body: usize, size: u32, index: u32, flags: u32, kept: u32): void {
  const kind = load<u8>(state, 27);
  const transportAt: u32 = load<u8>(state, 37);
  const length = size + 14 - transportAt;
  if (load<u8>(state, 38) == 4) {
    const identification = (index + 1) & 0xffff;
    store<u16>(body, bswap<u16>(<u16>size), 16);
    store<u16>(body, bswap<u16>(<u16>identification), 18);
    storeSum(body + 24, load<u32>(state, 28) + size + identification);
  } else store<u16>(body, bswap<u16>(<u16>(size - 40)), 18);
  const head = body + transportAt;
  let sum = load<u32>(state, 32) + length;
  if (kind == tcp) {
    const sequence = load<u32>(state, 20);
    const repeats = load<u8>(state, 39) != 0;
    const window: u32 = 64240 - (repeats ? 0 : (index + load<u32>(state, 40)) & 1);
    store<u32>(head, bswap<u32>(sequence), 4);
    store<u8>(head, <u8>flags, 13);
    store<u16>(head, bswap<u16>(<u16>window), 14);
    sum += (sequence >> 16) + (sequence & 0xffff) + flags + window;
    storeSum(head + 16, sum);
    if (!repeats) store<u32>(state, sequence + (length - 20) + ((flags >> 1) & 1) + (flags & 1), 20);
  } else if (kind == udp) {
    store<u16>(head, bswap<u16>(<u16>length), 4);
    const checksum = <u16>~fold(sum + length);
    store<u16>(head, bswap<u16>(checksum == 0 ? 0xffff : checksum), 6);
  } else fillOther(state, kind, head, length, index, body, kept);
}

function fillOther(state: usize, kind: u8, head: usize, length: u32, index: u32, body: usize, kept: u32): void {
  // ICMP over IPv4 and IGMP have no pseudo header: their sum begins without the length.
  let sum = load<u32>(state, 32) + (load<u8>(state, 38) == 4 || kind == igmp ? 0 : length);
  if (kind == echo) {
    const sequence = (index + 1) & 0xffff;
    store<u16>(head, bswap<u16>(<u16>sequence), 6);
    storeSum(head + 2, sum + sequence);
  } else if (kind == icmp || kind == igmp) storeSum(head + 2, sum);
  else if (kind == neighbour) {
    const optionAt: u32 = load<u8>(state, 39);
    const rest = length + load<u8>(state, 37) - optionAt;
    let eighths = rest >> 3;
    if (eighths > 255) eighths = 255;
    if (eighths > 0) {
      if (kept >= optionAt + 2) {
        store<u8>(body + optionAt, 14);
        store<u8>(body + optionAt, <u8>eighths, 1);
      }
      sum += (14 << 8) | eighths;
    }
    storeSum(head + 2, sum);
  } else if (kind == esp) store<u32>(head, bswap<u32>(index + 1), 4);
  else if (kind == hopByHop) padOptions(head, length, kept + body - head);
}

/** A Hop-by-Hop header of PadN options (RFC 8200, sections 4.2 and 4.3) over the whole eighths of the body, no next header after it. */
function padOptions(head: usize, length: u32, keptBytes: usize): void {
  let eighths = length >> 3;
  if (eighths == 0) return;
  if (eighths > 256) eighths = 256;
  if (keptBytes < 2) return;
  store<u8>(head, 59);
  store<u8>(head, <u8>(eighths - 1), 1);
  const end = eighths << 3;
  let at: u32 = 2;
  while (at < end) {
    let data = end - at - 2;
    if (data > 255) data = end - at - 2 - 255 == 1 ? 254 : 255;
    if (<usize>(at + 2) > keptBytes) return;
    store<u8>(head + at, 1);
    store<u8>(head + at, <u8>data, 1);
    at += data + 2;
  }
}
