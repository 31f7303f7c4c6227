/**
 * Decimal numbers read straight from bytes. Up to 15 digits with up to 22 decimals are made from one integer and one power of
 * ten, both exact in a double, so the one division rounds as the language's own parser does (Clinger's fast path). The rest goes to `Number`.
 */

const powers = Float64Array.from({ length: 23 }, (_, exponent) => Number(`1e${exponent}`));
const plain = /^[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?$/;

/** The finite number in `[start, end)`, or NaN when it is none (blanks, hex, `inf`, `1,5` and the empty text are none). */
export function readNumber(bytes: Uint8Array, start: number, end: number): number {
  let at = start;
  let negative = false;
  const first = bytes[at];
  if (at < end && (first === 45 || first === 43)) {
    negative = first === 45;
    at++;
  }
  let mantissa = 0;
  let digits = 0;
  let decimals = 0;
  let seenPoint = false;
  for (; at < end; at++) {
    const digit = (bytes[at] as number) - 48;
    if (digit >= 0 && digit <= 9) {
      mantissa = mantissa * 10 + digit;
      digits++;
      if (seenPoint) decimals++;
    } else if (digit === -2 && !seenPoint) seenPoint = true;
    else return slow(bytes, start, end);
  }
  if (digits === 0) return Number.NaN;
  if (digits > 15) return slow(bytes, start, end);
  const value = decimals === 0 ? mantissa : mantissa / (powers[decimals] as number);
  return negative ? -value : value;
}

function slow(bytes: Uint8Array, start: number, end: number): number {
  if (end - start > 400) return Number.NaN;
  const text = Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString('latin1');
  if (!plain.test(text)) return Number.NaN;
  const value = Number(text);
  return Number.isFinite(value) ? value : Number.NaN;
}
