/** The literal table of flow formats, in the order in which they are asked whether they know the bytes. */

import type { FlowFormat } from './format.js';
import { headerCsv } from './header-csv.js';
import { jsonFlows } from './json-flows.js';
import { nfcapd } from './nfcapd.js';
import { universityCsv } from './university-csv.js';
import { vpcFlowLog } from './vpc-flow-log.js';
import { zeekJson, zeekTsv } from './zeek.js';

export const flowFormats: readonly FlowFormat[] = [nfcapd, zeekTsv, zeekJson, jsonFlows, vpcFlowLog, headerCsv, universityCsv];
