/**
 * SVG by hand: elements as text, escaped; ticks of linear and logarithmic axes; numbers short enough for an axis. Charts are built of these and
 * of nothing else, so that the same data gives the same bytes (law 7). Coordinates are pixels, rounded to two decimals.
 */

/** An element with its attributes and children (texts of elements, or escaped text). */
export function element(
  name: string,
  attributes: Readonly<Record<string, string | number | undefined>>,
  children?: string | readonly string[],
): string {
  let open = `<${name}`;
  for (const [key, value] of Object.entries(attributes)) {
    if (value !== undefined) open += ` ${key}="${typeof value === 'number' ? coordinate(value) : escapeXml(value)}"`;
  }
  if (children === undefined) return `${open}/>`;
  return `${open}>${typeof children === 'string' ? children : children.join('')}</${name}>`;
}

/** The whole picture. `title` is what a screen reader says. */
export function picture(width: number, height: number, title: string, children: readonly string[], background = '#ffffff'): string {
  const attributes = {
    xmlns: 'http://www.w3.org/2000/svg',
    width,
    height,
    viewBox: `0 0 ${width} ${height}`,
    'font-family': 'DejaVu Sans, Verdana, sans-serif',
    role: 'img',
  };
  const parts = [element('title', {}, escapeXml(title)), element('rect', { width, height, fill: background }), ...children];
  return `${element('svg', attributes, `\n${parts.join('\n')}\n`)}\n`;
}

/** A text; `anchor` is start, middle or end. */
export function label(
  x: number,
  y: number,
  text: string,
  options: { size?: number; anchor?: string; fill?: string; weight?: string; rotate?: number } = {},
): string {
  const { size = 11, anchor, fill = '#333333', weight, rotate } = options;
  const transform = rotate === undefined ? undefined : `rotate(${rotate} ${coordinate(x)} ${coordinate(y)})`;
  const attributes = { x, y, 'font-size': size, 'text-anchor': anchor, fill, 'font-weight': weight, transform };
  return element('text', attributes, escapeXml(text));
}

/** Text that means itself in XML. Characters that XML has no place for become U+FFFD. */
export function escapeXml(text: string): string {
  return text
    .replace(/[\p{Cc}\uFFFE\uFFFF]/gu, (found) => (found === '\t' || found === '\n' ? ' ' : '\uFFFD'))
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;');
}

/** A coordinate of at most two decimals. */
export function coordinate(value: number): string {
  return String(Math.round(value * 100) / 100);
}

/** Round values from `low` to `high` or just beyond, about `count` of them: steps of 1, 2 or 5 times a power of ten. */
export function linearTicks(low: number, high: number, count: number): number[] {
  if (!(high > low) || !Number.isFinite(high - low)) return [low];
  const rough = (high - low) / Math.max(1, count);
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * ([1, 2, 5, 10].find((factor) => factor * power >= rough * 0.999) ?? 10);
  const first = Math.floor(low / step + 1e-9);
  const last = Math.ceil(high / step - 1e-9);
  return Array.from({ length: last - first + 1 }, (_, index) => Number(((first + index) * step).toPrecision(12)));
}

/** Powers of ten from at most `low` (above 0) to at least `high`. */
export function logTicks(low: number, high: number): number[] {
  const first = Math.floor(Math.log10(low) + 1e-9);
  const last = Math.max(first + 1, Math.ceil(Math.log10(high) - 1e-9));
  return Array.from({ length: last - first + 1 }, (_, index) => 10 ** (first + index));
}

/** A number for an axis: `1.5 M`, `20 k`, `0.25`. */
export function axisNumber(value: number): string {
  const size = Math.abs(value);
  if (size >= 1e15 || (size > 0 && size < 1e-3)) return value.toExponential(1);
  for (const [unit, name] of [
    [1e12, 'T'],
    [1e9, 'G'],
    [1e6, 'M'],
    [1e3, 'k'],
  ] as const) {
    if (size >= unit) return `${Number((value / unit).toPrecision(4))} ${name}`;
  }
  return String(Number(value.toPrecision(4)));
}

/** About how wide a text is, in pixels: DejaVu Sans' digits and small letters are 0.6 em wide. */
export function textWidth(text: string, size: number): number {
  let width = 0;
  for (const letter of text)
    width += /[iIl.,:;'|! ]/.test(letter) ? 0.34 : /[mwMW%@]/.test(letter) ? 0.95 : /[A-Z]/.test(letter) ? 0.7 : 0.61;
  return width * size;
}
