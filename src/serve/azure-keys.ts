/**
 * Who may use the tables. With accounts configured, a request is signed with one of their keys (SharedKey, SharedKeyLite), or carries a shared access signature of an account or of a table, which narrows
 * what it may do. Without any, whoever reaches the listener over loopback may, as long as no tokens are set; with tokens, those count. Signatures are compared in constant time.
 *
 * Source: "Authorize with Shared Key", "Create a service SAS", "Create an account SAS" (learn.microsoft.com).
 */

import { createHmac, timingSafeEqual } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { Malformed } from '../base/faults.js';
import { AzureFault } from './azure-answers.js';
import type { Policy } from './azure-policies.js';
import type { Configuration } from './configuration.js';
import type { WebRequest } from './route.js';

/** A letter of what a signature allows: read, add, update, delete, create a table, list tables. */
export type Permission = 'r' | 'a' | 'u' | 'd' | 'c' | 'l' | 'w';

/** What a request may do. */
export interface Grant {
  /** Throws AzureFault unless all of the permissions are given for a kind of resource. */
  readonly needs: (permissions: readonly Permission[], resource: 's' | 'c' | 'o', table?: string) => void;
  /** Whether every entity may be seen. */
  readonly coversAll: boolean;
  /** Whether an entity's keys lie in the range that the signature is for. */
  readonly covers: (partition: string, row: string) => boolean;
}

const skewMaxMs = 15 * 60_000;
const all: Grant = { needs: () => {}, coversAll: true, covers: () => true };

export class AzureKeys {
  readonly #accounts: ReadonlyMap<string, readonly Buffer[]>;

  /** Throws Malformed when a file or a variable cannot be read, or an entry is none. */
  constructor(settings: Configuration['azure'], environment: Readonly<Record<string, string | undefined>>) {
    const entries = [...settings.keys];
    if (settings.keysFile !== undefined)
      entries.push(
        ...readFileSync(settings.keysFile, 'utf8')
          .split(/\r?\n/)
          .map((line) => line.trim())
          .filter((line) => line !== '' && !line.startsWith('#')),
      );
    if (settings.keysEnvironment !== undefined) {
      const text = environment[settings.keysEnvironment]?.trim();
      if (text === undefined || text === '')
        throw new Malformed(`the environment variable ${settings.keysEnvironment} is not set (expected ACCOUNT=KEY)`);
      entries.push(...text.split(/[\s,]+/));
    }
    if (settings.keysFile !== undefined && entries.length === 0)
      throw new Malformed('the file holds no key (expected ACCOUNT=KEY a line)', { file: settings.keysFile });
    const accounts = new Map<string, Buffer[]>();
    for (const entry of entries) {
      const match = /^([a-z\d]{3,24})=([A-Za-z\d+/]{8,}={0,2})$/.exec(entry);
      if (match === null) throw new Malformed("'azure.keys' has an entry that is none (expected ACCOUNT=KEY, the key in base64)");
      accounts.set(match[1] as string, [...(accounts.get(match[1] as string) ?? []), Buffer.from(match[2] as string, 'base64')]);
    }
    this.#accounts = accounts;
  }

  /** Whether no key is configured. */
  get isOpen(): boolean {
    return this.#accounts.size === 0;
  }

  /** What a request may do. Throws AzureFault when it may nothing. */
  grant(
    { message, path, parameters }: Pick<WebRequest, 'message' | 'path' | 'parameters'>,
    nowMs: number,
    policiesOf: (table: string) => readonly Policy[] = () => [],
  ): Grant {
    if (this.isOpen) {
      if (!/^(::1|::ffff:127\.[\d.]+|127\.[\d.]+)$/.test(message.socket.remoteAddress ?? '')) throw new AzureFault('AuthenticationFailed');
      return all;
    }
    if (parameters.has('sig')) return this.#signature(parameters, message, nowMs, policiesOf);
    const match = /^(SharedKey|SharedKeyLite) ([a-z\d]{3,24}):([A-Za-z\d+/]+={0,2})$/.exec(message.headers.authorization ?? '');
    if (match === null) throw new AzureFault('AuthenticationFailed');
    const [, scheme, account = '', given = ''] = match;
    const date = String(message.headers['x-ms-date'] ?? message.headers.date ?? '');
    if (!(Math.abs(Date.parse(date) - nowMs) <= skewMaxMs)) throw new AzureFault('AuthenticationFailed');
    const comp = parameters.get('comp');
    const resource = `/${account}${path}${comp === null ? '' : `?comp=${comp}`}`;
    const text =
      scheme === 'SharedKeyLite'
        ? `${date}\n${resource}`
        : [message.method, message.headers['content-md5'] ?? '', message.headers['content-type'] ?? '', date, resource].join('\n');
    if (!this.#isSigned(account, text, given)) throw new AzureFault('AuthenticationFailed');
    return all;
  }

  #isSigned(account: string, text: string, given: string): boolean {
    const bytes = Buffer.from(given, 'base64');
    let found = false;
    for (const key of this.#accounts.get(account) ?? []) {
      const wanted = createHmac('sha256', key).update(text, 'utf8').digest();
      found = (bytes.length === wanted.length && timingSafeEqual(bytes, wanted)) || found;
    }
    return found;
  }

  #signature(
    parameters: URLSearchParams,
    message: WebRequest['message'],
    nowMs: number,
    policiesOf: (table: string) => readonly Policy[],
  ): Grant {
    const of = (name: string): string => parameters.get(name) ?? '';
    const table = of('tn').toLowerCase();
    const isAccount = parameters.has('ss') || parameters.has('srt');
    const version = of('sv');
    const signed = [...this.#accounts.keys()].some((account) => {
      const text = isAccount
        ? `${[account, of('sp'), of('ss'), of('srt'), of('st'), of('se'), of('sip'), of('spr'), version, ...(version >= '2020-12-06' ? [of('ses')] : [])].join('\n')}\n`
        : [
            of('sp'),
            of('st'),
            of('se'),
            `/table/${account}/${table}`,
            of('si'),
            of('sip'),
            of('spr'),
            version,
            of('spk'),
            of('srk'),
            of('epk'),
            of('erk'),
          ].join('\n');
      return this.#isSigned(account, text, of('sig'));
    });
    // A policy that is named says what the signature does not; one that is gone takes its signatures with it.
    const policy = parameters.has('si') ? policiesOf(table).find(({ id }) => id === of('si')) : undefined;
    if (!signed || (parameters.has('si') && (policy === undefined || isAccount))) throw new AzureFault('AuthenticationFailed');
    const until = Date.parse(of('se') || (policy?.expiry ?? ''));
    const start = of('st') || (policy?.start ?? '');
    const from = start === '' ? 0 : Date.parse(start);
    const allowed = of('sp') || (policy?.permission ?? '');
    if (!(nowMs < until) || !(nowMs >= from)) throw new AzureFault('AuthenticationFailed');
    if (of('spr') === 'https') throw new AzureFault('AuthorizationProtocolMismatch');
    if (parameters.has('sip') && !isInRange(message.socket.remoteAddress ?? '', of('sip')))
      throw new AzureFault('AuthorizationSourceIPMismatch');
    if (isAccount && !of('ss').includes('t')) throw new AzureFault('AuthorizationServiceMismatch');
    return {
      needs: (permissions, resource, own) => {
        if (isAccount && !of('srt').includes(resource)) throw new AzureFault('AuthorizationResourceTypeMismatch');
        if (!isAccount && (resource !== 'o' || own?.toLowerCase() !== table)) throw new AzureFault('AuthorizationFailure');
        if (!permissions.every((permission) => allowed.includes(permission))) throw new AzureFault('AuthorizationPermissionMismatch');
      },
      coversAll: isAccount,
      covers: isAccount ? () => true : rangeOf(parameters),
    };
  }
}

// Keys of a table's signature bound partition and row together; both ends belong to the range.
function rangeOf(parameters: URLSearchParams): Grant['covers'] {
  const [spk, srk, epk, erk] = ['spk', 'srk', 'epk', 'erk'].map((name) => parameters.get(name) ?? undefined);
  return (partition, row) => {
    if (spk !== undefined && (partition < spk || (partition === spk && srk !== undefined && row < srk))) return false;
    return !(epk !== undefined && (partition > epk || (partition === epk && erk !== undefined && row > erk)));
  };
}

function isInRange(address: string, range: string): boolean {
  const numberOf = (text: string): number =>
    /^\d{1,3}(\.\d{1,3}){3}$/.test(text) ? text.split('.').reduce((sum, part) => sum * 256 + Number(part), 0) : Number.NaN;
  const [first = '', last = first] = range.split('-');
  const own = numberOf(address.replace(/^::ffff:/, ''));
  return own >= numberOf(first) && own <= numberOf(last);
}
