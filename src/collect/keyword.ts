/**
 * What was searched for, and which path was asked: the keys `keyword` and `url` of a hit, from its request target and referer.
 *
 * A keyword is the first named parameter of the query (`q, query, search` unless others are named) that is not empty, decoded as
 * WHATWG's application/x-www-form-urlencoded: plus is a blank, %XX a byte, a percent sign that begins no escape stays. A request
 * without one that a search engine sent takes the engine's own parameter from the referer. Texts are byte strings (base/hit).
 */

/** Parameters that hold a keyword unless others are named. */
export const defaultKeywordParameters: readonly string[] = ['q', 'query', 'search'];

/** Search engines by the label of their host name, with the parameter of their results page. */
export const searchEngines: readonly (readonly [label: string, parameters: readonly string[]])[] = [
  ['google', ['q']],
  ['bing', ['q']],
  ['duckduckgo', ['q']],
  ['yahoo', ['p', 'q']],
  ['yandex', ['text']],
  ['baidu', ['wd', 'word']],
  ['ecosia', ['q']],
  ['qwant', ['q']],
  ['startpage', ['query', 'q']],
  ['naver', ['query']],
  ['sogou', ['query']],
  ['seznam', ['q']],
  ['aol', ['q']],
  ['ask', ['q']],
  ['brave', ['q']],
];

const engineParameters = new Map(searchEngines);

/** The path of a request target: no scheme and host, and no query string unless `withQuery`. Empty when there is none. */
export function pathOf(target: string, withQuery = false): string {
  let start = 0;
  if (!target.startsWith('/')) {
    if (target === '-') return '';
    const scheme = /^[A-Za-z][A-Za-z0-9+.-]*:\/\//.exec(target);
    if (scheme !== null) {
      const slash = target.indexOf('/', scheme[0].length);
      const query = target.indexOf('?', scheme[0].length);
      if (slash < 0 || (query >= 0 && query < slash)) return withQuery && query >= 0 ? `/${target.slice(query)}` : '/';
      start = slash;
    }
  }
  const query = withQuery ? -1 : target.indexOf('?', start);
  return query < 0 ? target.slice(start) : target.slice(start, query);
}

/** The keyword of a request: of its own query, else of the search engine's referer; empty when there is none. */
export function keywordOf(target: string, referer: string, parameters: readonly string[], engines = true): string {
  const own = parameterOf(target, parameters);
  if (own !== '' || !engines || !referer.includes('?')) return own;
  const host = /^https?:\/\/([^/?#:]+)/i.exec(referer)?.[1];
  if (host === undefined) return '';
  const labels = host.toLowerCase().split('.');
  for (let index = 0; index < labels.length - 1; index++) {
    const names = engineParameters.get(labels[index] ?? '');
    if (names !== undefined) return parameterOf(referer, names);
  }
  return '';
}

/** The first of the named parameters in the query of a URL that is not empty, decoded. */
export function parameterOf(url: string, names: readonly string[]): string {
  let at = url.indexOf('?');
  while (at >= 0 && at < url.length) {
    const start = at + 1;
    let end = url.indexOf('&', start);
    if (end < 0) end = url.length;
    for (const name of names) {
      if (url.charCodeAt(start + name.length) === 0x3d && url.startsWith(name, start) && start + name.length + 1 < end) {
        const hash = url.indexOf('#', start);
        const value = decodeForm(url.slice(start + name.length + 1, hash >= 0 && hash < end ? hash : end));
        if (value !== '') return value;
      }
    }
    at = end;
  }
  return '';
}

/** Decodes plus and %XX of a byte string into a byte string. */
export function decodeForm(text: string): string {
  if (!text.includes('%') && !text.includes('+')) return text;
  return text
    .replaceAll('+', ' ')
    .replace(/%([0-9A-Fa-f]{2})/g, (_escape, digits: string) => String.fromCharCode(Number.parseInt(digits, 16)));
}
