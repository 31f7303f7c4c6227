/**
 * nfdump's filter language to a tree: `proto tcp and (src net 10.0.0.0/8 or dst port in [80 443]) and not flags S`.
 * Words are case-insensitive; a fault names line and column and says what was expected. `and` binds closer than `or`, `not` closest.
 *
 * As nfdump has it: flags are asked of TCP alone; letters mean that all of them are set, and behind an odd number of `not` that any is
 * (`flags S and not flags AFRPU`: SYN alone); a number means just those. Source: nfdump(1), section FILTER, and what nfdump 1.7.1 does.
 */

import { Malformed } from '../base/faults.js';
import { isDotted, macOf, maskBits, type Network, networkOf } from './filter-values.js';
import {
  blockColumns,
  type Direction,
  denialNames,
  eventNames,
  filterTokens,
  foreignWords,
  type Include,
  type Noun,
  nouns,
  type Token,
  valueNames,
} from './filter-words.js';
import { protocolNumber } from './protocol-names.js';

export type Comparator = '=' | '<' | '>' | '<=' | '>=';

/** Columns of which any, or with `every` all, have to match. */
interface Columns {
  readonly columns: readonly string[];
  readonly every: boolean;
}

export type FilterNode =
  | { readonly is: 'all' }
  | { readonly is: 'and' | 'or'; readonly of: readonly FilterNode[] }
  | { readonly is: 'not'; readonly of: FilterNode }
  | { readonly is: 'family'; readonly isIpv6: boolean }
  | ({ readonly is: 'address'; readonly networks: readonly Network[] } & Columns)
  | ({ readonly is: 'number'; readonly comparator: Comparator; readonly values: readonly number[] } & Columns)
  | { readonly is: 'flags'; readonly mask: number; readonly any: boolean }
  | ({ readonly is: 'block' } & Columns)
  | { readonly is: 'label'; readonly of: LabelPart; readonly comparator: Comparator; readonly value: number };

/** What of the MPLS stack: the label or the experimental bits at a place from 0, the label at the end of the stack, any label. */
export type LabelPart = { readonly part: 'label' | 'exp'; readonly place: number } | { readonly part: 'last' | 'any' };

/** Deepest nesting, and longest list. */
const depthMax = 1000;
const listMax = 1 << 20;

/** Parses a filter; throws Malformed with line and column. The empty filter passes everything. `include` reads what `@include` names. */
export function parseFilter(text: string, include?: Include): FilterNode {
  return new Parser(filterTokens(text, include)).whole();
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
const flagLetters: Readonly<Record<string, number>> = { f: 1, s: 2, r: 4, p: 8, a: 16, u: 32, e: 64, c: 128, x: 63 };
const units: Readonly<Record<string, number>> = { '': 1, k: 1e3, m: 1e6, g: 1e9, t: 1e12 };
const directions: ReadonlySet<string> = new Set([
  'src',
  'dst',
  'in',
  'out',
  'prev',
  'next',
  'bgpnext',
  'router',
  'ingress',
  'egress',
  'client',
  'server',
  'app',
]);
const tcp: FilterNode = numberNode(['proto'], '=', [6]);
const anyIcmp: FilterNode = numberNode(['proto'], '=', [1, 58]);
const anything = 'proto, ip, net, port, as, if, flags, packets, bytes, duration, ..., not or (';

class Parser {
  readonly #tokens: Generator<Token>;
  #token: Token = { text: '', file: 'filter', line: 1, column: 1 };
  #depth = 0;
  #isNegated = false;

  constructor(tokens: Generator<Token>) {
    this.#tokens = tokens;
    this.#advance();
  }

  whole(): FilterNode {
    if (this.#token.text === '') return { is: 'all' };
    const node = this.#or();
    if (this.#token.text !== '') this.#fail('and, or, or the end');
    return node;
  }

  #advance(): void {
    const next = this.#tokens.next();
    if (!next.done) this.#token = next.value;
  }

  #take(...words: string[]): boolean {
    if (!words.includes(this.#token.text)) return false;
    this.#advance();
    return true;
  }

  #fail(expected: string, { text, file, line, column } = this.#token): never {
    const found = text === '' ? 'the filter ends' : `'${text.slice(0, 60)}'`;
    throw new Malformed(`${found} (expected ${expected})`, { file, line, column });
  }

  #or(): FilterNode {
    return this.#chain('or', '||', () => this.#chain('and', '&&', () => this.#not()));
  }

  #chain(is: 'and' | 'or', sign: string, one: () => FilterNode): FilterNode {
    const of = [one()];
    while (this.#take(is, sign)) of.push(one());
    return of.length === 1 && of[0] !== undefined ? of[0] : { is, of };
  }

  #not(): FilterNode {
    if (++this.#depth > depthMax) this.#fail(`at most ${depthMax} levels`);
    try {
      if (this.#take('not', '!')) {
        this.#isNegated = !this.#isNegated;
        const of = this.#not();
        this.#isNegated = !this.#isNegated;
        return { is: 'not', of };
      }
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
    const start = this.#token;
    if (this.#take('any')) return { is: 'all' };
    if (this.#take('inet', 'ipv4')) return { is: 'family', isIpv6: false };
    if (this.#take('inet6', 'ipv6')) return { is: 'family', isIpv6: true };
    if (this.#take('proto'))
      return numberNode(
        ['proto'],
        '=',
        this.#list(() => this.#protocol()),
      );
    if (['tcp', 'udp', 'icmp'].includes(start.text)) return numberNode(['proto'], '=', [this.#protocol()]);
    if (this.#take('flags')) return this.#flags();
    if (this.#take('mpls')) return this.#mpls();
    if (this.#take('asa')) return this.#event('asa');
    if (this.#take('nat')) return this.#event('nat');
    if (this.#take('tun')) return this.#tunnel();
    if (this.#take('observation')) return this.#domain();
    if (this.#take('pblock')) return this.#block();
    if (foreignWords.has(start.text)) this.#fail('a field that flow records hold here');
    return this.#noun();
  }

  #noun(): FilterNode {
    const [before, every] = this.#directions();
    const name = this.#token.text;
    const noun = Object.hasOwn(nouns, name) ? nouns[name] : undefined;
    const columns = noun === undefined ? undefined : columnsOf(noun, before);
    if (noun === undefined || columns === undefined) this.#fail(before.length === 0 ? anything : nounsAfter(before));
    this.#advance();
    return this.#comparison(name, noun as Noun, { columns: columns as readonly string[], every });
  }

  /** `src`, `src or dst`, `src and dst`, `in src`, ... and whether all columns have to match. */
  #directions(): [Direction[], boolean] {
    const first = this.#token.text;
    // `router ip` names one column, though both words could stand alone.
    if (first === 'exporter') {
      this.#advance();
      return [['router'], false];
    }
    if (!directions.has(first)) return [[], false];
    this.#advance();
    const second = this.#token.text;
    const other = first === 'src' ? 'dst' : first === 'dst' ? 'src' : undefined;
    if (other !== undefined && (second === 'or' || second === 'and')) {
      this.#advance();
      if (!this.#take(other)) this.#fail(`'${other}'`);
      return [[], second === 'and'];
    }
    if ((first === 'in' || first === 'out') && (second === 'src' || second === 'dst')) {
      this.#advance();
      return [[first, second], false];
    }
    return [[first as Direction], false];
  }

  #comparison(name: string, noun: Noun, { columns, every }: Columns): FilterNode {
    if (noun.kind === 'address' || noun.kind === 'network')
      return { is: 'address', columns, every, networks: this.#list(() => this.#network(noun.kind === 'address')) };
    if (noun.kind === 'mac')
      return {
        ...numberNode(
          columns,
          '=',
          this.#list(() => this.#mac()),
        ),
        every,
      } as FilterNode;
    if (name === 'port' && this.#token.text === 'in') return this.#ports({ columns, every });
    const names = valueNames[name];
    const comparator = this.#comparator();
    const values = this.#list(() => this.#number(noun.most, names));
    const node = { is: 'number', columns, every, comparator, values } as const;
    return name.startsWith('icmp-') ? { is: 'and', of: [anyIcmp, node] } : node;
  }

  #comparator(): Comparator {
    const found = Object.hasOwn(comparators, this.#token.text) ? comparators[this.#token.text] : undefined;
    if (found === undefined) return '=';
    this.#advance();
    return found;
  }

  /** `in [ a b, c ]`, or one value. */
  #list<T>(one: () => T): T[] {
    return this.#take('in') ? this.#values(one) : [one()];
  }

  #values<T>(one: () => T): T[] {
    if (!this.#take('[')) this.#fail("'['");
    const values = [one()];
    for (;;) {
      this.#take(',');
      if (this.#take(']')) return values;
      if (values.length >= listMax) this.#fail(`at most ${listMax} values`);
      values.push(one());
    }
  }

  #number(most: number, names: Readonly<Record<string, number>> = {}): number {
    const { text } = this.#token;
    const named = Object.hasOwn(names, text) ? names[text] : undefined;
    const match = /^(0x[0-9a-f]{1,13}|\d{1,16})([kmgt]?)$/.exec(text);
    if (named === undefined && match === null) {
      const words = Object.keys(names);
      this.#fail(words.length > 0 ? `a number, ${words.join(', ')}` : 'a number, with k, m, g or t behind it if need be');
    }
    const value = named ?? Number(match?.[1]) * (units[match?.[2] ?? ''] ?? 1);
    if (value > most) this.#fail(`a number to ${most}`);
    this.#advance();
    return value;
  }

  #protocol(): number {
    const { text } = this.#token;
    const number = /^\d{1,3}$/.test(text) ? Number(text) : protocolNumber(text);
    if (number === undefined || number > 255) this.#fail('a protocol: a number to 255 or a name as tcp, udp, icmp, icmp6, gre');
    this.#advance();
    return number as number;
  }

  #flags(): FilterNode {
    const isCompared = Object.hasOwn(comparators, this.#token.text);
    const comparator = this.#comparator();
    const { text } = this.#token;
    if (/^(0x[0-9a-f]+|\d+)$/.test(text)) return { is: 'and', of: [tcp, numberNode(['flags'], comparator, [this.#number(255)])] };
    let mask = 0;
    for (const letter of text) mask |= (Object.hasOwn(flagLetters, letter) ? flagLetters[letter] : undefined) ?? 256;
    if (text === '' || mask > 255 || (isCompared && comparator !== '=')) this.#fail('flags: letters of UAPRSFECX, or a number to 255');
    this.#advance();
    return { is: 'and', of: [tcp, { is: 'flags', mask, any: this.#isNegated }] };
  }

  /** `in [ 80 443 ]`, or `in pblock`: in the NAT port block of the record. */
  #ports(columns: Columns): FilterNode {
    this.#advance();
    if (this.#take('pblock')) return { is: 'block', ...columns };
    return { is: 'number', ...columns, comparator: '=', values: this.#values(() => this.#number(65535)) };
  }

  /** `mpls label3 > 100`, `mpls exp1 5`, `mpls eos 7`, `mpls any 8`. */
  #mpls(): FilterNode {
    const { text } = this.#token;
    const match = /^(label|exp)(10|[1-9])$/.exec(text);
    if (match === null && text !== 'eos' && text !== 'any') this.#fail('label1 to label10, exp1 to exp10, eos or any');
    this.#advance();
    const part = match?.[1];
    const of = part === undefined ? { part: text === 'eos' ? 'last' : 'any' } : { part, place: Number(match?.[2]) - 1 };
    return { is: 'label', of: of as LabelPart, comparator: this.#comparator(), value: this.#number(part === 'exp' ? 7 : 1048575) };
  }

  /** `asa event create`, `asa event denied nosyn`, `asa xevent > 5`, `nat event add`. */
  #event(kind: 'asa' | 'nat'): FilterNode {
    if (kind === 'asa' && this.#take('xevent')) return numberNode(['xevent'], this.#comparator(), [this.#number(65535)]);
    if (!this.#take('event')) this.#fail(kind === 'asa' ? "'event' or 'xevent'" : "'event'");
    if (kind === 'asa' && this.#take('denied')) {
      const reason = numberNode(['xevent'], '=', [this.#number(65535, denialNames)]);
      return { is: 'and', of: [numberNode(['event'], '=', [3]), reason] };
    }
    return numberNode(['event'], this.#comparator(), [this.#number(255, eventNames[kind])]);
  }

  #tunnel(): FilterNode {
    if (!this.#take('proto')) this.#fail("'proto'");
    return numberNode(
      ['tunProto'],
      '=',
      this.#list(() => this.#protocol()),
    );
  }

  /** `observation domain id 5`; the point's is not held. */
  #domain(): FilterNode {
    if (!this.#take('domain')) this.#fail("'domain'");
    if (!this.#take('id')) this.#fail("'id'");
    return numberNode(['observationDomain'], this.#comparator(), [this.#number(4294967295)]);
  }

  #block(): FilterNode {
    const { text } = this.#token;
    const column = Object.hasOwn(blockColumns, text) ? blockColumns[text] : undefined;
    if (column === undefined) this.#fail(Object.keys(blockColumns).join(', '));
    this.#advance();
    return numberNode([column as string], this.#comparator(), [this.#number(65535)]);
  }

  #mac(): number {
    const mac = macOf(this.#token.text) ?? this.#fail('a MAC address as 00:1b:2c:3d:4e:5f');
    this.#advance();
    return mac;
  }

  #network(whole: boolean): Network {
    const network = networkOf(this.#token.text, whole);
    if (typeof network === 'string') return this.#fail(network);
    this.#advance();
    // `net 10.0.0.0 255.0.0.0`
    const mayFollow = !whole && network.bits === 128 && isDotted(this.#token.text);
    if (!mayFollow) return network;
    const bits = maskBits(this.#token.text) ?? this.#fail('a netmask of leading ones as 255.255.0.0');
    this.#advance();
    return { ...network, bits: 96 + bits };
  }
}

function numberNode(columns: readonly string[], comparator: Comparator, values: readonly number[]): FilterNode {
  return { is: 'number', columns, every: false, comparator, values };
}

/** The columns of a noun behind words of direction; `in src` are those that both have. */
function columnsOf(noun: Noun, [first = '', second]: readonly Direction[]): readonly string[] | undefined {
  const columns = noun.columns[first];
  if (second === undefined) return columns;
  if (noun.kind !== 'mac') return undefined;
  const others = noun.columns[second];
  return columns?.filter((column) => others?.includes(column));
}

function nounsAfter(before: readonly Direction[]): string {
  const names = Object.keys(nouns).filter((name) => columnsOf(nouns[name] as Noun, before) !== undefined);
  return `${names.join(', ')} behind '${before.join(' ')}'`;
}
