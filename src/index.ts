/**
 * The library's public face: what `import ... from 'weir'` gives. Exported by name, one place.
 */

export { formatAddress, parseAddress } from './base/address.js';
export { Bug, Corrupt, Fault, Malformed, type Place, Refused, Usage } from './base/faults.js';
export { FlowBatch } from './base/flow-batch.js';
export { emptyHit, type Hit, showBytes } from './base/hit.js';
export { compileFilter, type Filter } from './collect/filter.js';
export type { Reject } from './collect/format.js';
export { keywordOf, pathOf } from './collect/keyword.js';
export { type LogReader, openLogReader } from './collect/log-formats.js';
export { type FlowReading, type OpenOptions, readFlows } from './collect/open.js';
export { parseSyslog, type SyslogMessage } from './collect/syslog.js';
export { type Per, type Period, ZoneCalendar } from './fold/period.js';
export { addTally, mergeTally, readTally, rollUpTally, type Tally, type TallyReading, zeroTally } from './fold/tally.js';
export { openLmdbStore as openStore } from './keep/lmdb.js';
export type { StoredRecord } from './keep/record-block.js';
export type { Batch, Receipt, RecordPut, Store } from './keep/store.js';
export { type PacketsDone, type PacketsOptions, packets } from './packet/packets.js';
export { get, type Taken, type TakeQuestion, take } from './query/take.js';
