/**
 * PNG from SVG by resvg (WebAssembly) with the DejaVu fonts of the package, so that a picture is the same on every machine. Loaded
 * when the first picture is asked for.
 */

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { Refused } from '../base/faults.js';

let ready: Promise<(svg: string) => Uint8Array> | undefined;

/** Pixels of a picture at most. */
const pixelsMax = 64_000_000;

/** The picture as PNG. Throws Refused when it would have more than 64 million pixels. */
export async function pngOf(svg: string): Promise<Uint8Array> {
  const [, width, height] = /^<svg[^>]* width="(\d+)" height="(\d+)"/.exec(svg) ?? [];
  if (Number(width) * Number(height) > pixelsMax)
    throw new Refused(`a picture of ${width} x ${height} pixels (expected at most ${pixelsMax} in all)`);
  ready ??= start();
  return (await ready)(svg);
}

async function start(): Promise<(svg: string) => Uint8Array> {
  const { initWasm, Resvg } = await import('@resvg/resvg-wasm');
  const require = createRequire(import.meta.url);
  await initWasm(readFileSync(require.resolve('@resvg/resvg-wasm/index_bg.wasm')));
  const fonts = ['DejaVuSans.ttf', 'DejaVuSans-Bold.ttf'].map((name) => readFileSync(require.resolve(`dejavu-fonts-ttf/ttf/${name}`)));
  const font = { fontBuffers: fonts.map((bytes) => new Uint8Array(bytes)), defaultFontFamily: 'DejaVu Sans', loadSystemFonts: false };
  return (svg) => {
    const made = new Resvg(svg, { font });
    const image = made.render();
    const bytes = image.asPng();
    image.free();
    made.free();
    return bytes;
  };
}
