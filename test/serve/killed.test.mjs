// Ten kills of a writer of the store and three of a daemon; the nightly run does a hundred and thirty.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { killDaemons, killWriters } from './killed.mjs';

test('kill -9 ten times under load: nothing acknowledged is lost or doubled, and what is there is a prefix', async () => {
  assert.ok((await killWriters(10)) >= 10);
});
test('kill -9 of the daemon: what it has shown is still there, and what is there is a prefix of what was sent', async () => {
  assert.ok((await killDaemons(3)) >= 3);
});
