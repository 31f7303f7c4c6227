/**
 * Times of log lines: the common log format's `10/Oct/2000:13:55:36 -0700`, ISO 8601 / RFC 3339, epoch seconds, milliseconds or
 * microseconds by their size, and syslog's `Oct 11 22:14:15`. All answer milliseconds of the Unix epoch, or NaN for what is no time:
 * a 32nd of January is refused, not carried over.
 */

/** Milliseconds that local time is ahead of UTC, at a local time written as if it were UTC. */
export type LocalOffset = (localMs: number) => number;

const months = 'JanFebMarAprMayJunJulAugSepOctNovDec';

/** Common log format, 26 characters. */
export function parseClfTime(text: string): number {
  if (text.length !== 26 || text[2] !== '/' || text[6] !== '/' || text[11] !== ':' || text[14] !== ':') return Number.NaN;
  if (text[17] !== ':' || text[20] !== ' ') return Number.NaN;
  const month = months.indexOf(text.slice(3, 6));
  const sign = text[21] === '-' ? -1 : text[21] === '+' ? 1 : Number.NaN;
  const offset = digits(text, 22, 24) * 60 + digits(text, 24, 26);
  if (month < 0 || month % 3 !== 0) return Number.NaN;
  const utc = utcMs(digits(text, 7, 11), month / 3, digits(text, 0, 2), digits(text, 12, 14), digits(text, 15, 17), digits(text, 18, 20));
  return digits(text, 22, 24) > 23 || digits(text, 24, 26) > 59 ? Number.NaN : utc - sign * offset * 60_000;
}

/** ISO 8601 date and time, `T` or a blank between; without a zone it is local time of `localOffsetMs` (UTC by default). */
export function parseIsoTime(text: string, localOffsetMs: LocalOffset = () => 0): number {
  const parts = /^(\d{4})-(\d\d)-(\d\d)[T ](\d\d):(\d\d):(\d\d)(?:[.,](\d{1,9}))? ?(Z|[+-]\d\d:?\d\d|[+-]\d\d)?$/i.exec(text);
  if (parts === null) return Number.NaN;
  const utc = utcMs(Number(parts[1]), Number(parts[2]) - 1, Number(parts[3]), Number(parts[4]), Number(parts[5]), Number(parts[6]));
  const fraction = Math.floor(Number(`0.${parts[7] ?? '0'}`) * 1000 + 1e-6);
  const zone = parts[8];
  if (zone === undefined) return utc - localOffsetMs(utc) + fraction;
  if (zone === 'Z' || zone === 'z') return utc + fraction;
  const hours = Number(zone.slice(1, 3));
  const minutes = Number(zone.slice(3).replace(':', '') || '0');
  if (hours > 23 || minutes > 59) return Number.NaN;
  return utc + fraction - (zone.startsWith('-') ? -1 : 1) * (hours * 60 + minutes) * 60_000;
}

/** A number since the epoch: seconds, or milliseconds, microseconds, nanoseconds when it is too great for the one before. */
export function parseEpochTime(value: number): number {
  if (!Number.isFinite(value) || value < 0) return Number.NaN;
  if (value < 1e11) return Math.floor(value * 1000 + 1e-4);
  if (value < 1e14) return Math.floor(value);
  return Math.floor(value < 1e17 ? value / 1e3 : value / 1e6);
}

/** Milliseconds of the epoch from a number in a known unit; NaN beyond the year 9999, which no calendar here has a name for. */
export function epochMs(value: number, millisecondsEach: number): number {
  const ms = Math.floor(value * millisecondsEach);
  return Math.abs(ms) < yearsEndMs ? ms : Number.NaN;
}

const yearsEndMs = Date.UTC(10_000, 0, 1);

/** Any of the above, as JSON logs have them. */
export function parseAnyTime(value: unknown, localOffsetMs?: LocalOffset): number {
  if (typeof value === 'number') return parseEpochTime(value);
  if (typeof value !== 'string') return Number.NaN;
  if (/^\d{1,19}(\.\d+)?$/.test(value)) return parseEpochTime(Number(value));
  const clf = parseClfTime(value);
  return Number.isNaN(clf) ? parseIsoTime(value, localOffsetMs) : clf;
}

/** Syslog's local `Oct 11 22:14:15`, which has no year: the year that puts it nearest to `nowMs`. */
export function parseBsdTime(text: string, nowMs: number, localOffsetMs: LocalOffset = () => 0): number {
  const parts = /^([A-Z][a-z]{2}) ([ \d]\d) (\d\d):(\d\d):(\d\d)$/.exec(text);
  const month = parts === null ? -1 : months.indexOf(parts[1] ?? '');
  if (parts === null || month < 0 || month % 3 !== 0) return Number.NaN;
  const year = new Date(nowMs).getUTCFullYear();
  let best = Number.NaN;
  for (const candidate of [year - 1, year, year + 1]) {
    const time = utcMs(candidate, month / 3, Number(parts[2]), Number(parts[3]), Number(parts[4]), Number(parts[5]));
    if (Number.isNaN(best) || Math.abs(time - nowMs) < Math.abs(best - nowMs)) best = time;
  }
  return best - localOffsetMs(best);
}

/** Milliseconds of a UTC date and time; NaN when there is none such. A leap second counts into the next one. */
export function utcMs(year: number, month: number, day: number, hour: number, minute: number, second: number): number {
  if (!(hour < 24 && minute < 60 && second < 61 && day >= 1 && month >= 0 && month < 12)) return Number.NaN;
  const midnight = Date.UTC(year, month, day);
  if (day > 28 && new Date(midnight).getUTCDate() !== day) return Number.NaN;
  return midnight + ((hour * 60 + minute) * 60 + second) * 1000;
}

function digits(text: string, start: number, end: number): number {
  let value = 0;
  for (let index = start; index < end; index++) {
    const digit = text.charCodeAt(index) - 48;
    if (digit < 0 || digit > 9) return Number.NaN;
    value = value * 10 + digit;
  }
  return value;
}
