// Access policies and the service's properties by the real client: kept over a restart, given back as from Azurite; signatures that name a policy.
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { test } from 'node:test';
import { account, azureClient, lacksAzurite as skip, startAzurite } from './azurite.mjs';
import { startDaemon } from './daemon.mjs';

const insecure = { allowInsecureConnection: true, retryOptions: { maxRetries: 0 } };
const day = (text) => new Date(`2026-11-${text}T00:00:00Z`);
const policies = [
  { id: 'readers', accessPolicy: { start: day('20'), expiry: day('30'), permission: 'r' } },
  { id: 'a & b', accessPolicy: { start: day('20'), expiry: day('21'), permission: 'raud' } },
];

async function askBoth(url) {
  const azure = azureClient();
  const credential = new azure.AzureNamedKeyCredential(account.name, account.key);
  const client = new azure.TableClient(url, 'messages', credential, insecure);
  const service = new azure.TableServiceClient(url, credential, insecure);
  await client.createTable();
  const seen = [(await client.getAccessPolicy()).length];
  await client.setAccessPolicy(policies);
  seen.push([...(await client.getAccessPolicy())]);
  await client.setAccessPolicy([policies[0]]);
  seen.push([...(await client.getAccessPolicy())]);
  await client.deleteTable();
  await client.createTable();
  const logging = { version: '1.0', delete: true, read: false, write: true, retentionPolicy: { enabled: true, days: 7 } };
  await service.setProperties({ logging });
  const { logging: kept, hourMetrics } = await service.getProperties();
  seen.push(kept, typeof hourMetrics.enabled);
  const too = Array.from({ length: 6 }, (_, index) => ({ id: `p${index}`, accessPolicy: { permission: 'r' } }));
  seen.push(
    await client.setAccessPolicy(too).then(
      () => 'done',
      (error) => error.statusCode,
    ),
  );
  return seen;
}

test('policies and properties are kept as Azurite keeps them', { skip }, async (t) => {
  const daemon = await startDaemon({ words: ['--only', 'http'] });
  t.after(() => daemon.clean());
  const azurite = await startAzurite();
  t.after(() => azurite.stop());
  const [ours, theirs] = [await askBoth(`${daemon.url}/tables/${account.name}`), await askBoth(azurite.url)];
  assert.equal(ours.at(-1), 400);
  assert.deepEqual(ours.slice(0, -1), theirs.slice(0, -1));
  const stats = await fetch(`${daemon.url}/tables/${account.name}/?restype=service&comp=stats`);
  assert.match(await stats.text(), /<Status>unavailable<\/Status>/);
  const put = (path, body) => fetch(`${daemon.url}/tables/${path}`, { method: 'PUT', body });
  for (const body of ['', 'x', '<SignedIdentifiers>', '<SignedIdentifiers><SignedIdentifier></SignedIdentifiers>', '<a/>'])
    assert.equal((await put('?restype=service&comp=properties', body)).status, 400, body);
  const one = (inside) => `<SignedIdentifiers><SignedIdentifier>${inside}</SignedIdentifier></SignedIdentifiers>`;
  const bad = ['', '<Id></Id>', `<Id>${'x'.repeat(65)}</Id>`, '<Id>a</Id><AccessPolicy><Expiry>soon</Expiry></AccessPolicy>'];
  for (const inside of [...bad, '<Id>a</Id><AccessPolicy><Permission>everything</Permission></AccessPolicy>'])
    assert.equal((await put('messages?comp=acl', one(inside))).status, 400, inside);
  assert.equal((await put('messages?comp=acl', one('<Id>a</Id>').replace('<Id>', '<Id>&lt;b&amp;'))).status, 204);
  assert.equal(await daemon.stop(), 0);
  const again = await startDaemon({ words: ['--only', 'http'], folder: daemon.folder });
  assert.match(await (await fetch(`${again.url}/tables/messages?comp=acl`)).text(), /<Id>&lt;b&amp;a<\/Id>/);
  assert.match(await (await fetch(`${again.url}/tables?restype=service&comp=properties`)).text(), /<Days>7<\/Days>/);
  assert.equal(await again.stop(), 0);
});

test('a signature may name a policy, and is over when that goes', { skip }, async (t) => {
  const azure = azureClient();
  const key = Buffer.from('a key of our own, long enough').toString('base64');
  const daemon = await startDaemon({ words: ['--only', 'http'], configuration: `[azure]\nkeys = ["ours=${key}"]\n` });
  t.after(() => daemon.clean());
  const owner = new azure.TableClient(`${daemon.url}/tables`, 'messages', new azure.AzureNamedKeyCredential('ours', key), insecure);
  await owner.createTable();
  await owner.createEntity({ partitionKey: 'p', rowKey: 'r', one: 1 });
  const later = new Date(Date.now() + 3_600_000);
  const set = (permission, expiry = later) => owner.setAccessPolicy([{ id: 'named', accessPolicy: { expiry, permission } }]);
  const text = ['', '', '', '/table/ours/messages', 'named', '', '', '2019-02-02', '', '', '', ''].join('\n');
  const sig = createHmac('sha256', Buffer.from(key, 'base64')).update(text).digest('base64');
  const query = new URLSearchParams({ sv: '2019-02-02', tn: 'messages', si: 'named', sig });
  const read = async () => (await fetch(`${daemon.url}/tables/messages(PartitionKey='p',RowKey='r')?${query}`)).status;
  const add = async () =>
    (
      await fetch(`${daemon.url}/tables/messages?${query}`, {
        method: 'POST',
        headers: { 'Content-Type': 'application/json', Prefer: 'return-no-content' },
        body: JSON.stringify({ PartitionKey: 'p', RowKey: String(Math.random()) }),
      })
    ).status;
  assert.equal(await read(), 403);
  await set('r');
  assert.deepEqual([await read(), await add()], [200, 403]);
  await set('ra');
  assert.deepEqual([await read(), await add()], [200, 204]);
  await set('ra', new Date(Date.now() - 3_600_000));
  assert.deepEqual([await read(), await add()], [403, 403]);
  await set('r');
  await owner.setAccessPolicy([]);
  assert.equal(await read(), 403);
  const byLibrary = azure.generateTableSas('messages', new azure.AzureNamedKeyCredential('ours', key), { identifier: 'named' });
  await set('r');
  const client = new azure.TableClient(`${daemon.url}/tables`, 'messages', new azure.AzureSASCredential(byLibrary), insecure);
  assert.equal((await client.getEntity('p', 'r')).one, 1);
  assert.equal((await fetch(`${daemon.url}/tables/messages?comp=acl&${query}`)).status, 403);
  assert.equal(await daemon.stop(), 0);
});
