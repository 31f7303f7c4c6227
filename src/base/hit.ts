/**
 * A hit: one request of a log, as the keys it counts under. Readers fill one Hit over and over; whoever keeps a text copies it.
 *
 * Texts are *byte strings*: each UTF-16 unit is one byte of the line (latin1), so that a line that is no UTF-8 loses nothing and
 * equal bytes stay equal keys. `showBytes` turns one into what a person reads: UTF-8 where it is, `\xNN` for a byte that is not.
 */

/** One request. An empty text means that the line did not carry the field; NaN the same for numbers. */
export interface Hit {
  /** Milliseconds of the Unix epoch. */
  timeMs: number;
  /** Who asked: the client's address or name. */
  host: string;
  /** The virtual host that was asked. */
  vhost: string;
  user: string;
  method: string;
  /** Path and query as they stood in the request. */
  target: string;
  /** A search term that the record carries on its own (JSON); otherwise it comes from the target. */
  keyword: string;
  /** HTTP status, 100 .. 999; 0 when unknown. */
  status: number;
  /** Bytes sent. */
  bytes: number;
  referer: string;
  agent: string;
  /** Milliseconds it took to serve. */
  servedMs: number;
}

/** A hit with nothing in it. */
export function emptyHit(): Hit {
  return {
    timeMs: Number.NaN,
    host: '',
    vhost: '',
    user: '',
    method: '',
    target: '',
    keyword: '',
    status: 0,
    bytes: 0,
    referer: '',
    agent: '',
    servedMs: Number.NaN,
  };
}

/** Empties a hit for the next line. */
export function clearHit(hit: Hit): void {
  hit.timeMs = Number.NaN;
  hit.host = hit.vhost = hit.user = hit.method = hit.target = hit.keyword = hit.referer = hit.agent = '';
  hit.status = 0;
  hit.bytes = 0;
  hit.servedMs = Number.NaN;
}

const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** A byte string as text: UTF-8 decoded; bytes that are no UTF-8 appear as `\xNN`. */
export function showBytes(bytes: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: a test for ASCII
  if (/^[\x00-\x7f]*$/.test(bytes)) return bytes;
  const buffer = Buffer.from(bytes, 'latin1');
  try {
    return strict.decode(buffer);
  } catch {
    return showBroken(buffer);
  }
}

// Decodes what is UTF-8 and escapes the rest, byte by byte.
function showBroken(buffer: Buffer): string {
  let text = '';
  for (let at = 0; at < buffer.length; ) {
    const lead = buffer[at] ?? 0;
    const size = lead < 0x80 ? 1 : lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
    try {
      text += strict.decode(buffer.subarray(at, at + size));
      at += size;
    } catch {
      text += `\\x${lead.toString(16).padStart(2, '0')}`;
      at += 1;
    }
  }
  return text;
}

/** A text as a byte string (its UTF-8 bytes). */
export function bytesOf(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: a test for ASCII
  return /^[\x00-\x7f]*$/.test(text) ? text : Buffer.from(text, 'utf8').toString('latin1');
}
