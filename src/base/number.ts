/**
 * Numbers as C's printf prints them, since the programs that Weir stands beside are written with it.
 * Source: ISO C 7.21.6.1, conversions e and g.
 */

/** `%.{precision}g`: significant digits without trailing zeroes; an exponent of at least two digits below 1e-4 and from 10^precision on. */
export function formatG(value: number, precision: number): string {
  if (Number.isNaN(value)) return 'nan';
  if (!Number.isFinite(value)) return value > 0 ? 'inf' : '-inf';
  if (value === 0) return Object.is(value, -0) ? '-0' : '0';
  const [mantissa = '', exponentText = '0'] = evenExponential(value, Math.max(1, precision) - 1).split('e');
  const exponent = Number(exponentText);
  const trim = (text: string): string => (text.includes('.') ? text.replace(/\.?0+$/, '') : text);
  if (exponent < -4 || exponent >= precision) return `${trim(mantissa)}${formatExponent(exponent)}`;
  return trim(pointMoved(mantissa, exponent));
}

// `-1.25`, 1 -> `-12.5`
function pointMoved(mantissa: string, exponent: number): string {
  const sign = mantissa.startsWith('-') ? '-' : '';
  const digits = mantissa.replace(/[-.]/g, '');
  if (exponent < 0) return `${sign}0.${'0'.repeat(-1 - exponent)}${digits}`;
  const whole = digits.slice(0, exponent + 1);
  const rest = digits.slice(exponent + 1);
  return `${sign}${whole.padEnd(exponent + 1, '0')}${rest === '' ? '' : `.${rest}`}`;
}

/** `%.{decimals}e`: one digit before the point and an exponent of at least two digits. */
export function formatE(value: number, decimals: number): string {
  if (Number.isNaN(value)) return 'nan';
  if (!Number.isFinite(value)) return value > 0 ? 'inf' : '-inf';
  const text = evenExponential(value, decimals);
  const signAt = text.indexOf('e') + 1;
  const twoDigits = text.length - signAt > 2 ? text : `${text.slice(0, signAt + 1)}0${text.slice(signAt + 1)}`;
  return Object.is(value, -0) ? `-${twoDigits}` : twoDigits;
}

/** `toExponential`, but a tie goes to the even digit, as C rounds it, and not away from zero. */
function evenExponential(value: number, decimals: number): string {
  const rounded = value.toExponential(decimals);
  const exponentAt = rounded.indexOf('e');
  const digitAt = exponentAt - 1;
  if ((rounded.charCodeAt(digitAt) & 1) === 0) return rounded;
  if (decimals > 17) {
    // A double that ends half-way behind so many digits is written out whole in a hundred.
    const exact = value.toExponential(100);
    const cut = exact.indexOf('.') + 1 + decimals;
    return /^50*e/.test(exact.slice(cut)) ? exact.slice(0, cut) + rounded.slice(exponentAt) : rounded;
  }
  // A tie differs from what it was rounded to by half of the last digit; anything else needs no second look.
  const half = 0.5 * 10 ** (Number(rounded.slice(exponentAt + 1)) - decimals);
  if (Math.abs(Math.abs(Number(rounded) - value) / half - 1) > 0.01) return rounded;
  const longer = value.toExponential(decimals + 25);
  const cut = longer.slice(digitAt + (decimals === 0 ? 2 : 1), longer.indexOf('e'));
  return /^50*$/.test(cut) ? longer.slice(0, digitAt + 1) + rounded.slice(exponentAt) : rounded;
}

function formatExponent(exponent: number): string {
  return `e${exponent < 0 ? '-' : '+'}${String(Math.abs(exponent)).padStart(2, '0')}`;
}
