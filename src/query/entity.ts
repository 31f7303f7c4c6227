/**
 * Entities of a table store: flat JSON whose members carry types of the Entity Data Model. What JSON cannot say by itself stands beside it as `name@odata.type`; a record is kept in that form
 * ("minimal metadata"), so that one is given back without being taken apart. A number keeps the text that it came with: `3.0` is an Edm.Double, `3` an Edm.Int32, and JSON.parse would make them one.
 *
 * Source: "Payload format for Table service operations" and "Understanding the Table service data model" (learn.microsoft.com).
 */

import { Malformed } from '../base/faults.js';

export type EdmType = 'Binary' | 'Boolean' | 'DateTime' | 'Double' | 'Guid' | 'Int32' | 'Int64' | 'String';

export interface Property {
  readonly name: string;
  readonly type: EdmType;
  /** The value as JSON text. */
  readonly json: string;
}

export interface Entity {
  readonly partition: string | undefined;
  readonly row: string | undefined;
  readonly properties: readonly Property[];
}

/** Why an entity is refused: the code that the table protocol has for it. */
export class BadEntity extends Malformed {
  readonly code: string;
  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

const propertiesMax = 252;
const nameLengthMax = 255;
const textLengthMax = 32_768;
const binarySizeMax = 65_536;
export const entitySizeMax = 1 << 20;

const invalid = (message = 'An error occurred while processing this request.'): BadEntity => new BadEntity('InvalidInput', message);

/** Reads an entity from the body of a request. Throws BadEntity. */
export function readEntity(text: string): Entity {
  const members = readMembers(text);
  const keyOf = (name: string): string | undefined => {
    const json = members.get(name);
    if (json === undefined || json === 'null') return undefined;
    if (!json.startsWith('"')) throw invalid();
    return JSON.parse(json) as string;
  };
  const properties: Property[] = [];
  for (const [name, json] of members) {
    if (systemNames.has(name) || name.startsWith('odata.') || name.endsWith('@odata.type')) continue;
    if (name.length > nameLengthMax)
      throw new BadEntity('PropertyNameTooLong', 'The property name exceeds the maximum allowed length (255).');
    if (!/^[\p{L}\p{Nl}_][\p{L}\p{Nl}\p{Nd}\p{Mn}\p{Mc}\p{Pc}\p{Cf}]*$/u.test(name))
      throw new BadEntity('PropertyNameInvalid', 'The property name is invalid.');
    const given = members.get(`${name}@odata.type`);
    const type = given === undefined ? undefined : typeOf(JSON.parse(given));
    if (json === 'null') continue;
    if (properties.length >= propertiesMax)
      throw new BadEntity(
        'TooManyProperties',
        'The entity contains more properties than allowed. Each entity can include up to 252 properties to store data.',
      );
    properties.push(propertyOf(name, json, type));
  }
  return { partition: keyOf('PartitionKey'), row: keyOf('RowKey'), properties };
}

const systemNames: ReadonlySet<string> = new Set(['PartitionKey', 'RowKey', 'Timestamp']);
const edmTypes: ReadonlySet<string> = new Set(['Binary', 'Boolean', 'DateTime', 'Double', 'Guid', 'Int32', 'Int64', 'String']);

function typeOf(given: unknown): EdmType {
  const name = typeof given === 'string' && given.startsWith('Edm.') ? given.slice(4) : '';
  if (!edmTypes.has(name)) throw invalid();
  return name as EdmType;
}

/** The members of a flat JSON object, each with the text of its value. Throws BadEntity when it is none, nests, or names a member twice. */
export function readMembers(text: string): Map<string, string> {
  const members = new Map<string, string>();
  let object: unknown;
  try {
    object = JSON.parse(text);
  } catch {
    throw invalid();
  }
  if (typeof object !== 'object' || object === null || Array.isArray(object)) throw invalid();
  // The text is JSON, so what follows only has to find where its members end.
  let at = text.indexOf('{') + 1;
  for (;;) {
    at = skipBlank(text, at);
    if (text[at] === '}') return members;
    const nameEnd = endOfText(text, at);
    const name = JSON.parse(text.slice(at, nameEnd)) as string;
    at = skipBlank(text, skipBlank(text, nameEnd) + 1);
    if (text[at] === '{' || text[at] === '[') throw invalid();
    const end = text[at] === '"' ? endOfText(text, at) : endOfWord(text, at);
    if (members.has(name)) throw new BadEntity('DuplicatePropertiesSpecified', 'A property is specified more than one time.');
    members.set(name, text.slice(at, end));
    at = skipBlank(text, end);
    if (text[at] === ',') at += 1;
  }
}

function skipBlank(text: string, from: number): number {
  let at = from;
  while (text.charCodeAt(at) <= 0x20) at += 1;
  return at;
}

function endOfText(text: string, start: number): number {
  for (let end = text.indexOf('"', start + 1); ; end = text.indexOf('"', end + 1)) {
    let slashes = end;
    while (text[slashes - 1] === '\\') slashes -= 1;
    if ((end - slashes) % 2 === 0) return end + 1;
  }
}

function endOfWord(text: string, start: number): number {
  let at = start;
  while (!/[\s,}]/.test(text[at] ?? '}')) at += 1;
  return at;
}

function propertyOf(name: string, json: string, given: EdmType | undefined): Property {
  const isText = json.startsWith('"');
  const type = given ?? (isText ? 'String' : json === 'true' || json === 'false' ? 'Boolean' : isInt32(json) ? 'Int32' : 'Double');
  const text = isText ? (JSON.parse(json) as string) : json;
  const made = readers[type](text, isText);
  if (made === undefined) throw invalid();
  return { name, type, json: made };
}

// From what was sent to what is kept; undefined when it is no value of the type.
const readers: Readonly<Record<EdmType, (text: string, isText: boolean) => string | undefined>> = {
  String: (text, isText) => {
    if (text.length > textLengthMax) throw tooLarge();
    return isText ? JSON.stringify(text) : undefined;
  },
  Boolean: (text) => (/^(true|false)$/i.test(text) ? text.toLowerCase() : undefined),
  Int32: (text) => (isInt32(text) ? text : undefined),
  Int64: (text) => (/^-?\d{1,19}$/.test(text) && BigInt.asIntN(64, BigInt(text)) === BigInt(text) ? JSON.stringify(text) : undefined),
  Double: (text) => {
    if (/^(NaN|-?Infinity)$/.test(text)) return JSON.stringify(text);
    if (/^-?INF$/.test(text)) return JSON.stringify(text.replace('INF', 'Infinity'));
    if (!/^-?\d+(\.\d+)?([eE][+-]?\d+)?$/.test(text) || !Number.isFinite(Number(text))) return undefined;
    if (/^-?0\d/.test(text)) return String(Number(text));
    return /[.eE]/.test(text) ? text : `${text}.0`;
  },
  DateTime: (text) => (ticksOf(text) === undefined ? undefined : JSON.stringify(text)),
  Guid: (text) => (/^[\da-f]{8}-?([\da-f]{4}-?){3}[\da-f]{12}$/i.test(text) ? JSON.stringify(text) : undefined),
  Binary: (text) => {
    if (Math.floor((text.length * 3) / 4) - (text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0) > binarySizeMax) throw tooLarge();
    return /^[A-Za-z\d+/]*={0,2}$/.test(text) && text.length % 4 === 0 ? JSON.stringify(text) : undefined;
  },
};

function tooLarge(): BadEntity {
  return new BadEntity(
    'PropertyValueTooLarge',
    'The property value exceeds the maximum allowed size (64KB). If the property value is a string, it is UTF-16 encoded and the maximum number of characters should be 32K or less.',
  );
}

function isInt32(text: string): boolean {
  return /^-?\d{1,10}$/.test(text) && !/^-?0\d/.test(text) && Number(text) >= -(2 ** 31) && Number(text) < 2 ** 31;
}

/** A time of the data model in a form whose order is that of the times: `YYYY-MM-DDTHH:MM:SS.fffffff`, UTC; undefined when it is none. */
export function ticksOf(text: string): string | undefined {
  const match = /^(\d{4}-\d\d-\d\d)(?:T(\d\d:\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?(Z|[+-]\d\d:?\d\d)?)?$/i.exec(text);
  if (match === null) return undefined;
  const [, day, minute = '00:00', second = '00', fraction = '', zone = 'Z'] = match;
  const ms = Date.parse(`${day}T${minute}:${second}${zone.toUpperCase()}`);
  return Number.isNaN(ms) ? undefined : `${new Date(ms).toISOString().slice(0, 19)}.${fraction.slice(0, 7).padEnd(7, '0')}`;
}

/** The properties as a record keeps them: JSON, with types where JSON does not tell them. */
export function storedOf(properties: readonly Property[]): string {
  return `{${properties.map(minimal).join(',')}}`;
}

function minimal({ name, type, json }: Property): string {
  const key = JSON.stringify(name);
  const isTold = type === 'String' || type === 'Boolean' || type === 'Int32' || (type === 'Double' && !json.startsWith('"'));
  return isTold ? `${key}:${json}` : `${JSON.stringify(`${name}@odata.type`)}:"Edm.${type}",${key}:${json}`;
}

/** The properties of a kept record. A record that came by another way may nest: what does is given as text. */
export function propertiesOf(stored: string): Property[] {
  const object = JSON.parse(stored) as Record<string, unknown>;
  let members: ReadonlyMap<string, string>;
  try {
    members = readMembers(stored);
  } catch {
    members = new Map(
      Object.entries(object).map(([name, value]) => [
        name,
        JSON.stringify(typeof value === 'object' && value !== null ? JSON.stringify(value) : value),
      ]),
    );
  }
  const properties: Property[] = [];
  for (const [name, json] of members) {
    if (name.endsWith('@odata.type') || systemNames.has(name) || json === 'null') continue;
    const given = object[`${name}@odata.type`];
    const type = typeof given === 'string' && edmTypes.has(given.slice(4)) ? (given.slice(4) as EdmType) : undefined;
    const own = json.startsWith('"') ? 'String' : json === 'true' || json === 'false' ? 'Boolean' : isInt32(json) ? 'Int32' : 'Double';
    properties.push({ name, type: type ?? own, json });
  }
  return properties;
}

/** The time of a record, seven decimals, as the protocol has it. */
export function timestampOf(at: number): string {
  const seconds = Math.floor(at / 1e6);
  return `${new Date(seconds * 1000).toISOString().slice(0, 19)}.${String(at - seconds * 1e6).padStart(6, '0')}0Z`;
}

/** The ETag of a record: its time. */
export function etagOf(at: number): string {
  return `W/"datetime'${encodeURIComponent(timestampOf(at))}'"`;
}
