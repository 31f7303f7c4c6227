/**
 * Names of series as a tree of their nodes, and Graphite's globs over it: `*`, `?`, `[a-z]`, `[!x]`, `{a,b}` (nested), node by node. A pattern
 * costs as many steps as the nodes that it touches, not as there are series; literal nodes are looked up. Results are in order of name.
 */

import { Malformed } from '../base/faults.js';

/** A match: a full path, and whether it is a series, a branch, or both. */
export interface NameMatch {
  readonly path: string;
  readonly leaf: boolean;
  readonly branch: boolean;
}

interface Node {
  children: Map<string, Node> | undefined;
  /** Whether the children stand in order of name; they are put in order when a glob first looks at them. */
  inOrder: boolean;
  leaf: boolean;
}

const alternativesMax = 1000;

export class NameTree {
  #root: Node = { children: undefined, inOrder: true, leaf: false };
  #count = 0;

  /** Number of leaves. */
  get count(): number {
    return this.#count;
  }

  /** Adds a name (its dots part the nodes); adding it again changes nothing. */
  add(name: string): void {
    let node = this.#root;
    for (const part of name.split('.')) {
      node.children ??= new Map();
      let child = node.children.get(part);
      if (child === undefined) {
        child = { children: undefined, inOrder: true, leaf: false };
        node.children.set(part, child);
        node.inOrder = node.children.size === 1;
      }
      node = child;
    }
    if (!node.leaf) this.#count++;
    node.leaf = true;
  }

  clear(): void {
    this.#root = { children: undefined, inOrder: true, leaf: false };
    this.#count = 0;
  }

  has(name: string): boolean {
    let node: Node | undefined = this.#root;
    for (const part of name.split('.')) {
      node = node.children?.get(part);
      if (node === undefined) return false;
    }
    return node.leaf;
  }

  /** What a glob finds, in order of name; at most `countMax` matches. */
  find(pattern: string, countMax = Number.POSITIVE_INFINITY): NameMatch[] {
    let paths: string[] = [''];
    let nodes: Node[] = [this.#root];
    const parts = splitPattern(pattern);
    for (const [depth, part] of parts.entries()) {
      const nextPaths: string[] = [];
      const nextNodes: Node[] = [];
      const match = isGlob(part) ? globMatcher(part) : undefined;
      const most = depth === parts.length - 1 ? countMax : Number.POSITIVE_INFINITY;
      for (let at = 0; at < nodes.length && nextNodes.length < most; at++) {
        const node = nodes[at] as Node;
        if (node.children === undefined) continue;
        const prefix = depth === 0 ? '' : `${paths[at]}.`;
        if (match === undefined) {
          const child = node.children.get(part);
          if (child === undefined) continue;
          nextPaths.push(prefix + part);
          nextNodes.push(child);
          continue;
        }
        for (const [name, child] of ordered(node, orderedMax)) {
          if (!match(name)) continue;
          nextPaths.push(prefix + name);
          nextNodes.push(child);
          if (nextNodes.length >= most) break;
        }
      }
      paths = nextPaths;
      nodes = nextNodes;
    }
    const found = nodes.map((node, at): NameMatch => ({ path: paths[at] as string, leaf: node.leaf, branch: node.children !== undefined }));
    return isSorted(paths) ? found : found.sort((left, right) => (left.path < right.path ? -1 : left.path > right.path ? 1 : 0));
  }

  /** Every name of a leaf, in order. */
  *names(): IterableIterator<string> {
    const walk = function* (node: Node, path: string): IterableIterator<string> {
      if (node.leaf) yield path;
      for (const [name, child] of ordered(node)) yield* walk(child, path === '' ? name : `${path}.${name}`);
    };
    yield* walk(this.#root, '');
  }
}

const none: ReadonlyMap<string, Node> = new Map();
const orderedMax = 20_000;

function ordered(node: Node, sizeMax = Number.POSITIVE_INFINITY): ReadonlyMap<string, Node> {
  // New names in a wide node would have it put in order again and again: its matches are, at the end.
  if (!node.inOrder && node.children !== undefined && node.children.size <= sizeMax) {
    node.children = new Map([...node.children].sort(([left], [right]) => (left < right ? -1 : 1)));
    node.inOrder = true;
  }
  return node.children ?? none;
}

function isSorted(texts: readonly string[]): boolean {
  for (let at = 1; at < texts.length; at++) if ((texts[at - 1] as string) > (texts[at] as string)) return false;
  return true;
}

/** Whether a node of a pattern is more than a name. */
export function isGlob(part: string): boolean {
  return /[*?[{]/.test(part);
}

// Dots within braces part nothing.
function splitPattern(pattern: string): string[] {
  const parts: string[] = [];
  let depth = 0;
  let start = 0;
  for (let at = 0; at < pattern.length; at++) {
    const character = pattern[at];
    if (character === '{') depth++;
    else if (character === '}') depth--;
    else if (character === '.' && depth <= 0) {
      parts.push(pattern.slice(start, at));
      start = at + 1;
    }
  }
  parts.push(pattern.slice(start));
  return parts;
}

/** A function that tells whether a node's name matches a glob. Braces are written out, then each alternative is a regular expression. */
export function globMatcher(glob: string): (name: string) => boolean {
  const alternatives = expandBraces(glob);
  const plain = new Set(alternatives.filter((one) => !isGlob(one)));
  const patterns = alternatives.filter(isGlob).map(compileGlob);
  const [only] = patterns;
  if (only !== undefined && alternatives.length === 1) return only;
  return (name) => plain.has(name) || patterns.some((pattern) => pattern(name));
}

/** `a{b,c{d,e}}` -> `ab`, `acd`, `ace`. */
export function expandBraces(glob: string): string[] {
  const open = glob.indexOf('{');
  if (open < 0) return [glob];
  let depth = 0;
  const cuts = [open];
  for (let at = open; at < glob.length; at++) {
    if (glob[at] === '{') depth++;
    else if (glob[at] === '}' && --depth === 0) {
      cuts.push(at);
      const head = glob.slice(0, open);
      const tails = expandBraces(glob.slice(at + 1));
      const middles = cuts.slice(1).flatMap((cut, index) => expandBraces(glob.slice((cuts[index] as number) + 1, cut)));
      if (middles.length * tails.length > alternativesMax) throw new Malformed(`the pattern has more than ${alternativesMax} alternatives`);
      return middles.flatMap((middle) => tails.map((tail) => head + middle + tail));
    } else if (glob[at] === ',' && depth === 1) cuts.push(at);
  }
  throw new Malformed(`'${glob.slice(0, 80)}': a brace is not closed (expected '}')`);
}

// Matches by hand, star by star: linear in the name for each star, so that no pattern from outside can stall.
function compileGlob(glob: string): (name: string) => boolean {
  const simple = /^([^*?[]*)\*([^*?[]*)$/.exec(glob);
  if (simple !== null) {
    const [head, tail] = [simple[1] as string, simple[2] as string];
    const size = head.length + tail.length;
    return (name) => name.length >= size && name.startsWith(head) && name.endsWith(tail);
  }
  const pieces = tokens(glob);
  return (name) => {
    let piece = 0;
    let at = 0;
    let starPiece = -1;
    let starAt = 0;
    while (at < name.length) {
      const token = pieces[piece];
      if (typeof token === 'string') {
        starPiece = piece++;
        starAt = at;
      } else if (token?.(name.charCodeAt(at))) {
        piece++;
        at++;
      } else if (starPiece >= 0) {
        piece = starPiece + 1;
        at = ++starAt;
      } else return false;
    }
    while (pieces[piece] === '*') piece++;
    return piece === pieces.length;
  };
}

function tokens(glob: string): ('*' | ((code: number) => boolean))[] {
  const list: ('*' | ((code: number) => boolean))[] = [];
  for (let at = 0; at < glob.length; at++) {
    const character = glob[at];
    const close = character === '[' ? glob.indexOf(']', at + 2) : -1;
    if (character === '*') {
      if (list.length === 0 || typeof list[list.length - 1] !== 'string') list.push('*');
    } else if (character === '?') list.push(() => true);
    else if (close > 0) {
      list.push(characterClass(glob.slice(at + 1, close)));
      at = close;
    } else {
      const wanted = glob.charCodeAt(at);
      list.push((code) => code === wanted);
    }
  }
  return list;
}

function characterClass(text: string): (code: number) => boolean {
  const negated = text.startsWith('!') || text.startsWith('^');
  const ranges: [number, number][] = [];
  for (let at = negated ? 1 : 0; at < text.length; at++) {
    const first = text.charCodeAt(at);
    if (text[at + 1] === '-' && at + 2 < text.length) {
      ranges.push([first, text.charCodeAt(at + 2)]);
      at += 2;
    } else ranges.push([first, first]);
  }
  return (code) => ranges.some(([low, high]) => code >= low && code <= high) !== negated;
}
