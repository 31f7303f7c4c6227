/**
 * Cuts a stream of bytes into lines (byte strings without LF or CRLF), with bounded memory: what exceeds `lineSizeMax` before its
 * newline is given up, counted once, and reading goes on after it. A last line without a newline is a line.
 */

import { lineSizeMax } from './log-formats.js';

export class LineCutter {
  #held: Buffer[] = [];
  #heldBytes = 0;
  #skipping = false;

  /** Calls `line` for each complete line of the chunk and `refuse` for each that is too long. The chunk is not kept. */
  push(chunk: Uint8Array, line: (text: string) => void, refuse: () => void): void {
    const data = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    let start = 0;
    for (let end = data.indexOf(0x0a); end >= 0; end = data.indexOf(0x0a, start)) {
      if (this.#skipping) this.#skipping = false;
      else if (this.#heldBytes === 0) emit(data, start, end, line, refuse);
      else {
        this.#held.push(data.subarray(start, end));
        const whole = Buffer.concat(this.#held);
        this.#held = [];
        this.#heldBytes = 0;
        emit(whole, 0, whole.length, line, refuse);
      }
      start = end + 1;
    }
    if (start === data.length || this.#skipping) return;
    this.#held.push(Buffer.from(data.subarray(start)));
    this.#heldBytes += data.length - start;
    if (this.#heldBytes <= lineSizeMax) return;
    this.#held = [];
    this.#heldBytes = 0;
    this.#skipping = true;
    refuse();
  }

  /** Gives the last line, if it lacks its newline. */
  end(line: (text: string) => void): void {
    const whole = Buffer.concat(this.#held);
    this.#held = [];
    this.#heldBytes = 0;
    if (whole.length > 0 && !this.#skipping) emit(whole, 0, whole.length, line, () => undefined);
    this.#skipping = false;
  }
}

function emit(data: Buffer, start: number, end: number, line: (text: string) => void, refuse: () => void): void {
  const stop = end > start && data[end - 1] === 0x0d ? end - 1 : end;
  if (stop - start > lineSizeMax) refuse();
  else line(data.toString('latin1', start, stop));
}

/** The complete lines of the first bytes of a log, for telling its kind; at most 200. */
export function firstLinesOf(head: Uint8Array): string[] {
  const lines = Buffer.from(head.buffer, head.byteOffset, head.byteLength).toString('latin1').split(/\r?\n/);
  if (lines.length > 1) lines.pop();
  return lines.filter((line) => line !== '').slice(0, 200);
}
