/**
 * The steps of a filter over the bytes of a few records at once, in WebAssembly; `nfcapd-scan.as.ts` includes it and `nfcapd-filter.ts` writes the steps.
 * Each step is a loop over all records without a branch on what they hold: what passes is a guess that no processor makes well.
 *
 *   SCAN    0 64 zero bytes | 64 AT | 320 FLOW | 576 LAYOUT, u32 addresses of up to 64 records, their flow elements, their layouts | 832 ELEMENT u32 |
 *           1088 NUMBER f64 | 1600 16 MASKS of 64 bytes, 1 where a record passes so far | to 2624
 *   step    | 0 u32 operation | 4 u32 place of its element in a layout | 8 u32 offset in the element | 12 u32 mask | 16 u32 0: and, 1: or |
 *           | 20 u32 whether it is turned | 24 u32 form or bits | 28 u32 whether its mask is all new | 32 f64 value, or u32 value, or u32 address of a table |
 *           | 32 u64 high, low mask | 48 u64 high, low value |                                                    64 bytes
 */

export const AT: usize = 64;
export const FLOW: usize = 320;
export const LAYOUT: usize = 576;
const ELEMENT: usize = 832;
const NUMBER: usize = 1088;
export const MASKS: usize = 1600;
export const scanBytes: usize = 2624;
/** Records that are taken at once. */
export const atOnce: u32 = 64;
const flowPlace: u32 = 10;

/** Runs `steps` steps at `program` over `count` records; the first mask says which pass. */
export function runFilter(tables: usize, program: usize, steps: u32, count: u32): void {
  for (let step = program; steps > 0; steps--, step += 64) {
    const mask = tables + MASKS + (<usize>load<u32>(step, 12) << 6);
    if (load<u32>(step, 28) != 0) memory.fill(mask, 1, 64);
    // m & x and m | x in one form: not (not m and not x).
    const or = load<u32>(step, 16);
    const turned = load<u32>(step, 20) ^ or;
    const end = mask + <usize>count;
    const operation = load<u32>(step);
    if (operation == 9) {
      const from = tables + MASKS + (<usize>load<u32>(step, 24) << 6);
      for (let at = mask, other = from; at < end; at++, other++) join(at, or, turned, <u32>load<u8>(other));
      continue;
    }
    if (operation == 3) {
      const family = load<u32>(step, 32);
      for (let at = mask, layout = tables + LAYOUT; at < end; at++, layout += 4)
        join(at, or, turned, <u32>(<u32>load<u16>(<usize>load<u32>(layout), 6) == family));
      continue;
    }
    test(operation, step, elementsOf(tables, step, count), tables, mask, end, or, turned);
  }
}

function test(operation: u32, step: usize, element: usize, tables: usize, mask: usize, end: usize, or: u32, turned: u32): void {
  const offset = <usize>load<u32>(step, 8);
  const bits = load<u32>(step, 24);
  const value = load<u32>(step, 32);
  switch (operation) {
    case 0: {
      for (let at = mask; at < end; at++, element += 4)
        join(at, or, turned, <u32>((<u32>load<u8>(<usize>load<u32>(element) + offset) & bits) == value));
      return;
    }
    case 1: {
      for (let at = mask; at < end; at++, element += 4)
        join(at, or, turned, <u32>((<u32>load<u16>(<usize>load<u32>(element) + offset) & bits) == value));
      return;
    }
    case 2: {
      for (let at = mask; at < end; at++, element += 4) join(at, or, turned, <u32>(load<u32>(<usize>load<u32>(element) + offset) == value));
      return;
    }
    case 7: {
      // A table of 65,536 values; a byte counts alone.
      const low: u32 = bits == 0 ? 0xff : 0xffff;
      for (let at = mask; at < end; at++, element += 4)
        join(at, or, turned, <u32>load<u8>(<usize>value + <usize>(<u32>load<u16>(<usize>load<u32>(element) + offset) & low)));
      return;
    }
    case 8: {
      for (let at = mask, layout = tables + LAYOUT; at < end; at++, element += 4, layout += 4)
        join(at, or, turned, isWithin(<usize>load<u32>(layout), <usize>load<u32>(element), bits, step));
      return;
    }
    default:
      compare(operation, tables + NUMBER, element, step, mask, end, or, turned);
  }
}

// Numbers of all records, then each beside the value.
function compare(operation: u32, numbers: usize, element: usize, step: usize, mask: usize, end: usize, or: u32, turned: u32): void {
  const value = load<f64>(step, 32);
  fillNumbers(load<u32>(step, 24), element, <usize>load<u32>(step, 8), numbers, <u32>(end - mask));
  if (operation == 4) for (let at = mask; at < end; at++, numbers += 8) join(at, or, turned, <u32>(load<f64>(numbers) == value));
  else if (operation == 5) for (let at = mask; at < end; at++, numbers += 8) join(at, or, turned, <u32>(load<f64>(numbers) < value));
  else for (let at = mask; at < end; at++, numbers += 8) join(at, or, turned, <u32>(load<f64>(numbers) > value));
}

// @ts-ignore: decorator
@inline
function join(mask: usize, or: u32, turned: u32, is: u32): void {
  store<u8>(mask, <u8>(((<u32>load<u8>(mask) ^ or) & (is ^ turned)) ^ or));
}

// Addresses of the elements that a step looks at; where a record has none, of zeros.
function elementsOf(tables: usize, step: usize, count: u32): usize {
  const place = load<u32>(step, 4);
  if (place == flowPlace) return tables + FLOW;
  for (let record: usize = 0, end = <usize>count << 2; record < end; record += 4) {
    const within = <usize>load<u16>(<usize>load<u32>(tables + record, LAYOUT) + <usize>place);
    store<u32>(tables + record, <u32>select<usize>(<usize>load<u32>(tables + record, AT) + within, tables, within != 0), ELEMENT);
  }
  return tables + ELEMENT;
}

// Whether an address of a network: IPv4 counts as ::a.b.c.d. What lies behind an element of IPv4 is read and not looked at.
// @ts-ignore: decorator
@inline
function isWithin(layout: usize, data: usize, side: u32, step: usize): u32 {
  const isFour = load<u16>(layout, 6) == 4;
  const wide = data + (<usize>side << 4);
  const low6 = load<u64>(wide, 8);
  const high = select<u64>(0, load<u64>(wide), isFour);
  const mapped = select<u64>(low6 & 0xffffffff, low6, (high | (low6 >> 32 ^ 0xffff)) == 0);
  const low = select<u64>(<u64>load<u32>(data + (<usize>side << 2)), mapped, isFour);
  return <u32>((((high & load<u64>(step, 32)) ^ load<u64>(step, 48)) | ((low & load<u64>(step, 40)) ^ load<u64>(step, 56))) == 0);
}

// Numbers of columns by their width; figures that are made of several are of the flow element.
function fillNumbers(form: u32, element: usize, offset: usize, out: usize, count: u32): void {
  const end = out + (<usize>count << 3);
  // The commonest have loops of their own.
  if (form == 3) for (; out < end; out += 8, element += 4) store<f64>(out, <f64>load<u64>(<usize>load<u32>(element) + offset));
  else if (form == 4) for (; out < end; out += 8, element += 4) store<f64>(out, durationOf(<usize>load<u32>(element) + offset));
  else for (; out < end; out += 8, element += 4) store<f64>(out, numberOf(form, <usize>load<u32>(element) + offset));
}

// @ts-ignore: decorator
@inline
function numberOf(form: u32, data: usize): f64 {
  switch (form) {
    case 0:
      return <f64>load<u8>(data);
    case 1:
      return <f64>load<u16>(data);
    case 2:
      return <f64>load<u32>(data);
    case 5:
      return rateOf(8000 * <f64>load<u64>(data, 32), durationOf(data));
    case 6:
      return rateOf(1000 * <f64>load<u64>(data, 24), durationOf(data));
    case 7: {
      const packets = <f64>load<u64>(data, 24);
      return packets > 0 ? Math.floor(<f64>load<u64>(data, 32) / packets) : 0;
    }
  }
  const flows = load<u64>(data);
  return flows == 0 ? 1 : <f64>flows;
}

// As in filter-figures.ts.
// @ts-ignore: decorator
@inline
function durationOf(flow: usize): f64 {
  const first = load<u64>(flow);
  const last = load<u64>(flow, 8);
  return select<f64>(Infinity, <f64>(<i64>(last - first)), last < first);
}

function rateOf(amount: f64, durationMs: f64): f64 {
  return durationMs > 0 ? Math.floor(amount / durationMs) : 0;
}
