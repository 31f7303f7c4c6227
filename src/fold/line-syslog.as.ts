/**
 * Access lines and JSON within syslog for the counting kernel `count-lines.as.ts`: passes the header of RFC 3164 or RFC 5424 and hands the message to the
 * reader of its kind. The same rules as `collect/syslog.ts`, which decides on headers of other forms: structured data, a time that is none.
 */

import { STATE } from './byte-tally.as';

import { clearFields } from './line-keys.as';

import { countJson } from './line-json.as';

import { countText } from './line-steps.as';

import { HARD, isIsoTime, two } from './line-time.as';

// Words of STATE, in bytes from it.
const SERVED: usize = 108;
const STRICT: usize = 160;

/** Reads and counts a line. */
export function countSyslog(line: usize, end: usize): i32 {
  let message = passHeader(line);
  if (message == 0) return HARD;
  // `@cee:` says that JSON follows.
  if (load<u32>(message) == 0x65656340 && load<u8>(message + 4) == 0x3a) message = afterBlank(message + 5);
  return countMessage(message, end);
}

/** Reads and counts a line of a stream in which senders of several kinds mix. */
export function countAny(line: usize, end: usize): i32 {
  return load<u8>(line) == 0x3c ? countSyslog(line, end) : countMessage(line, end);
}

function countMessage(message: usize, end: usize): i32 {
  if (load<u8>(message) == 0x7b) return countJson(message, end);
  clearFields();
  store<i32>(STATE + SERVED, 0);
  store<i32>(STATE + STRICT, 0);
  return countText(message, end);
}

// Where the message begins; 0: a header that is the caller's.
function passHeader(line: usize): usize {
  if (load<u8>(line) != 0x3c) return passTime(line);
  let at = line + 1;
  let priority: u32 = 0;
  for (; <u32>load<u8>(at) - 48 <= 9 && at < line + 4; at++) priority = priority * 10 + <u32>load<u8>(at) - 48;
  if (at == line + 1 || load<u8>(at) != 0x3e || priority > 191 || (load<u8>(line + 1) == 48 && at > line + 2)) return 0;
  at++;
  return load<u8>(at) == 0x31 && load<u8>(at + 1) == 0x20 ? passProtocol(at + 2) : passTime(at);
}

// RFC 5424 after its version: time, host, application, process, message's name, structured data (none) and a blank.
function passProtocol(from: usize): usize {
  let at = from;
  for (let part = 0; part < 5; part++) {
    const stop = wordEnd(at);
    const most: usize = part == 1 ? 255 : part == 2 ? 48 : part == 3 ? 128 : 32;
    if (stop == at || load<u8>(stop) != 0x20 || stop > at + most) return 0;
    if (part == 0 && !(stop == at + 1 && load<u8>(at) == 0x2d) && !isProtocolTime(at, stop)) return 0;
    at = stop + 1;
  }
  if (load<u16>(at) != 0x202d) return 0;
  at += 2;
  return (load<u32>(at) & 0xffffff) == 0xbfbbef ? at + 3 : at;
}

// The shape that RFC 5424 asks for; what is rarer is the caller's.
function isProtocolTime(at: usize, stop: usize): bool {
  if (load<u8>(at + 10) != 0x54 || !isIsoTime(at, stop)) return false;
  let zone = at + 19;
  if (load<u8>(zone) == 0x2e) {
    zone++;
    while (<u32>load<u8>(zone) - 48 <= 9) zone++;
    if (zone > at + 26) return false;
  }
  return load<u8>(zone) == 0x5a ? zone + 1 == stop : zone + 6 == stop && load<u8>(zone + 3) == 0x3a;
}

// RFC 3164: `Oct 11 22:14:15` or an ISO time, a host, a tag.
function passTime(from: usize): usize {
  let at: usize;
  if (<u32>load<u8>(from) - 48 <= 9) {
    at = wordEnd(from);
    if (load<u8>(at) != 0x20 || load<u8>(from + 10) != 0x54 || !isIsoTime(from, at)) return 0;
  } else {
    if (<u32>load<u8>(from) - 65 > 25 || <u32>load<u8>(from + 1) - 97 > 25 || <u32>load<u8>(from + 2) - 97 > 25) return 0;
    if (load<u8>(from + 3) != 0x20 || load<u8>(from + 6) != 0x20 || load<u8>(from + 9) != 0x3a || load<u8>(from + 12) != 0x3a) return 0;
    const tens = load<u8>(from + 4);
    if ((tens != 0x20 && <u32>tens - 48 > 9) || <u32>load<u8>(from + 5) - 48 > 9) return 0;
    if ((two(from + 7) | two(from + 10) | two(from + 13)) < 0) return 0;
    at = from + 15;
    if (load<u8>(at) != 0x20) return 0;
  }
  at++;
  const stop = wordEnd(at);
  if (stop == at) return 0;
  // A tag at once: there is no host.
  if (load<u8>(stop - 1) == 0x3a) return passTag(at, stop);
  if (load<u8>(stop) != 0x20 || !isHost(at, stop)) return 0;
  return passTag(stop + 1, 0);
}

// A name, or an address of version 4; three or four capitals or digits may be a zone or a year, a colon one of version 6.
function isHost(from: usize, stop: usize): bool {
  let capitals: usize = 0;
  let digits: usize = 0;
  for (let at = from; at < stop; at++) {
    const byte = load<u8>(at);
    if (byte == 0x3a || byte == 0x5b || byte == 0x5d) return false;
    if (<u32>byte - 65 <= 25) capitals++;
    else if (<u32>byte - 48 <= 9) digits++;
  }
  const size = stop - from;
  return size > 4 || (capitals != size && digits != size);
}

// Where the message begins behind `tag:` or `tag[process]:`; a message without a tag begins at once. `hostless`: where a word without a host ends.
function passTag(from: usize, hostless: usize): usize {
  let at = from;
  while (true) {
    const byte = load<u8>(at);
    if (byte <= 0x20 || byte == 0x3a || byte == 0x5b || byte == 0x5d || byte == 0x22 || byte == 0x7b || byte >= 0x7f) break;
    at++;
  }
  const byte = load<u8>(at);
  // A blank beyond ASCII, perhaps, or a control character.
  if (byte >= 0x7f || (byte < 0x20 && byte != 10) || at - from > 64) return 0;
  if (hostless != 0) return byte == 0x3a && at + 1 == hostless && !isAddress(from, hostless) ? afterBlank(at + 1) : 0;
  if (at == from || (byte != 0x3a && byte != 0x5b)) return from;
  if (byte == 0x5b) {
    at++;
    while (load<u8>(at) > 0x20 && load<u8>(at) != 0x5d && load<u8>(at) < 0x7f) at++;
    if (load<u8>(at) != 0x5d) return load<u8>(at) >= 0x7f || (load<u8>(at) < 0x20 && load<u8>(at) != 10) ? 0 : from;
    at++;
    if (load<u8>(at) != 0x3a) return from;
  }
  return afterBlank(at + 1);
}

// Whether a word could be an address of version 6.
function isAddress(from: usize, stop: usize): bool {
  for (let at = from; at < stop; at++) {
    const byte = load<u8>(at);
    if (byte != 0x3a && byte != 0x2e && <u32>byte - 48 > 9 && <u32>(byte | 0x20) - 97 > 5) return false;
  }
  return true;
}

// The end of a word of printable ASCII.
// @ts-ignore: decorator
@inline
function wordEnd(from: usize): usize {
  let at = from;
  while (<u32>load<u8>(at) - 0x21 <= 0x5d) at++;
  return at;
}

// @ts-ignore: decorator
@inline
function afterBlank(at: usize): usize {
  return load<u8>(at) == 0x20 ? at + 1 : at;
}
