// A hundred kills of a writer of the store, thirty of a daemon.
import { test } from 'node:test';
import { killDaemons, killWriters } from './killed.mjs';

test('kill -9 a hundred times under load', () => killWriters(100));
test('kill -9 of the daemon thirty times under load', () => killDaemons(30));
