/**
 * nfdump's filter language to a tree: `proto tcp and (src net 10.0.0.0/8 or dst port in [80 443]) and not flags S`.
 * Words are case-insensitive; `#` begins a comment to the end of its line. A fault names line and column. Source: nfdump(1), section FILTER.
 */

import { parseAddress } from '../base/address.js';
import { Malformed } from '../base/faults.js';
import { protocolNumber } from './protocol-names.js';

export type Side = 'src' | 'dst' | 'any' | 'both';
export type Comparator = '=' | '<' | '>' | '<=' | '>=';
export type NumberField = 'packets' | 'bytes' | 'flows' | 'duration' | 'bps' | 'pps' | 'bpp' | 'tos' | 'vlan' | 'icmp-type' | 'icmp-code';

/** One network: 16 bytes (IPv4 mapped) and how many leading bits count. */
export interface Network {
  readonly bytes: Uint8Array;
  readonly bits: number;
}

export type FilterNode =
  | { readonly is: 'all' }
  | { readonly is: 'and' | 'or'; readonly left: FilterNode; readonly right: FilterNode }
  | { readonly is: 'not'; readonly of: FilterNode }
  | { readonly is: 'family'; readonly family: 4 | 6 }
  | { readonly is: 'proto'; readonly numbers: readonly number[] }
  | { readonly is: 'address'; readonly side: Side | 'next' | 'exporter'; readonly networks: readonly Network[] }
  | { readonly is: 'port' | 'as' | 'interface'; readonly side: Side; readonly comparator: Comparator; readonly values: readonly number[] }
  | { readonly is: 'flags'; readonly mask: number; readonly exact: boolean }
  | { readonly is: 'number'; readonly field: NumberField; readonly comparator: Comparator; readonly value: number };

/** Longest filter, in characters, and deepest nesting. */
const lengthMax = 65536;
const depthMax = 200;

interface Token {
  readonly text: string;
  readonly line: number;
  readonly column: number;
}

/** Parses a filter; throws Malformed with line and column. The empty filter passes everything. */
export function parseFilter(text: string): FilterNode {
  if (text.length > lengthMax)
    throw new Malformed(`a filter of ${text.length} characters (at most ${lengthMax})`, { file: 'filter', line: 1, column: 1 });
  return new Parser(tokens(text)).whole();
}

function tokens(text: string): Token[] {
  const found: Token[] = [];
  text.split('\n').forEach((line, index) => {
    const code = line.replace(/#.*/, '');
    for (const match of code.matchAll(/[()[\]!,]|[<>=]=?|&&|\|\||[^\s()[\]!,<>=&|]+|\S/g))
      found.push({ text: match[0].toLowerCase(), line: index + 1, column: match.index + 1 });
  });
  const lines = text.split('\n');
  found.push({ text: '', line: lines.length, column: (lines.at(-1)?.length ?? 0) + 1 });
  return found;
}

const comparators: Readonly<Record<string, Comparator>> = {
  '=': '=',
  '==': '=',
  eq: '=',
  '>': '>',
  gt: '>',
  '<': '<',
  lt: '<',
  '<=': '<=',
  le: '<=',
  '>=': '>=',
  ge: '>=',
};
const numberFields: Readonly<Record<string, NumberField>> = {
  packets: 'packets',
  bytes: 'bytes',
  flows: 'flows',
  duration: 'duration',
  bps: 'bps',
  pps: 'pps',
  bpp: 'bpp',
  tos: 'tos',
  vlan: 'vlan',
  'icmp-type': 'icmp-type',
  'icmp-code': 'icmp-code',
};
const flagLetters: Readonly<Record<string, number>> = { f: 1, s: 2, r: 4, p: 8, a: 16, u: 32, e: 64, c: 128, x: 63 };
const units: Readonly<Record<string, number>> = { '': 1, k: 1e3, m: 1e6, g: 1e9, t: 1e12 };

class Parser {
  readonly #tokens: readonly Token[];
  #at = 0;
  #depth = 0;

  constructor(list: readonly Token[]) {
    this.#tokens = list;
  }

  whole(): FilterNode {
    if (this.#peek() === '') return { is: 'all' };
    const node = this.#or();
    if (this.#peek() !== '') this.#fail('and, or, or the end');
    return node;
  }

  #peek(): string {
    return this.#tokens[this.#at]?.text ?? '';
  }

  #next(): string {
    const text = this.#peek();
    this.#at++;
    return text;
  }

  #take(...words: string[]): boolean {
    if (!words.includes(this.#peek())) return false;
    this.#at++;
    return true;
  }

  #fail(expected: string): never {
    const token = this.#tokens[Math.min(this.#at, this.#tokens.length - 1)] as Token;
    const found = token.text === '' ? 'the filter ends' : `'${token.text}'`;
    throw new Malformed(`${found} (expected ${expected})`, { file: 'filter', line: token.line, column: token.column });
  }

  #or(): FilterNode {
    let left = this.#and();
    while (this.#take('or', '||')) left = { is: 'or', left, right: this.#and() };
    return left;
  }

  #and(): FilterNode {
    let left = this.#not();
    while (this.#take('and', '&&')) left = { is: 'and', left, right: this.#not() };
    return left;
  }

  #not(): FilterNode {
    if (++this.#depth > depthMax) this.#fail(`at most ${depthMax} levels`);
    try {
      if (this.#take('not', '!')) return { is: 'not', of: this.#not() };
      if (this.#take('(')) {
        const inner = this.#or();
        if (!this.#take(')')) this.#fail("')'");
        return inner;
      }
      return this.#primitive();
    } finally {
      this.#depth--;
    }
  }

  #primitive(): FilterNode {
    if (this.#take('any')) return { is: 'all' };
    if (this.#take('inet', 'ipv4')) return { is: 'family', family: 4 };
    if (this.#take('inet6', 'ipv6')) return { is: 'family', family: 6 };
    if (this.#take('proto')) return { is: 'proto', numbers: this.#list(() => this.#protocol()) };
    if (this.#take('flags')) return this.#flags();
    if (this.#take('next')) return this.#addressOf('next');
    if (this.#take('router', 'exporter')) return this.#addressOf('exporter');
    const field = numberFields[this.#peek()];
    if (field !== undefined) {
      this.#at++;
      return { is: 'number', field, comparator: this.#comparator(), value: this.#number() };
    }
    if (this.#peek() === 'icmp' || this.#peek() === 'tcp' || this.#peek() === 'udp') return { is: 'proto', numbers: [this.#protocol()] };
    return this.#sided(this.#side());
  }

  #side(): Side {
    const first = this.#peek();
    if (!this.#take('src', 'dst', 'in', 'out')) return 'any';
    const side: Side = first === 'src' || first === 'in' ? 'src' : 'dst';
    const joined = this.#peek();
    if ((joined === 'or' || joined === 'and') && ['src', 'dst'].includes(this.#tokens[this.#at + 1]?.text ?? '')) {
      this.#at += 2;
      return joined === 'or' ? 'any' : 'both';
    }
    if ((first === 'in' || first === 'out') && this.#peek() !== 'if') this.#fail("'if'");
    return side;
  }

  #sided(side: Side): FilterNode {
    if (this.#take('ip', 'host')) return { is: 'address', side, networks: this.#list(() => this.#network(true)) };
    if (this.#take('net')) return { is: 'address', side, networks: this.#list(() => this.#network(false)) };
    if (this.#take('port')) return this.#compared('port', side, 65535);
    if (this.#take('as')) return this.#compared('as', side, 0xffffffff);
    if (this.#take('if')) return this.#compared('interface', side, 0xffffffff);
    if (this.#take('vlan')) return { is: 'number', field: 'vlan', comparator: this.#comparator(), value: this.#number() };
    return this.#fail('proto, ip, net, port, as, if, flags, packets, bytes, duration, ..., not or (');
  }

  #addressOf(side: 'next' | 'exporter'): FilterNode {
    if (!this.#take('ip', 'host')) this.#fail("'ip'");
    return { is: 'address', side, networks: this.#list(() => this.#network(true)) };
  }

  #compared(is: 'port' | 'as' | 'interface', side: Side, most: number): FilterNode {
    const comparator = this.#comparator();
    const values = this.#list(() => {
      const value = this.#number();
      if (value > most) {
        this.#at--;
        this.#fail(`a number to ${most}`);
      }
      return value;
    });
    return { is, side, comparator, values };
  }

  #comparator(): Comparator {
    const found = comparators[this.#peek()];
    if (found === undefined) return '=';
    this.#at++;
    return found;
  }

  /** `in [ a b, c ]`, or one value. */
  #list<T>(one: () => T): T[] {
    if (!this.#take('in')) return [one()];
    if (!this.#take('[')) this.#fail("'['");
    const values = [one()];
    for (;;) {
      this.#take(',');
      if (this.#take(']')) return values;
      values.push(one());
    }
  }

  #number(): number {
    const match = /^(0x[0-9a-f]{1,13}|\d{1,16})([kmgt]?)$/.exec(this.#peek());
    if (match === null) this.#fail('a number, with k, m or g behind it if need be');
    this.#at++;
    return Number(match?.[1]) * (units[match?.[2] ?? ''] ?? 1);
  }

  #protocol(): number {
    const text = this.#peek();
    const number = /^\d{1,3}$/.test(text) ? Number(text) : protocolNumber(text);
    if (number === undefined || number > 255) this.#fail('a protocol: a number to 255 or a name as tcp, udp, icmp, icmp6, gre');
    this.#at++;
    return number as number;
  }

  #flags(): FilterNode {
    const comparator = comparators[this.#peek()];
    if (comparator === '=') this.#at++;
    const text = this.#next();
    if (/^\d{1,3}$/.test(text) && Number(text) < 256) return { is: 'flags', mask: Number(text), exact: comparator === '=' };
    let mask = 0;
    for (const letter of text) mask |= flagLetters[letter] ?? 256;
    if (text === '' || mask > 255) {
      this.#at--;
      this.#fail('flags: letters of UAPRSFECX, or a number to 255');
    }
    return { is: 'flags', mask, exact: text === 'x' };
  }

  #network(whole: boolean): Network {
    const [address = '', bitsText] = this.#peek().split('/');
    const bytes = new Uint8Array(16);
    let dotted = address;
    let bits = bitsText === undefined ? undefined : /^\d{1,3}$/.test(bitsText) ? Number(bitsText) : Number.NaN;
    // Abbreviated networks as 10.1/16 have their missing bytes zero.
    if (!whole && /^\d{1,3}(\.\d{1,3}){0,2}\.?$/.test(address)) {
      const parts = address.replace(/\.$/, '').split('.');
      bits ??= parts.length * 8;
      dotted = [...parts, ...Array<string>(4 - parts.length).fill('0')].join('.');
    }
    const family = parseAddress(dotted, bytes);
    if (family === 0) this.#fail(whole ? 'an IP address' : 'a network as 10.0.0.0/8');
    const most = family === 4 ? 32 : 128;
    if (bits !== undefined && !(bits <= most)) this.#fail(`a prefix length from 0 to ${most}`);
    this.#at++;
    if (bits === undefined && !whole && family === 4 && /^\d+\.\d+\.\d+\.\d+$/.test(this.#peek())) bits = this.#netmask();
    return { bytes, bits: (bits ?? most) + (family === 4 ? 96 : 0) };
  }

  /** `255.255.0.0` behind an address. */
  #netmask(): number {
    const mask = new Uint8Array(16);
    if (parseAddress(this.#peek(), mask) !== 4) this.#fail('a netmask as 255.255.0.0');
    const ones = [...mask.subarray(12)].map((byte) => byte.toString(2).padStart(8, '0')).join('');
    if (!/^1*0*$/.test(ones)) this.#fail('a netmask of leading ones');
    this.#at++;
    return ones.replace(/0/g, '').length;
  }
}
