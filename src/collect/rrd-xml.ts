/**
 * The little XML that dumps of RRDtool are written in: elements without meaning in their order of attributes, text, comments. Read word by word in one
 * pass; a fault names the byte offset of the element at which it was found.
 */

import { Malformed } from '../base/faults.js';

export class XmlWords {
  readonly #text: string;
  readonly #file: string;
  #at = 0;
  /** Where the last element began. */
  #began = 0;

  /** `text` is the file's bytes as latin1, so that an index is an offset. */
  constructor(text: string, file: string) {
    this.#text = text;
    this.#file = file;
  }

  /** A fault at the element read last. */
  fault(message: string): Malformed {
    return new Malformed(message, { file: this.#file, offset: this.#began });
  }

  /** Passes `<name ...>` or throws. */
  open(name: string): void {
    if (!this.tryOpen(name)) throw this.#unexpected(`<${name}>`);
  }

  /** Passes `<name ...>` where it comes next; false otherwise. */
  tryOpen(name: string): boolean {
    this.#skip();
    if (this.peekOpen() !== name) return false;
    this.#began = this.#at;
    const end = this.#text.indexOf('>', this.#at);
    if (end < 0) throw this.#unexpected('>');
    this.#at = end + 1;
    return true;
  }

  /** The name of the element that opens next, if one does. */
  peekOpen(): string | undefined {
    this.#skip();
    const text = this.#text;
    if (text.charCodeAt(this.#at) !== 0x3c) return undefined;
    let end = this.#at + 1;
    while (isNameCode(text.charCodeAt(end))) end++;
    return end === this.#at + 1 ? undefined : text.slice(this.#at + 1, end);
  }

  /** Passes `</name>` where it comes next; false otherwise. */
  close(name: string): boolean {
    this.#skip();
    const text = this.#text;
    if (!text.startsWith('</', this.#at) || !text.startsWith(name, this.#at + 2)) return false;
    const end = text.indexOf('>', this.#at);
    if (end < 0 || text.slice(this.#at + 2 + name.length, end).trim() !== '') return false;
    this.#at = end + 1;
    return true;
  }

  mustClose(name: string): void {
    if (!this.close(name)) throw this.#unexpected(`</${name}>`);
  }

  /** The text of `<name>text</name>`, without blanks around it. */
  textOf(name: string): string {
    this.open(name);
    const end = this.#text.indexOf('<', this.#at);
    if (end < 0) throw this.#unexpected(`</${name}>`);
    const raw = this.#text.slice(this.#at, end).trim();
    this.#at = end;
    this.mustClose(name);
    const bytes = raw.includes('&') ? raw.replace(/&(lt|gt|amp|quot|apos);/g, (_, word: string) => entities[word] ?? '') : raw;
    return /^[\x20-\x7e]*$/.test(bytes) ? bytes : Buffer.from(bytes, 'latin1').toString('utf8');
  }

  /** A number as C prints it: `1.5e+00`, `NaN`, `-inf`. */
  numberOf(name: string): number {
    const text = this.textOf(name);
    if (/^-?nan$/i.test(text)) return Number.NaN;
    const infinite = /^([-+]?)inf(inity)?$/i.exec(text);
    if (infinite !== null) return infinite[1] === '-' ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
    if (!/^[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$/i.test(text)) throw this.fault(`'${text.slice(0, 40)}' in <${name}> is no number`);
    return Number(text);
  }

  /** A whole number from 0 to 2^53. */
  countOf(name: string): number {
    const text = this.textOf(name);
    const value = Number(text);
    if (!/^\d{1,16}$/.test(text) || !Number.isSafeInteger(value))
      throw this.fault(`'${text.slice(0, 40)}' in <${name}> is no whole number`);
    return value;
  }

  /** Passes blanks, comments, the declaration and the document type. */
  #skip(): void {
    const text = this.#text;
    for (;;) {
      let code = text.charCodeAt(this.#at);
      while (code === 0x20 || code === 0x09 || code === 0x0a || code === 0x0d) code = text.charCodeAt(++this.#at);
      if (code !== 0x3c) return;
      const next = text.charCodeAt(this.#at + 1);
      if (next !== 0x21 && next !== 0x3f) return;
      const closing = text.startsWith('<!--', this.#at) ? '-->' : '>';
      const end = text.indexOf(closing, this.#at);
      if (end < 0) throw this.#unexpected(closing);
      this.#at = end + closing.length;
    }
  }

  #unexpected(expected: string): Malformed {
    const found = this.#text.slice(this.#at, this.#at + 30).replace(/\s+/g, ' ');
    const what = found === '' ? 'the dump ends' : `'${found}'`;
    return new Malformed(`${what} (expected ${expected})`, { file: this.#file, offset: Math.min(this.#at, this.#text.length) });
  }
}

const entities: Readonly<Record<string, string>> = { lt: '<', gt: '>', amp: '&', quot: '"', apos: "'" };

function isNameCode(code: number): boolean {
  return (
    (code >= 0x61 && code <= 0x7a) || (code >= 0x41 && code <= 0x5a) || (code >= 0x30 && code <= 0x39) || code === 0x5f || code === 0x2d
  );
}
