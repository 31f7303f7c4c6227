// Thousands of generated filters beside real nfdump on the same files: the same records each time.
import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { checkFilters } from './filter-cases.mjs';
import { writeRichNfcapd } from './nfcapd-rich.mjs';

const folder = mkdtempSync(join(tmpdir(), 'weir-filter-'));
process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
const place = fileURLToPath(new URL('data/nfcapd', import.meta.url));
// This nfdump knows no zstd, and counts a record whose time lies in the year 584556019 as longer than any.
const files = readdirSync(place).flatMap((name) => (/^v2-(?!.*(zstd|vendor)).*\.nfcapd$/.test(name) ? [join(place, name)] : []));

for (const seed of [11, 12, 13]) {
  const rich = join(folder, `rich-${seed}.nfcapd`);
  writeRichNfcapd(rich, { flows: 2000, seed });
  files.push(rich);
}

for (const [index, file] of files.entries()) test(file, async () => assert.ok((await checkFilters(file, 1000, index + 1000)) > 300));
