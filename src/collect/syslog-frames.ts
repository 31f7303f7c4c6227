/**
 * Cuts a TCP stream of syslog into messages: octet counting (`LENGTH SP MESSAGE`, RFC 6587 section 3.4.1) and non-transparent framing
 * (a newline or NUL ends a message, section 3.4.2), decided anew at each frame: a digit 1-9 that begins a length begins a counted one.
 * A frame longer than the bound ends the stream's sense: it is reported, and the reader goes on at the next newline.
 */

/** Longest message that is taken. */
export const syslogSizeMax = 1024 * 1024;

export class SyslogFrames {
  #held = Buffer.alloc(0);
  #skipping = false;

  /** Adds bytes; calls `message` for each complete one and `refuse` for each that is too long. */
  push(chunk: Uint8Array, message: (text: string) => void, refuse: () => void): void {
    let data = this.#held.length === 0 ? Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength) : Buffer.concat([this.#held, chunk]);
    for (;;) {
      if (this.#skipping) {
        const end = newlineIn(data);
        if (end < 0) {
          data = Buffer.alloc(0);
          break;
        }
        data = data.subarray(end + 1);
        this.#skipping = false;
      }
      const frame = cutFrame(data);
      if (frame === 'more') break;
      if (frame === 'too-long') {
        refuse();
        this.#skipping = true;
        continue;
      }
      if (frame.end > frame.start) message(data.toString('latin1', frame.start, frame.end));
      data = data.subarray(frame.next);
    }
    this.#held = Buffer.from(data);
  }

  /** What is left when the stream ends is a message if a newline would have ended it. */
  end(message: (text: string) => void): void {
    const text = this.#held.toString('latin1').replace(/[\r\n\0]+$/, '');
    this.#held = Buffer.alloc(0);
    if (text !== '' && !this.#skipping) message(/^\d+ </.test(text) ? text.slice(text.indexOf(' ') + 1) : text);
  }
}

function cutFrame(data: Buffer): { start: number; end: number; next: number } | 'more' | 'too-long' {
  if (data.length === 0) return 'more';
  const first = data[0] ?? 0;
  if (first >= 0x31 && first <= 0x39) {
    let at = 1;
    while (at < data.length && at < 9 && (data[at] ?? 0) >= 0x30 && (data[at] ?? 0) <= 0x39) at += 1;
    if (at === data.length) return 'more';
    if (data[at] === 0x20) {
      if (at + 1 === data.length) return 'more';
      if (data[at + 1] === 0x3c) {
        const size = Number(data.toString('latin1', 0, at));
        if (size > syslogSizeMax) return 'too-long';
        const end = at + 1 + size;
        return end > data.length ? 'more' : { start: at + 1, end: trimEnd(data, at + 1, end), next: end };
      }
    }
  }
  const end = newlineIn(data);
  if (end < 0) return data.length > syslogSizeMax ? 'too-long' : 'more';
  return { start: 0, end: trimEnd(data, 0, end), next: end + 1 };
}

function newlineIn(data: Buffer): number {
  const newline = data.indexOf(0x0a);
  const nul = data.indexOf(0);
  return newline < 0 ? nul : nul < 0 ? newline : Math.min(newline, nul);
}

function trimEnd(data: Buffer, start: number, end: number): number {
  let at = end;
  while (at > start && (data[at - 1] === 0x0a || data[at - 1] === 0x0d || data[at - 1] === 0)) at -= 1;
  return at;
}
