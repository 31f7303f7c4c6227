/**
 * Numbers written as Graphite's own server writes them into names and tags: `%g` (six digits, no trailing zeroes) and `str(float)` (always
 * with a point). Dashboards match on these names, so they are part of what is served.
 */

import { formatG as formatDigits } from '../base/number.js';

/** `%g`. */
export function formatG(value: number): string {
  return formatDigits(value, 6);
}

/** `str(float)`. */
export function formatFloat(value: number): string {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? 'nan' : value < 0 ? '-inf' : 'inf';
  if (Number.isInteger(value) && Math.abs(value) < 1e16) return `${value}.0`;
  return String(value).replace(/e([-+])(\d)$/, 'e$10$2');
}
