/**
 * The keys that a hit counts under: `url, keyword, host, status, agent` and more, alone or combined with `+` (`url+status`, whose key
 * is the parts with a tab between). Keys are byte strings of bounded length: a longer one keeps its beginning and the hash of the whole.
 */

import { createHash } from 'node:crypto';
import { Usage } from '../base/faults.js';
import type { Hit } from '../base/hit.js';
import { defaultKeywordParameters, keywordOf, pathOf } from '../collect/keyword.js';

/** Fields that a top list may be made by, in the kernel's numbering. */
export const keyFields = ['url', 'keyword', 'host', 'status', 'agent', 'referer', 'vhost', 'user', 'method'] as const;
export type KeyField = (typeof keyFields)[number];

/** A list to be made: one field, or several combined. */
export interface KeySpec {
  /** As printed under `by`: `url`, `url+status`. */
  readonly name: string;
  readonly fields: readonly KeyField[];
  /** The number of its keys is asked for, beyond the bound of memory too. */
  readonly distinct?: boolean;
}

export interface KeyOptions {
  readonly withQuery: boolean;
  readonly keywordParameters: readonly string[];
  /** Whether a search engine's referer gives a keyword. */
  readonly engines: boolean;
}

export const defaultKeyOptions: KeyOptions = { withQuery: false, keywordParameters: defaultKeywordParameters, engines: true };

/** Longest key in bytes that is held as it is. */
export const keySizeMax = 4096;

/** Parses `url,keyword,url+status`. Throws Usage for an unknown field. */
export function parseKeySpecs(text: string): KeySpec[] {
  const specs = text.split(',').map((name) => {
    const fields = name.trim().split('+');
    for (const field of fields) {
      if (!(keyFields as readonly string[]).includes(field)) {
        throw new Usage(`--by '${field}': expected ${keyFields.join(', ')}, or several combined with + (url+status)`);
      }
    }
    return { name: fields.join('+'), fields: fields as KeyField[] };
  });
  return specs.filter((spec, index) => specs.findIndex((other) => other.name === spec.name) === index);
}

/** The key of a hit under a list; empty when the hit lacks a field of it. */
export function keyOf(hit: Hit, spec: KeySpec, options: KeyOptions): string {
  const first = spec.fields[0];
  if (spec.fields.length === 1 && first !== undefined) return boundKey(partOf(hit, first, options));
  // Who names no agent is a visitor nevertheless.
  const parts = spec.fields.map((field) => partOf(hit, field, options) || (field === 'agent' ? '-' : ''));
  return parts.includes('') ? '' : boundKey(parts.join('\t'));
}

function partOf(hit: Hit, field: KeyField, options: KeyOptions): string {
  switch (field) {
    case 'url':
      return pathOf(hit.target, options.withQuery);
    case 'keyword':
      return hit.keyword !== '' ? hit.keyword : keywordOf(hit.target, hit.referer, options.keywordParameters, options.engines);
    case 'status':
      return hit.status === 0 ? '' : String(hit.status).padStart(3, '0');
    default:
      return hit[field];
  }
}

/** Cuts a key to its bound; the hash keeps keys apart that begin alike. */
export function boundKey(key: string): string {
  if (key.length <= keySizeMax) return key;
  return `${key.slice(0, keySizeMax - 72)}...${createHash('sha256').update(key, 'latin1').digest('hex')}`;
}
