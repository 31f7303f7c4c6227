/**
 * What a path of the table protocol names: the service, its tables, one table, one entity, the batch. Paths are taken apart as they were sent and each piece is decoded once, so that nothing in a key can reach
 * into the path; the keys that the protocol forbids (slashes, `#`, `?`, control characters) are refused. An account may stand before the rest, as emulators have it.
 */

import { AzureFault } from './azure-answers.js';

export type Address =
  | { readonly is: 'service' | 'batch' | 'tables' }
  | { readonly is: 'one-table' | 'table'; readonly table: string }
  | { readonly is: 'entity'; readonly table: string; readonly partition: string; readonly row: string };

const keyLengthMax = 512;
/** Bytes of table, partition and row together that the store takes. */
const keyBytesMax = 1800;

/** Reads the path behind `/tables`. Throws AzureFault. */
export function readAddress(path: string): Address {
  const pieces = path.split('/').filter((piece) => piece !== '');
  if (pieces.length > 2) throw new AzureFault('InvalidUri');
  if (pieces.length === 2 && !/^[a-z\d]{3,24}$/.test(pieces[0] ?? '')) throw new AzureFault('InvalidUri');
  let resource: string;
  try {
    resource = decodeURIComponent(pieces.at(-1) ?? '');
  } catch {
    throw new AzureFault('InvalidUri');
  }
  if (resource === '') return { is: 'service' };
  if (resource === '$batch') return { is: 'batch' };
  const open = resource.indexOf('(');
  const name = open < 0 ? resource : resource.slice(0, open);
  const inside = open < 0 ? '' : resource.slice(open);
  if (name.toLowerCase() === 'tables') {
    if (inside === '' || inside === '()') return { is: 'tables' };
    const table = /^\('((?:[^']|'')*)'\)$/.exec(inside)?.[1];
    if (table === undefined) throw new AzureFault('InvalidInput');
    return { is: 'one-table', table: checkTable(table.replaceAll("''", "'")) };
  }
  const table = checkTable(name);
  if (inside === '' || inside === '()') return { is: 'table', table };
  const keys = /^\(\s*(PartitionKey|RowKey)\s*=\s*'((?:[^']|'')*)'\s*,\s*(PartitionKey|RowKey)\s*=\s*'((?:[^']|'')*)'\s*\)$/s.exec(inside);
  if (keys === null || keys[1] === keys[3]) throw new AzureFault('InvalidInput');
  const [one, two] = [(keys[2] ?? '').replaceAll("''", "'"), (keys[4] ?? '').replaceAll("''", "'")];
  const [partition, row] = keys[1] === 'PartitionKey' ? [one, two] : [two, one];
  return { is: 'entity', table, partition, row };
}

/** A table's name, if it may be one. Throws AzureFault. */
export function checkTable(name: string): string {
  if (!/^[A-Za-z][A-Za-z\d]*$/.test(name)) throw new AzureFault('InvalidResourceName');
  if (name.length < 3 || name.length > 63)
    throw new AzureFault('OutOfRangeInput', 'The specified resource name length is not within the permissible limits.');
  return name;
}

/** Throws AzureFault for keys that no entity may have. */
export function checkKeys(table: string, partition: string, row: string): void {
  for (const [name, key] of [
    ['PartitionKey', partition],
    ['RowKey', row],
  ] as const) {
    // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is forbidden
    if (/[/\\#?\u0000-\u001f\u007f-\u009f]|\p{Cs}/u.test(key))
      throw new AzureFault(
        'OutOfRangeInput',
        `The '${name}' parameter of value '${JSON.stringify(key.slice(0, 100)).slice(1, -1)}' is out of range.`,
      );
    if (key.length > keyLengthMax) throw new AzureFault('KeyValueTooLarge');
  }
  if (Buffer.byteLength(table) + Buffer.byteLength(partition) + Buffer.byteLength(row) > keyBytesMax)
    throw new AzureFault('KeyValueTooLarge');
}
