// A hundred kills of a writer of the store, thirty of a daemon.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { killDaemons, killWriters } from './killed.mjs';

test('kill -9 a hundred times under load', async () => {
  assert.ok((await killWriters(100)) >= 100);
});
test('kill -9 of the daemon thirty times under load', async () => {
  assert.ok((await killDaemons(30)) >= 30);
});
