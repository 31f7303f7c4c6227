/**
 * What a client may keep about tables and the service: access policies of a table, up to five, which a shared access signature can name (`si=`) so that it can be taken back; and the service's properties, which are given
 * back as they were set and change nothing else. Both are notes of the store, `azure-policies/TABLE` (small letters, JSON) and `azure-properties` (XML).
 *
 * Source: "Set Table ACL", "Set Table Service Properties", "Define a stored access policy" (learn.microsoft.com).
 */

import { AzureFault } from './azure-answers.js';
import type { RecordStore } from './services.js';

const prefix = 'azure-policies/';
const propertiesNote = 'azure-properties';
const policiesMax = 5;
const idLengthMax = 64;

/** A stored access policy; what it leaves out the signature must say. */
export interface Policy {
  readonly id: string;
  readonly start: string;
  readonly expiry: string;
  readonly permission: string;
}

export class AzurePolicies {
  readonly #records: Pick<RecordStore, 'commit' | 'scan'>;
  readonly #now: () => number;
  readonly #byTable = new Map<string, readonly Policy[]>();
  #properties = '';
  #read: Promise<void> | undefined;

  constructor(records: Pick<RecordStore, 'commit' | 'scan'>, now: () => number) {
    this.#records = records;
    this.#now = now;
  }

  /** Resolves when what is stored is known; `of` and `properties` answer at once then. */
  ready(): Promise<void> {
    this.#read ??= this.#load();
    return this.#read;
  }

  of(table: string): readonly Policy[] {
    return this.#byTable.get(table.toLowerCase()) ?? [];
  }

  /** Sections of the service's properties as they were set; empty when none were. */
  get properties(): string {
    return this.#properties;
  }

  /** Keeps the policies of a table in place of those it had; durable when it resolves. */
  async set(table: string, policies: readonly Policy[]): Promise<void> {
    const value = policies.length === 0 ? undefined : Buffer.from(JSON.stringify(policies));
    await this.#keep(prefix + table.toLowerCase(), value);
    if (policies.length === 0) this.#byTable.delete(table.toLowerCase());
    else this.#byTable.set(table.toLowerCase(), policies);
  }

  async setProperties(sections: string): Promise<void> {
    await this.#keep(propertiesNote, Buffer.from(sections));
    this.#properties = sections;
  }

  async #keep(name: string, value: Buffer | undefined): Promise<void> {
    await this.#records.commit({ nowSeconds: Math.floor(this.#now() / 1000), notes: [{ name, value }] });
  }

  async #load(): Promise<void> {
    for await (const { name, value } of this.#records.scan('note', { prefix }))
      this.#byTable.set(name.slice(prefix.length), JSON.parse(Buffer.from(value).toString()) as Policy[]);
    for await (const { name, value } of this.#records.scan('note', { prefix: propertiesNote }))
      if (name === propertiesNote) this.#properties = Buffer.from(value).toString();
  }
}

/** Reads the body of a request that sets policies. Throws AzureFault. */
export function readPolicies(xml: string): Policy[] {
  const inside =
    /^\uFEFF?\s*(?:<\?xml[^>]*\?>)?\s*(?:<SignedIdentifiers\s*\/>|<SignedIdentifiers(?:\s[^>]*)?>(.*)<\/SignedIdentifiers>)?\s*$/s.exec(
      xml,
    );
  if (inside === null) throw new AzureFault('InvalidXmlDocument');
  const pieces = (inside[1] ?? '').split('</SignedIdentifier>');
  if ((pieces.pop() ?? '').trim() !== '' || pieces.length > policiesMax) throw new AzureFault('InvalidXmlDocument');
  const policies = pieces.map(policyOf);
  if (new Set(policies.map(({ id }) => id)).size < policies.length) throw new AzureFault('InvalidXmlDocument');
  return policies;
}

function policyOf(piece: string): Policy {
  const text = /^\s*<SignedIdentifier>(.*)$/s.exec(piece)?.[1];
  if (text === undefined) throw new AzureFault('InvalidXmlDocument');
  const of = (name: string): string => plainOf(new RegExp(`<${name}>([^<]*)</${name}>`).exec(text)?.[1]?.trim() ?? '');
  const policy = { id: of('Id'), start: of('Start'), expiry: of('Expiry'), permission: of('Permission') };
  const isTime = (time: string): boolean => time === '' || !Number.isNaN(Date.parse(time));
  if (
    policy.id === '' ||
    policy.id.length > idLengthMax ||
    !isTime(policy.start) ||
    !isTime(policy.expiry) ||
    !/^[raudq]{0,5}$/.test(policy.permission)
  )
    throw new AzureFault('InvalidXmlDocument');
  return policy;
}

/** Policies as XML. */
export function writePolicies(policies: readonly Policy[]): string {
  if (policies.length === 0) return '<SignedIdentifiers />';
  const member = (name: string, text: string): string => (text === '' ? '' : `<${name}>${xmlOf(text)}</${name}>`);
  const all = policies.map(({ id, start, expiry, permission }) => {
    const policy = member('Start', start) + member('Expiry', expiry) + member('Permission', permission);
    return `<SignedIdentifier>${member('Id', id)}<AccessPolicy>${policy}</AccessPolicy></SignedIdentifier>`;
  });
  return `<SignedIdentifiers>${all.join('')}</SignedIdentifiers>`;
}

const sections = ['Logging', 'HourMetrics', 'MinuteMetrics', 'Cors'] as const;

/** The sections that a request sets, behind those that it leaves as they are. Throws AzureFault for what is no such document. */
export function readProperties(xml: string, before: string): string {
  const inside = /^\uFEFF?\s*(?:<\?xml[^>]*\?>)?\s*<StorageServiceProperties(?:\s[^>]*)?>(.*)<\/StorageServiceProperties>\s*$/s.exec(
    xml,
  )?.[1];
  // Elements and plain text, so that what is given back is what it looks like.
  if (inside === undefined || !/^(?:<\/?[A-Za-z]{1,40}\s*\/?>|[^<>&]|&(?:amp|lt|gt|quot|apos);)*$/.test(inside))
    throw new AzureFault('InvalidXmlDocument');
  return sections.map((name) => sectionOf(name, inside) ?? sectionOf(name, before) ?? '').join('');
}

/** All sections, those that were never set as they are by themselves. */
export function writeProperties(set: string): string {
  const off = '<Version>1.0</Version><Enabled>false</Enabled><RetentionPolicy><Enabled>false</Enabled></RetentionPolicy>';
  const usual: Readonly<Record<(typeof sections)[number], string>> = {
    Logging:
      '<Logging><Version>1.0</Version><Delete>false</Delete><Read>false</Read><Write>false</Write><RetentionPolicy><Enabled>false</Enabled></RetentionPolicy></Logging>',
    HourMetrics: `<HourMetrics>${off}</HourMetrics>`,
    MinuteMetrics: `<MinuteMetrics>${off}</MinuteMetrics>`,
    Cors: '<Cors />',
  };
  return `<StorageServiceProperties>${sections.map((name) => sectionOf(name, set) ?? usual[name]).join('')}</StorageServiceProperties>`;
}

function sectionOf(name: string, xml: string): string | undefined {
  const start = xml.indexOf(`<${name}>`);
  if (start < 0) return new RegExp(`<${name}\\s*/>`).exec(xml)?.[0];
  const end = xml.indexOf(`</${name}>`, start);
  return end < 0 ? undefined : xml.slice(start, end + name.length + 3);
}

const entities: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };

function plainOf(text: string): string {
  return text.replace(/&(amp|lt|gt|quot|apos);/g, (_, name: string) => entities[name] ?? '');
}

function xmlOf(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
