/**
 * The words of nfdump's filter language: what stands for what column, and how a text is cut into words.
 *
 * A primitive is a noun with words of direction before it, `src port`, `out if`, `next ip`, `ingress vrf`. The table below says for each noun and
 * direction which columns are meant; several columns: any of them may match. Words of nfdump for what no flow record here holds are known all
 * the same, so that an error says so. Source: nfdump(1), section FILTER, and what nfdump 1.7.1 does.
 */

import { Malformed } from '../base/faults.js';

/** Words that say which of several columns a noun means. */
export type Direction =
  | ''
  | 'src'
  | 'dst'
  | 'in'
  | 'out'
  | 'prev'
  | 'next'
  | 'bgpnext'
  | 'router'
  | 'ingress'
  | 'egress'
  | 'client'
  | 'server'
  | 'app';

/** Figures made of columns, which no column holds. */
export const figureNames = ['duration', 'bps', 'pps', 'bpp', 'icmpType', 'icmpCode', 'flowsOf', 'record'] as const;
export type FigureName = (typeof figureNames)[number];

export interface Noun {
  readonly kind: 'number' | 'address' | 'network' | 'mac';
  readonly columns: Readonly<Partial<Record<Direction, readonly string[]>>>;
  /** Largest number that makes sense. */
  readonly most: number;
}

const most8 = 255;
const most16 = 65535;
const most32 = 4294967295;
const most53 = Number.MAX_SAFE_INTEGER;

const number = (most: number, columns: Noun['columns']): Noun => ({ kind: 'number', columns, most });
const sides = (src: string, dst: string): Noun['columns'] => ({ '': [src, dst], src: [src], dst: [dst] });
const ways = (into: string, out: string): Noun['columns'] => ({ '': [into], in: [into], out: [out] });
const ip: Noun = {
  kind: 'address',
  columns: { ...sides('src', 'dst'), next: ['nextHop'], bgpnext: ['bgpNextHop'], router: ['exporter'] },
  most: 128,
};
const translated: Noun = { kind: 'address', columns: sides('natSrc', 'natDst'), most: 128 };
const translatedPort = number(most16, sides('natSport', 'natDport'));
const packets = number(most53, ways('packets', 'packetsRev'));
const bytes = number(most53, ways('bytes', 'bytesRev'));
const flows = number(most53, { '': ['flowsOf'] });

/** Nouns by their names. */
export const nouns: Readonly<Record<string, Noun>> = {
  ip,
  host: ip,
  net: { kind: 'network', columns: sides('src', 'dst'), most: 128 },
  port: number(most16, sides('sport', 'dport')),
  as: number(most32, { ...sides('srcAs', 'dstAs'), prev: ['prevAs'], next: ['nextAs'] }),
  if: number(most32, { '': ['inIf', 'outIf'], in: ['inIf'], out: ['outIf'] }),
  mask: number(most8, sides('srcMask', 'dstMask')),
  vlan: number(most16, sides('vlan', 'dstVlan')),
  tos: number(most8, { '': ['tos'], src: ['tos'], dst: ['dstTos'] }),
  packets,
  bytes,
  flows,
  flow: flows,
  duration: number(most53, { '': ['duration'] }),
  pps: number(most53, { '': ['pps'] }),
  bps: number(most53, { '': ['bps'] }),
  bpp: number(most53, { '': ['bpp'] }),
  'icmp-type': number(most8, { '': ['icmpType'] }),
  'icmp-code': number(most8, { '': ['icmpCode'] }),
  count: number(most53, { '': ['record'] }),
  flowdir: number(most8, { '': ['direction'] }),
  fwdstat: number(most8, { '': ['forwarding'] }),
  'engine-type': number(most8, { '': ['engineType'] }),
  'engine-id': number(most8, { '': ['engineId'] }),
  sysid: number(most16, { '': ['exporterId'] }),
  latency: number(most53, { client: ['clientLatency'], server: ['serverLatency'], app: ['appLatency'] }),
  mac: {
    kind: 'mac',
    columns: {
      '': ['inSrcMac', 'outDstMac', 'inDstMac', 'outSrcMac'],
      src: ['inSrcMac', 'outSrcMac'],
      dst: ['inDstMac', 'outDstMac'],
      in: ['inSrcMac', 'inDstMac'],
      out: ['outSrcMac', 'outDstMac'],
    },
    most: 0,
  },
  tunip: { kind: 'address', columns: sides('tunSrc', 'tunDst'), most: 128 },
  xip: translated,
  nip: translated,
  xnet: { ...translated, kind: 'network' },
  xport: translatedPort,
  nport: translatedPort,
  acl: number(most32, { ingress: ['ingressAcl'], egress: ['egressAcl'] }),
  ace: number(most32, { ingress: ['ingressAce'], egress: ['egressAce'] }),
  xace: number(most32, { ingress: ['ingressXace'], egress: ['egressXace'] }),
  vrf: number(most32, { ingress: ['ingressVrf'], egress: ['egressVrf'] }),
};

/** Words that begin primitives of nfdump whose fields no flow record here holds. */
export const foreignWords: ReadonlySet<string> = new Set(['ident', 'geo', 'payload', 'nbar', 'ja3']);

/** What NSEL and NAT events are called. */
export const eventNames: Readonly<Record<'asa' | 'nat', Readonly<Record<string, number>>>> = {
  asa: { ignore: 0, create: 1, term: 2, delete: 2, deny: 3 },
  nat: { ignore: 0, add: 1, create: 1, delete: 2 },
};
/** Reasons of `asa event denied`, values of the extended event. */
export const denialNames: Readonly<Record<string, number>> = { ingress: 1001, egress: 1002, interface: 1003, nosyn: 1004 };

/** Columns of a NAT port block, `pblock start > 1024`. */
export const blockColumns: Readonly<Record<string, string>> = {
  start: 'blockStart',
  end: 'blockEnd',
  step: 'blockStep',
  size: 'blockSize',
};

/** Names of values, by noun. */
export const valueNames: Readonly<Record<string, Readonly<Record<string, number>>>> = { flowdir: { ingress: 0, egress: 1 } };

/** A word of a filter: in small letters, with its place. */
export interface Token {
  readonly text: string;
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

/** Gives the text of a file that a filter includes. */
export type Include = (path: string) => string;

/** Longest filter with all that it includes, in characters. */
const lengthMax = 64 << 20;
const includesMax = 64;
const word = /[()[\]!,]|[<>=]=?|&&|\|\||@include|"[^"\n]*"|'[^'\n]*'|[^\s()[\]!,<>=&|#"']+|\S/y;

/** The words of a filter one after the other; the last has an empty text. `#` begins a comment to the end of its line. */
export function* filterTokens(
  text: string,
  include: Include | undefined,
  file = 'filter',
  budget = { left: lengthMax, files: includesMax },
): Generator<Token> {
  budget.left -= text.length;
  if (budget.left < 0) throw new Malformed(`a filter of more than ${lengthMax} characters`, { file, line: 1, column: 1 });
  let line = 1;
  let lineStart = 0;
  const matcher = new RegExp(word);
  for (let at = 0; at < text.length; ) {
    const code = text.charCodeAt(at);
    if (code === 0x0a) {
      line++;
      lineStart = at + 1;
      at++;
    } else if (code === 0x23) {
      const end = text.indexOf('\n', at);
      at = end < 0 ? text.length : end;
    } else if (code === 0x20 || (code >= 9 && code <= 13)) at++;
    else {
      matcher.lastIndex = at;
      const found = matcher.exec(text)?.[0] ?? text.charAt(at);
      at += found.length;
      const token = { text: found.toLowerCase(), file, line, column: at - found.length - lineStart + 1 };
      if (token.text !== '@include') yield token;
      else at = yield* included(text, at, token, include, budget);
    }
  }
  if (file === 'filter') yield { text: '', file, line, column: text.length - lineStart + 1 };
}

// `@include PATH`, in quotes where the path has blanks: the words of that file; answers where the path ends.
function* included(
  text: string,
  at: number,
  token: Token,
  include: Include | undefined,
  budget: { left: number; files: number },
): Generator<Token, number> {
  const path = /^[ \t]*(?:"([^"\n]+)"|'([^'\n]+)'|([^\s)]+))/.exec(text.slice(at, at + 4096));
  const place = { file: token.file, line: token.line, column: token.column };
  if (path === null) throw new Malformed("'@include' (expected a file behind it)", place);
  if (include === undefined) throw new Malformed("'@include' (expected no files to be named here)", place);
  if (--budget.files < 0) throw new Malformed(`'@include' (expected at most ${includesMax})`, place);
  const name = path[1] ?? path[2] ?? path[3] ?? '';
  let inner: string;
  try {
    inner = include(name);
  } catch (error) {
    throw new Malformed(`'@include ${name}' cannot be read`, place, error);
  }
  yield* filterTokens(inner, include, name, budget);
  return at + path[0].length;
}
