/**
 * Numbers written as Graphite's own server writes them into names and tags: `%g` (six digits, no trailing zeroes) and `str(float)` (always
 * with a point). Dashboards match on these names, so they are part of what is served.
 */

/** `%g`. */
export function formatG(value: number): string {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? 'nan' : value < 0 ? '-inf' : 'inf';
  if (value === 0) return '0';
  const exponent = Number(value.toExponential(5).split('e')[1]);
  if (exponent < -4 || exponent >= 6) {
    const [mantissa, power] = value.toExponential(5).split('e') as [string, string];
    const digits = power.slice(1).padStart(2, '0');
    return `${trimZeroes(mantissa)}e${power[0]}${digits}`;
  }
  return trimZeroes(value.toFixed(Math.max(0, 5 - exponent)));
}

/** `str(float)`. */
export function formatFloat(value: number): string {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? 'nan' : value < 0 ? '-inf' : 'inf';
  if (Number.isInteger(value) && Math.abs(value) < 1e16) return `${value}.0`;
  return String(value).replace(/e([-+])(\d)$/, 'e$10$2');
}

function trimZeroes(text: string): string {
  return text.includes('.') ? text.replace(/\.?0+$/, '') : text;
}
