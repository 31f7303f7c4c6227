/** The literal table of flow formats, in the order in which they are asked whether they know the bytes. */

import type { FlowFormat } from './format.js';
import { headerCsv } from './header-csv.js';
import { universityCsv } from './university-csv.js';

export const flowFormats: readonly FlowFormat[] = [headerCsv, universityCsv];
