/**
 * HAProxy's HTTP log format (`option httplog`; configuration manual, section 8.2.3), mostly found within syslog:
 *
 *   10.0.0.1:53332 [25/Feb/2019:16:19:48.143] web~ servers/s1 0/0/7/1457/1487 200 11394 - - ---- 2/1/0/0/0 0/0 {agent} {} "GET /x HTTP/1.1"
 *   client          accepted                  frontend server  times in ms     status bytes     state connections queues captures request
 *
 * The time is the proxy's own, without a zone. Captured headers have no names and are passed over. A request that was cut off for its length,
 * and `<BADREQ>`, are requests nevertheless; lines of connections (`option tcplog`, handshakes that failed, starts and stops) are not.
 */

import type { Hit } from '../base/hit.js';
import { type LineCause, splitRequest } from './access-log.js';
import { type LocalOffset, parseIsoTime } from './log-time.js';

const shape =
  /^(\S{1,64}):\d{1,5} \[(\d\d)\/([A-Z][a-z]{2})\/(\d{4}):(\d\d:\d\d:\d\d\.\d{3})\] \S+ \S+ (?:[-+]?\d+\/){4}\+?(-?\d+) (-1|\d{3}) \+?(\d{1,15}) \S+ \S+ \S{4} [\d/+]+ [\d/]+ (?:\{[^{}]*\} ){0,2}"(.*)$/;
const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

/** Reads a line (a byte string) into `hit`, which must be clear. */
export function parseHaproxyLine(line: string, hit: Hit, localOffsetMs?: LocalOffset): LineCause {
  const parts = shape.exec(line);
  if (parts === null) return 'fields';
  const [, host = '', day, month = '', year, clock, served = '', status = '', bytes, request = ''] = parts;
  const number = String(months.indexOf(month) + 1).padStart(2, '0');
  hit.timeMs = parseIsoTime(`${year}-${number}-${day}T${clock}`, localOffsetMs);
  if (Number.isNaN(hit.timeMs)) return 'time';
  hit.host = host;
  hit.status = status === '-1' ? 0 : Number(status);
  hit.bytes = Number(bytes);
  if (!served.startsWith('-')) hit.servedMs = Number(served);
  splitRequest(hit, request.endsWith('"') ? request.slice(0, -1) : request);
  return '';
}
