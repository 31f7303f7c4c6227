/**
 * Carbon's pickle protocol, read safely: a stack machine that knows only numbers, texts, tuples, lists and the memo. Opcodes that
 * would look up or call anything (GLOBAL, REDUCE, BUILD, INST, OBJ, NEWOBJ, EXT, persistent ids) refuse the frame; nothing is ever run.
 *
 *   +----------------+---------------------------------------------------------------+
 *   | size u32, big  | pickle of [(name, (seconds, value)), ...], protocols 0 to 5    |
 *   +----------------+---------------------------------------------------------------+
 *
 * Bounds: the frame's size is checked before anything is kept; stack and memo by the frame's own size; depth of nesting by 64.
 * Items that are no point are rejected by cause, their neighbours kept. Sources: CPython's pickletools (opcodes), carbon's protocols.py.
 */

import { Malformed, Refused } from '../base/faults.js';

export type PickleCause = 'shape' | 'name' | 'value' | 'time' | 'nan';

/** A point as it was sent; `seconds` is -1 for the time of arrival. */
export interface PicklePoint {
  readonly name: string;
  readonly seconds: number;
  readonly value: number;
}

type Value = number | string | boolean | null | Value[] | Mark;
interface Mark {
  readonly mark: true;
}
const mark: Mark = { mark: true };

/** The largest frame taken, in bytes (as carbon's own limit: 1 MiB). */
export const frameSizeMax = 1 << 20;

/** Reads one frame's pickle. Throws Malformed when it is broken, Refused when it holds anything but data. */
export function readPickle(bytes: Uint8Array, point: (point: PicklePoint) => void, reject: (cause: PickleCause) => void): number {
  const list = new Machine(bytes).run();
  if (!Array.isArray(list)) throw new Malformed('the pickle holds no list (expected [(name, (seconds, value)), ...])');
  for (const item of list) takeItem(item, point, reject);
  return list.length;
}

function takeItem(item: Value, point: (point: PicklePoint) => void, reject: (cause: PickleCause) => void): void {
  if (!Array.isArray(item) || item.length !== 2 || !Array.isArray(item[1]) || item[1].length !== 2) return reject('shape');
  const [name, pair] = item as [Value, Value[]];
  if (typeof name !== 'string' || name === '' || name.length > 4096 || hasControl(name)) return reject('name');
  const seconds = toNumber(pair[0]);
  const value = toNumber(pair[1]);
  if (seconds === undefined || !Number.isFinite(seconds) || (seconds < 0 && seconds !== -1) || seconds >= 1e11) return reject('time');
  if (value === undefined) return reject('value');
  if (Number.isNaN(value)) return reject('nan');
  if (!Number.isFinite(value)) return reject('value');
  point({ name, seconds: Math.floor(seconds), value });
}

function hasControl(name: string): boolean {
  for (let index = 0; index < name.length; index++) if (name.charCodeAt(index) < 32) return true;
  return false;
}

function toNumber(value: Value | undefined): number | undefined {
  if (typeof value === 'number') return value;
  if (typeof value === 'boolean') return Number(value);
  if (typeof value !== 'string') return undefined;
  const text = value.trim();
  if (/^[-+]?nan$/i.test(text)) return Number.NaN;
  return /^[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$/i.test(text) ? Number(text) : undefined;
}

class Machine {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #stack: Value[] = [];
  readonly #memo = new Map<number, Value>();
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  run(): Value {
    for (;;) {
      const opcode = this.#byte();
      if (opcode === 0x2e) return this.#pop();
      if (!this.#number(opcode) && !this.#text(opcode) && !this.#collection(opcode) && !this.#memory(opcode)) {
        throw new Refused(`the pickle holds opcode 0x${opcode.toString(16).padStart(2, '0')}, which is not data (nothing was run)`);
      }
    }
  }

  #number(opcode: number): boolean {
    const view = this.#view;
    switch (opcode) {
      case 0x4e: // NONE
        return this.#push(null);
      case 0x88: // NEWTRUE
        return this.#push(true);
      case 0x89: // NEWFALSE
        return this.#push(false);
      case 0x4b: // BININT1
        return this.#push(this.#byte());
      case 0x4d: // BININT2
        return this.#push(view.getUint16(this.#skip(2), true));
      case 0x4a: // BININT
        return this.#push(view.getInt32(this.#skip(4), true));
      case 0x47: // BINFLOAT
        return this.#push(view.getFloat64(this.#skip(8), false));
      case 0x8a: // LONG1
        return this.#push(this.#long(this.#byte()));
      case 0x8b: // LONG4
        return this.#push(this.#long(view.getUint32(this.#skip(4), true)));
      case 0x49: // INT (text; 00 and 01 are booleans)
      case 0x4c: // LONG (text, with an L)
      case 0x46: // FLOAT (text)
        return this.#push(this.#decimal(this.#line().replace(/L$/, '')));
      default:
        return false;
    }
  }

  #text(opcode: number): boolean {
    const view = this.#view;
    switch (opcode) {
      case 0x53: // STRING, quoted as Python writes it
        return this.#push(unquote(this.#line()));
      case 0x56: // UNICODE, raw-unicode-escape
        return this.#push(this.#line().replace(/\\u([0-9a-fA-F]{4})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16))));
      case 0x55: // SHORT_BINSTRING
      case 0x43: // SHORT_BINBYTES
      case 0x8c: // SHORT_BINUNICODE
        return this.#push(this.#string(this.#byte()));
      case 0x54: // BINSTRING
      case 0x42: // BINBYTES
      case 0x58: // BINUNICODE
        return this.#push(this.#string(view.getUint32(this.#skip(4), true)));
      case 0x8d: // BINUNICODE8
      case 0x8e: // BINBYTES8
        return this.#push(this.#string(Number(view.getBigUint64(this.#skip(8), true))));
      default:
        return false;
    }
  }

  #collection(opcode: number): boolean {
    switch (opcode) {
      case 0x28: // MARK
        return this.#push(mark);
      case 0x29: // EMPTY_TUPLE
      case 0x5d: // EMPTY_LIST
        return this.#push([]);
      case 0x74: // TUPLE
      case 0x6c: // LIST
        return this.#push(this.#toMark());
      case 0x85: // TUPLE1
        return this.#push(this.#take(1));
      case 0x86: // TUPLE2
        return this.#push(this.#take(2));
      case 0x87: // TUPLE3
        return this.#push(this.#take(3));
      case 0x61: // APPEND
        return this.#append(this.#take(1));
      case 0x65: // APPENDS
        return this.#append(this.#toMark());
      case 0x30: // POP
        this.#pop();
        return true;
      case 0x32: // DUP
        return this.#push(this.#peek());
      default:
        return false;
    }
  }

  #memory(opcode: number): boolean {
    const view = this.#view;
    switch (opcode) {
      case 0x80: // PROTO
        if (this.#byte() > 5) throw new Malformed('the pickle is of a protocol above 5');
        return true;
      case 0x95: // FRAME
        this.#skip(8);
        return true;
      case 0x70: // PUT
        return this.#remember(Number(this.#line()));
      case 0x71: // BINPUT
        return this.#remember(this.#byte());
      case 0x72: // LONG_BINPUT
        return this.#remember(view.getUint32(this.#skip(4), true));
      case 0x94: // MEMOIZE
        return this.#remember(this.#memo.size);
      case 0x67: // GET
        return this.#recall(Number(this.#line()));
      case 0x68: // BINGET
        return this.#recall(this.#byte());
      case 0x6a: // LONG_BINGET
        return this.#recall(view.getUint32(this.#skip(4), true));
      default:
        return false;
    }
  }

  #push(value: Value): true {
    this.#stack.push(value);
    return true;
  }

  #pop(): Value {
    const value = this.#stack.pop();
    if (value === undefined) throw new Malformed('the pickle takes from an empty stack', { offset: this.#at });
    return value;
  }

  #peek(): Value {
    const value = this.#stack.at(-1);
    if (value === undefined) throw new Malformed('the pickle takes from an empty stack', { offset: this.#at });
    return value;
  }

  #take(count: number): Value[] {
    if (this.#stack.length < count) throw new Malformed('the pickle takes from an empty stack', { offset: this.#at });
    return this.#stack.splice(this.#stack.length - count, count);
  }

  #toMark(): Value[] {
    const index = this.#stack.lastIndexOf(mark);
    if (index < 0) throw new Malformed('the pickle has no mark', { offset: this.#at });
    const items = this.#stack.splice(index);
    items.shift();
    return items;
  }

  #append(items: Value[]): true {
    const list = this.#peek();
    if (!Array.isArray(list)) throw new Malformed('the pickle appends to what is no list', { offset: this.#at });
    for (const item of items) list.push(item);
    return true;
  }

  #remember(index: number): true {
    if (this.#memo.size > this.#bytes.length) throw new Refused('the memo of the pickle is too large');
    this.#memo.set(index, this.#peek());
    return true;
  }

  #recall(index: number): true {
    const value = this.#memo.get(index);
    if (value === undefined) throw new Malformed(`the pickle recalls ${index}, which it never kept`, { offset: this.#at });
    return this.#push(value);
  }

  #skip(count: number): number {
    const at = this.#at;
    if (!(at + count <= this.#bytes.length)) throw new Malformed('the pickle is cut off', { offset: at });
    this.#at = at + count;
    return at;
  }

  #byte(): number {
    return this.#bytes[this.#skip(1)] as number;
  }

  #string(size: number): string {
    const start = this.#skip(size);
    return Buffer.from(this.#bytes.buffer, this.#bytes.byteOffset + start, size).toString('utf8');
  }

  #line(): string {
    const stop = this.#bytes.indexOf(10, this.#at);
    if (stop < 0) throw new Malformed('the pickle is cut off', { offset: this.#at });
    const start = this.#skip(stop + 1 - this.#at);
    return Buffer.from(this.#bytes.buffer, this.#bytes.byteOffset + start, stop - start).toString('utf8');
  }

  #decimal(text: string): number {
    const value = toNumber(text);
    if (value === undefined) throw new Malformed(`'${text.slice(0, 40)}' is no number`, { offset: this.#at });
    return value;
  }

  // Little-endian two's complement; beyond eight bytes it is no time and no value that a double holds.
  #long(size: number): number {
    const start = this.#skip(size);
    if (size === 0) return 0;
    if (size > 8) throw new Refused('the pickle holds an integer of more than eight bytes');
    let value = 0n;
    for (let index = size - 1; index >= 0; index--) value = (value << 8n) | BigInt(this.#bytes[start + index] as number);
    return Number(BigInt.asIntN(size * 8, value));
  }
}

function unquote(text: string): string {
  const quote = text[0];
  if ((quote !== "'" && quote !== '"') || text.at(-1) !== quote || text.length < 2)
    throw new Malformed('a text of the pickle lacks its quotes');
  const escapes: Record<string, string> = { n: '\n', r: '\r', t: '\t' };
  return text.slice(1, -1).replace(/\\(x([0-9a-fA-F]{2})|.)/g, (_, one: string, hex: string | undefined) => {
    return hex === undefined ? (escapes[one] ?? one) : String.fromCharCode(Number.parseInt(hex, 16));
  });
}
