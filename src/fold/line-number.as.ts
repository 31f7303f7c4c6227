/**
 * Decimal numbers of lines for the counting kernel `count-lines.as.ts`, with the bits that the language's own parser gives: an integer of at most
 * 2^53 and a power of ten up to 10^22 are both exact in a double, so that one division rounds as the parser does (Clinger 1990). A number
 * that is longer is not read. Epoch times follow `parseEpochTime` of `collect/log-time.ts`.
 */

// f64 powers of ten up to 22, that `line-plan.ts` puts there.
const POWERS: usize = 0x23f000;

/** What was read: a number, none at all, or one that is left to the caller. */
export const NUMBER: i32 = 0;
export const NO_NUMBER: i32 = 1;
export const UNSURE_NUMBER: i32 = 2;

export let numberValue: f64 = 0;

const EXACT_MAX: u64 = 9007199254740992;

// Of the number at hand: its digits as one integer, and how many of them are decimals.
let mantissa: u64 = 0;
let decimals: i32 = 0;

// @ts-ignore: decorator
@inline
function powerOf(exponent: i32): f64 {
  return load<f64>(POWERS + (<usize>exponent << 3));
}

// Digits, and perhaps a point and digits again; at most 19 of them.
function takeDigits(from: usize, end: usize): i32 {
  let at = from;
  let value: u64 = 0;
  let point: usize = 0;
  for (; at < end; at++) {
    const next = <u32>load<u8>(at) - 48;
    if (next <= 9) {
      value = value * 10 + <u64>next;
    } else {
      if (next != <u32>-2 || point != 0 || at == from || at + 1 == end) return NO_NUMBER;
      point = at;
    }
  }
  if (at == from) return NO_NUMBER;
  const digits = point == 0 ? at - from : at - from - 1;
  if (digits > 19) return UNSURE_NUMBER;
  mantissa = value;
  decimals = point == 0 ? 0 : <i32>(at - point - 1);
  return NUMBER;
}

/** Reads `12` or `12.5` into `numberValue`. */
export function readNumber(at: usize, end: usize): i32 {
  const result = takeDigits(at, end);
  if (result != NUMBER) return result;
  if (mantissa > EXACT_MAX) return UNSURE_NUMBER;
  numberValue = <f64>mantissa / powerOf(decimals);
  return NUMBER;
}

/** Milliseconds of an epoch time, its unit told by its size, into `numberValue`. */
export function readEpoch(at: usize, end: usize): i32 {
  const result = takeDigits(at, end);
  if (result != NUMBER) return result;
  if (mantissa <= EXACT_MAX) {
    const value = <f64>mantissa / powerOf(decimals);
    numberValue =
      value < 1e11 ? Math.floor(value * 1000 + 1e-4) : value < 1e14 ? Math.floor(value) : Math.floor(value < 1e17 ? value / 1e3 : value / 1e6);
    return NUMBER;
  }
  // Too long to be exact: seconds with many decimals, or nanoseconds. Sure where no rounding could reach the next millisecond.
  const whole = powerOf(decimals);
  if (decimals > 3 && <f64>mantissa / whole < 4e9) return milliseconds(<u64>powerOf(decimals - 3));
  return decimals == 0 && mantissa > 100000000000000000 && mantissa < 4000000000000000000 ? milliseconds(1000000) : UNSURE_NUMBER;
}

function milliseconds(unit: u64): i32 {
  const rest = <f64>(mantissa % unit) / <f64>unit;
  if (rest < 0.001 || rest > 0.998) return UNSURE_NUMBER;
  numberValue = <f64>(mantissa / unit);
  return NUMBER;
}
