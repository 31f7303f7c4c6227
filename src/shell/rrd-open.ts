/**
 * The database that a verb of `weir rrd` names: the file of that path where there is one, else the database of that name in the store of `--data`
 * (./weir-data), read beside a daemon too.
 */

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { openRrd } from '../collect/open-rrd.js';
import type { RrdDatabase } from '../collect/rrd-database.js';
import type { RrdContext } from './rrd-verb.js';

/** Opens it. Throws Malformed for a damaged file, Refused when there is none. */
export async function openDatabase(file: string, context: RrdContext): Promise<RrdDatabase> {
  if (existsSync(file) || !existsSync(join(context.data ?? 'weir-data', 'store.mdb'))) return openRrd(file);
  // The store is loaded only where it is needed.
  const [{ openRrdStore }, { StoredRrdDatabase }, { rrdName }] = await Promise.all([
    import('./rrd-store.js'),
    import('../serve/stored-rrd-database.js'),
    import('../serve/stored-rrd.js'),
  ]);
  const metrics = await openRrdStore(context, true);
  const rrd = metrics.rrds.get(rrdName(file));
  if (rrd !== undefined) return new StoredRrdDatabase({ ...rrd, file }, metrics.store, () => void metrics.close());
  await metrics.close();
  return openRrd(file);
}
