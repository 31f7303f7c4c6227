/**
 * DogStatsD's two lines that are not numbers: events and service checks. They are checked and counted, never kept as a metric.
 *
 *   _e{TITLE_BYTES,TEXT_BYTES}:TITLE|TEXT{|d:SECONDS|h:HOST|k:KEY|p:normal,low|s:SOURCE|t:error,warning,info,success|#TAGS|c:ID}
 *   _sc|NAME|STATUS{|d:SECONDS|h:HOST|#TAGS|m:MESSAGE|c:ID}          STATUS = 0 ok, 1 warning, 2 critical, 3 unknown
 *
 * Unknown sections are passed over, so that a newer client is understood. Source: Datadog's "DogStatsD datagram format".
 */

/** Whether `[start, end)` is an event whose lengths and sections hold. */
export function isEvent(bytes: Uint8Array, start: number, end: number): boolean {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start);
  const head = /^_e\{(\d{1,6}),(\d{1,6})\}:/.exec(text.toString('latin1', 0, 32));
  if (head === null) return false;
  const titleSize = Number(head[1]);
  const textSize = Number(head[2]);
  const titleEnd = head[0].length + titleSize;
  const textEnd = titleEnd + 1 + textSize;
  if (titleSize === 0 || textSize === 0 || textEnd > text.length || text[titleEnd] !== 124) return false;
  if (textEnd === text.length) return true;
  return text[textEnd] === 124 && sectionsHold(text.toString('utf8', textEnd + 1));
}

/** Whether `[start, end)` is a service check with a name and a status. */
export function isServiceCheck(bytes: Uint8Array, start: number, end: number): boolean {
  const [, name, status, ...sections] = Buffer.from(bytes.subarray(start, end)).toString('utf8').split('|');
  if (name === undefined || name === '' || status === undefined || !/^[0-3]$/.test(status)) return false;
  return sections.every((section) => section !== '');
}

const choices: Readonly<Record<string, readonly string[]>> = { p: ['normal', 'low'], t: ['error', 'warning', 'info', 'success'] };

function sectionsHold(text: string): boolean {
  const seen = new Set<string>();
  for (const section of text.split('|')) {
    if (section === '') return false;
    const key = section[0] === '#' ? '#' : section.slice(0, section.indexOf(':') + 1).slice(0, -1);
    if (key === '') return false;
    if (seen.has(key)) return false;
    seen.add(key);
    const value = section.slice(key.length + 1);
    if (key === 'd' && !/^\d{1,12}$/.test(value)) return false;
    const allowed = choices[key];
    if (allowed !== undefined && !allowed.includes(value)) return false;
  }
  return true;
}
