/**
 * The scheduler's kernel: which packets of the open flows fall into a window of time, and in which order.
 *
 * Every open flow lies in a list in order of (first, record number). A window [start, end) makes one 64-bit key a packet,
 * (time - start) << 24 | place in the list, so that sorting the keys as integers gives time order with ties by (first, number).
 * Keys go into buckets by their high bits and are put in order within each (insertion; heapsort where a burst overfills one).
 *
 * Clock of a flow, 64 bytes (a cache line), at `clocks + slot*64` (little-endian):
 *
 *      0 u64 next       time of its next packet, ns since the epoch
 *      8 u64 quotient   duration div divisor        packet i is at first + i*quotient + floor(i*remainder/divisor)
 *     16 u32 remainder  duration mod divisor
 *     20 u32 sum        (i * remainder) mod divisor
 *     24 u32 divisor    n, or n-1 for `ends`
 *     28 u32 left       packets still to come
 *     32 u64 last       time of its last packet; for poisson: the end of the flow
 *
 * Behind it from offset 40 a shadow of 24 bytes (next, sum, left, window) lets a window that overflows be undone and tried again, shorter.
 */

const clockBytes: usize = 64;
const shadowAt: usize = 40;
/** The spacing kind whose times are drawn. */
const poisson: u32 = 2;
const golden: u64 = 0x9e3779b97f4a7c15;

let clocks: usize = 0;
let list: usize = 0;
let draws: usize = 0;
let spacing: u32 = 0;
let seed: u64 = 0;
let least: u64 = u64.MAX_VALUE;
/** Where a burst of one instant goes on in the list. */
let resumeIndex: u32 = u32.MAX_VALUE;

/** Where the arrays lie: clocks, the list of slots (u32), random states (u64 a slot). */
export function place(clocksAt: usize, listAt: usize, drawsAt: usize, spacingKind: u32, seedOfAll: u64): void {
  clocks = clocksAt;
  list = listAt;
  draws = drawsAt;
  spacing = spacingKind;
  seed = seedOfAll;
}

/** Winds the clock of a slot from the record at `record` (layout.ts), with packet `skip` to come next. */
export function windRecord(record: usize, slot: u32, skip: u32): void {
  const first: u64 = <u64>load<u32>(record) * 1000000000 + load<u32>(record, 4);
  const last: u64 = <u64>load<u32>(record, 8) * 1000000000 + load<u32>(record, 12);
  // The number of the record and its side make the stream of each flow its own.
  const own = (load<u64>(record, 16) ^ (seed * golden)) + load<u32>(record, 44);
  wind(slot, first, last - first, load<u32>(record, 24), skip, own * 0xbf58476d1ce4e5b9);
}

function wind(slot: u32, first: u64, duration: u64, packets: u32, skip: u32, own: u64): void {
  const at = clocks + <usize>slot * clockBytes;
  const divisor: u32 = spacing == 1 ? (packets > 1 ? packets - 1 : 1) : packets;
  const quotient = duration / divisor;
  const remainder = <u32>(duration % divisor);
  const run: u64 = <u64>skip * remainder;
  const count: u64 = packets - 1;
  store<u64>(at, first + <u64>skip * quotient + run / divisor);
  store<u64>(at, quotient, 8);
  store<u32>(at, remainder, 16);
  store<u32>(at, <u32>(run % divisor), 20);
  store<u32>(at, divisor, 24);
  store<u32>(at, packets - skip, 28);
  store<u64>(at, spacing == poisson ? first + duration : first + count * quotient + (count * remainder) / divisor, 32);
  store<u32>(at + shadowAt, 0, 16);
  if (spacing == poisson) {
    store<u64>(draws + ((<usize>slot) << 3), own);
    store<u32>(at, packets, 28);
    store<u64>(at, draw(slot, first, packets));
    for (let index: u32 = 0; index < skip; index++) step(slot, at);
  }
}

/** Time of a slot's last packet. For poisson it is drawn through, which uses the clock up: wind it again. */
export function lastOf(slot: u32): u64 {
  const at = clocks + <usize>slot * clockBytes;
  if (spacing != poisson) return load<u64>(at, 32);
  let time = load<u64>(at);
  while (load<u32>(at, 28) > 0) {
    time = load<u64>(at);
    step(slot, at);
  }
  return time;
}

/** How many packets of a slot come before `time`. Uses a drawn clock up: wind it again. */
export function countBefore(slot: u32, time: u64): u32 {
  const at = clocks + <usize>slot * clockBytes;
  const packets = load<u32>(at, 28);
  if (spacing == poisson) {
    while (load<u32>(at, 28) > 0 && load<u64>(at) < time) step(slot, at);
    return packets - load<u32>(at, 28);
  }
  const first = load<u64>(at);
  let low: u32 = 0;
  let high = packets;
  while (low < high) {
    const middle = low + ((high - low) >> 1);
    const passed = <u64>middle * load<u64>(at, 8) + (<u64>middle * load<u32>(at, 16)) / load<u32>(at, 24);
    if (first + passed < time) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Time of a slot's next packet. */
export function nextOf(slot: u32): u64 {
  return load<u64>(clocks + <usize>slot * clockBytes);
}

/** The least of `left` arrival times that are uniform over [time, last]. Numbers by splitmix64 (Steele, Lea, Flood 2014). */
function draw(slot: u32, time: u64, left: u32): u64 {
  const at = draws + ((<usize>slot) << 3);
  const state = load<u64>(at) + golden;
  store<u64>(at, state);
  let mixed = state;
  mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9;
  mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111eb;
  mixed ^= mixed >> 31;
  const uniform = <f64>(mixed >> 11) / 9007199254740992.0;
  const end = load<u64>(clocks + <usize>slot * clockBytes, 32);
  const moved = time + <u64>(<f64>(end - time) * (1.0 - Math.pow(1.0 - uniform, 1.0 / <f64>left)));
  return moved > end ? end : moved;
}

@inline
function step(slot: u32, at: usize): void {
  const left = load<u32>(at, 28) - 1;
  store<u32>(at, left, 28);
  if (spacing == poisson) {
    if (left > 0) store<u64>(at, draw(slot, load<u64>(at), left));
    return;
  }
  const divisor = load<u32>(at, 24);
  const sum: u64 = <u64>load<u32>(at, 20) + load<u32>(at, 16);
  const carry: u64 = sum >= divisor ? 1 : 0;
  store<u64>(at, load<u64>(at) + load<u64>(at, 8) + carry);
  store<u32>(at, <u32>(sum - carry * divisor), 20);
}

/** Removes finished flows from the list, keeping its order; their slots go to `free`. Returns the new length; the rest were freed. */
export function compact(length: u32, free: usize, freeCount: u32): u32 {
  let kept: u32 = 0;
  let spare = freeCount;
  least = u64.MAX_VALUE;
  for (let index: u32 = 0; index < length; index++) {
    const slot = load<u32>(list + ((<usize>index) << 2));
    const at = clocks + <usize>slot * clockBytes;
    if (load<u32>(at, 28) > 0) {
      const next = load<u64>(at);
      if (next < least) least = next;
      store<u32>(list + ((<usize>kept) << 2), slot);
      kept++;
    } else {
      store<u32>(free + ((<usize>spare) << 2), slot);
      spare++;
    }
  }
  return kept;
}

/** The earliest next packet of the flows that the last `compact` kept, or all ones when there is none. */
export function earliest(): u64 {
  return least;
}

/**
 * Makes the keys of window [start, end) at `keys`, at most `capacity`. Returns their count, or -1 when there are more and nothing was
 * changed. A window of one nanosecond never fails: it fills the keys, and `more()` tells whether to call `again`.
 */
export function generate(length: u32, start: u64, end: u64, keys: usize, capacity: u32, window: u32, again: bool): i32 {
  const instant = end - start == 1;
  let count: u32 = 0;
  let index: u32 = again ? resumeIndex : 0;
  resumeIndex = u32.MAX_VALUE;
  for (; index < length; index++) {
    const slot = load<u32>(list + ((<usize>index) << 2));
    const at = clocks + <usize>slot * clockBytes;
    let time = load<u64>(at);
    let left = load<u32>(at, 28);
    if (time >= end || left == 0) continue;
    const shadow = at + shadowAt;
    store<u64>(shadow, time);
    store<u32>(shadow, load<u32>(at, 20), 8);
    store<u32>(shadow, left, 12);
    store<u32>(shadow, window, 16);
    do {
      if (count == capacity) {
        if (instant) {
          resumeIndex = index;
          return count;
        }
        undo(index + 1, window);
        return -1;
      }
      store<u64>(keys + ((<usize>count) << 3), ((time - start) << 24) | index);
      count++;
      step(slot, at);
      time = load<u64>(at);
      left--;
    } while (left > 0 && time < end);
  }
  return count;
}

/** Whether the window of one instant has more keys to give. */
export function more(): bool {
  return resumeIndex != u32.MAX_VALUE;
}

function undo(length: u32, window: u32): void {
  for (let index: u32 = 0; index < length; index++) {
    const slot = load<u32>(list + ((<usize>index) << 2));
    const at = clocks + <usize>slot * clockBytes;
    const shadow = at + shadowAt;
    if (load<u32>(shadow, 16) != window) continue;
    const back = load<u32>(shadow, 12);
    const left = load<u32>(at, 28);
    if (spacing == poisson) {
      // The random state is a counter: it goes back as often as it was drawn from.
      const drawn: u64 = <u64>(back - left) - (left == 0 ? 1 : 0);
      const state = draws + ((<usize>slot) << 3);
      store<u64>(state, load<u64>(state) - drawn * golden);
    }
    store<u64>(at, load<u64>(shadow));
    store<u32>(at, load<u32>(shadow, 8), 20);
    store<u32>(at, back, 28);
    store<u32>(shadow, 0, 16);
  }
}

/** Sorts `count` keys into `out`. `shift` takes a key to its bucket (of `bucketCount`; u32 offsets at `buckets`, one more than that). */
export function order(keys: usize, count: u32, out: usize, buckets: usize, bucketCount: u32, shift: u64): void {
  memory.fill(buckets, 0, ((<usize>bucketCount) + 1) << 2);
  for (let index: u32 = 0; index < count; index++) {
    const bucket = <usize>(load<u64>(keys + ((<usize>index) << 3)) >> shift);
    const at = buckets + ((bucket + 1) << 2);
    store<u32>(at, load<u32>(at) + 1);
  }
  for (let bucket: u32 = 0; bucket < bucketCount; bucket++) {
    const at = buckets + ((<usize>bucket) << 2);
    store<u32>(at, load<u32>(at) + load<u32>(at, 4), 4);
  }
  for (let index: u32 = 0; index < count; index++) {
    const key = load<u64>(keys + ((<usize>index) << 3));
    const at = buckets + ((<usize>(key >> shift)) << 2);
    const to = load<u32>(at);
    store<u32>(at, to + 1);
    store<u64>(out + ((<usize>to) << 3), key);
  }
  let from: u32 = 0;
  for (let bucket: u32 = 0; bucket < bucketCount; bucket++) {
    const to = load<u32>(buckets + ((<usize>bucket) << 2));
    if (to - from > 1) {
      const at = out + ((<usize>from) << 3);
      if (to - from > 48) sortMany(at, to - from);
      else sortFew(at, to - from);
    }
    from = to;
  }
}

@inline
function sortFew(at: usize, count: u32): void {
  for (let index: u32 = 1; index < count; index++) {
    const key = load<u64>(at + ((<usize>index) << 3));
    let hole = at + ((<usize>index) << 3);
    while (hole > at && load<u64>(hole - 8) > key) {
      store<u64>(hole, load<u64>(hole - 8));
      hole -= 8;
    }
    store<u64>(hole, key);
  }
}

/** Heapsort, unless the bucket is in order already (a burst of one instant is). */
function sortMany(at: usize, count: u32): void {
  let inOrder = true;
  for (let index: u32 = 1; index < count && inOrder; index++) inOrder = load<u64>(at + ((<usize>(index - 1)) << 3)) <= load<u64>(at + ((<usize>index) << 3));
  if (inOrder) return;
  for (let root: i32 = <i32>(count >> 1) - 1; root >= 0; root--) sink(at, <u32>root, count);
  for (let end = count - 1; end > 0; end--) {
    const top = load<u64>(at);
    store<u64>(at, load<u64>(at + ((<usize>end) << 3)));
    store<u64>(at + ((<usize>end) << 3), top);
    sink(at, 0, end);
  }
}

function sink(at: usize, from: u32, count: u32): void {
  let root = from;
  const key = load<u64>(at + ((<usize>root) << 3));
  for (;;) {
    let child = root * 2 + 1;
    if (child >= count) break;
    if (child + 1 < count && load<u64>(at + ((<usize>(child + 1)) << 3)) > load<u64>(at + ((<usize>child) << 3))) child++;
    const larger = load<u64>(at + ((<usize>child) << 3));
    if (larger <= key) break;
    store<u64>(at + ((<usize>root) << 3), larger);
    root = child;
  }
  store<u64>(at + ((<usize>root) << 3), key);
}
