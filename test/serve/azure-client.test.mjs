// The real client library, unchanged, against Weir and against Azurite in one run: the same code sees the same things. Keys and signatures: who has none gets nothing.
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { test } from 'node:test';
import { account, azureClient, lacksAzurite, startAzurite } from './azurite.mjs';
import { startDaemon } from './daemon.mjs';

const skip = lacksAzurite;
const insecure = { allowInsecureConnection: true };

// What a promise came to: its value as `see` shows it, or status and code of the error.
async function seen(promise, see = () => 'done') {
  try {
    return see(await promise);
  } catch (error) {
    return `${error.statusCode} ${error.code ?? error.details?.odataError?.code ?? error.message}`.replace(/undefined /, '');
  }
}
const bare = (entity) => {
  const { etag, timestamp, 'odata.metadata': metadata, clientRequestId, requestId, version, date, ...fields } = entity;
  assert.equal(typeof etag, 'string');
  return JSON.parse(
    JSON.stringify(fields, (_, value) =>
      typeof value === 'bigint' ? `${value}n` : value?.type === 'Buffer' ? Buffer.from(value).toString('hex') : value,
    ),
  );
};
async function all(iterable) {
  const list = [];
  for await (const one of iterable) list.push(bare(one));
  return list;
}

// Everything that the library offers, as a list of what was seen.
async function scenario({ TableClient, TableServiceClient, AzureNamedKeyCredential, TableTransaction, odata }, url) {
  const credential = new AzureNamedKeyCredential(account.name, account.key);
  const service = new TableServiceClient(url, credential, insecure);
  const client = new TableClient(url, 'messages', credential, insecure);
  const log = [];
  const note = async (what, promise, see) => log.push([what, await seen(promise, see)]);
  await note('no table', client.createEntity({ partitionKey: 'a', rowKey: 'b' }));
  await note('create table', service.createTable('messages'));
  await note('create it again', service.createTable('messages'));
  await note('bad name', service.createTable('1x'));
  await service.createTable('others');
  const tables = [];
  for await (const { name } of service.listTables()) tables.push(name);
  log.push(['tables', tables]);
  const named = [];
  for await (const { name } of service.listTables({ queryOptions: { filter: odata`TableName eq ${'others'}` } })) named.push(name);
  log.push(['tables by name', named]);

  const every = {
    partitionKey: "o'hara ü",
    rowKey: '2026-11-24 10:00 & more',
    text: 'Grüße "quoted" \\ \n',
    whole: 7,
    half: 1.5,
    yes: true,
    long: 9007199254740993n,
    at: new Date('2026-11-24T10:00:00.123Z'),
    bytes: new Uint8Array([0, 1, 254, 255]),
    guid: { type: 'Guid', value: 'c9da6455-213d-42c9-9a79-3e9149a57833' },
    flat: { type: 'Double', value: '3' },
    empty: '',
  };
  await note('insert', client.createEntity(every));
  await note('insert again', client.createEntity(every));
  await note('read', client.getEntity(every.partitionKey, every.rowKey), bare);
  await note('read, select', client.getEntity(every.partitionKey, every.rowKey, { queryOptions: { select: ['half', 'guid'] } }), bare);
  await note('read nothing', client.getEntity('x', 'y'));
  const { etag } = await client.getEntity(every.partitionKey, every.rowKey);
  const keys = { partitionKey: every.partitionKey, rowKey: every.rowKey };
  await note('merge', client.updateEntity({ ...keys, half: 2.5, more: 'x' }, 'Merge', { etag }));
  await note('merge with an old etag', client.updateEntity({ ...keys, half: 3.5 }, 'Merge', { etag }));
  await note('read merged', client.getEntity(every.partitionKey, every.rowKey), bare);
  await note('replace', client.updateEntity({ ...keys, only: 1 }, 'Replace'));
  await note('read replaced', client.getEntity(every.partitionKey, every.rowKey), bare);
  await note('update nothing', client.updateEntity({ partitionKey: 'x', rowKey: 'y', only: 1 }, 'Merge'));
  await note('upsert new', client.upsertEntity({ partitionKey: 'x', rowKey: 'y', one: 1 }, 'Merge'));
  await note('upsert merge', client.upsertEntity({ partitionKey: 'x', rowKey: 'y', two: 2 }, 'Merge'));
  await note('read', client.getEntity('x', 'y'), bare);
  await note('upsert replace', client.upsertEntity({ partitionKey: 'x', rowKey: 'y', three: 3 }, 'Replace'));
  await note('read', client.getEntity('x', 'y'), bare);
  await note('delete with an old etag', client.deleteEntity('x', 'y', { etag: etag }));
  await note('delete', client.deleteEntity('x', 'y'));
  await note('delete again', client.deleteEntity('x', 'y'));

  const transaction = new TableTransaction();
  for (let index = 0; index < 99; index += 1)
    transaction.createEntity({ partitionKey: 'p', rowKey: `r${String(index).padStart(3, '0')}`, index, even: index % 2 === 0 });
  transaction.upsertEntity({ partitionKey: 'p', rowKey: 'r099', index: 99, even: false }, 'Replace');
  await note('transaction', client.submitTransaction(transaction.actions), ({ status, subResponses }) => [
    status,
    subResponses.map((one) => one.status),
  ]);
  const failing = [
    ['update', { partitionKey: 'p', rowKey: 'r000', index: 1000 }, 'Merge'],
    ['delete', { partitionKey: 'p', rowKey: 'r001' }],
    ['create', { partitionKey: 'p', rowKey: 'r002' }],
  ];
  await note('transaction that fails', client.submitTransaction(failing));
  await note('nothing of it happened', client.getEntity('p', 'r000'), bare);
  await note(
    'twice the same row',
    client.submitTransaction([
      ['upsert', { partitionKey: 'p', rowKey: 'z' }],
      ['upsert', { partitionKey: 'p', rowKey: 'z' }],
    ]),
  );
  for (const filter of [
    odata`PartitionKey eq ${'p'} and index ge ${95}`,
    odata`PartitionKey eq ${'p'} and RowKey gt ${'r010'} and RowKey le ${'r013'}`,
    'index lt 3 or index gt 97',
    'even and index lt 5',
    'not (index lt 98)',
    odata`PartitionKey eq ${"o'hara ü"}`,
    "RowKey ge 'r05' and RowKey lt 'r0501'",
    'only eq 1',
  ])
    log.push([filter, await all(client.listEntities({ queryOptions: { filter } }))]);
  const pages = [];
  for await (const page of client.listEntities({ queryOptions: { select: ['rowKey'] } }).byPage({ maxPageSize: 30 }))
    pages.push(page.map(({ rowKey }) => rowKey));
  log.push(['pages', pages]);
  await note('delete a table', service.deleteTable('others'));
  return log;
}

test('the client library sees the same of Weir as of Azurite', { skip }, async (t) => {
  const azure = azureClient();
  const [daemon, azurite] = await Promise.all([startDaemon({ words: ['--only', 'http'] }), startAzurite()]);
  t.after(() => daemon.clean());
  t.after(() => azurite.stop());
  const [ours, theirs] = await Promise.all([scenario(azure, `${daemon.url}/tables`), scenario(azure, azurite.url)]);
  // The service has a code for a bad name; Azurite leaves it empty.
  const wanted = theirs.map(([what, value]) => [what, what === 'bad name' ? '400 InvalidResourceName' : value]);
  for (const [index, one] of ours.entries()) assert.deepEqual(one, wanted[index], one[0]);
  assert.equal(await daemon.stop(), 0);
});

// The question that started it: fifty times the first x messages of a user, five times over.
test('50 x take(x), five times over, by the same code from both', { skip }, async (t) => {
  const azure = azureClient();
  const [daemon, azurite] = await Promise.all([startDaemon({ words: ['--only', 'http'] }), startAzurite()]);
  t.after(() => daemon.clean());
  t.after(() => azurite.stop());
  const takes = await Promise.all(
    [`${daemon.url}/tables`, azurite.url].map(async (url) => {
      const client = new azure.TableClient(url, 'messages', new azure.AzureNamedKeyCredential(account.name, account.key), insecure);
      await client.createTable();
      for (let index = 0; index < 1100; index += 100)
        await client.submitTransaction(
          Array.from({ length: 100 }, (_, at) => [
            'create',
            { partitionKey: 'user', rowKey: `m${String(index + at).padStart(6, '0')}`, text: `message ${index + at}` },
          ]),
        );
      const take = async (x) => {
        const rows = [];
        const filter = azure.odata`PartitionKey eq ${'user'}`;
        for await (const page of client.listEntities({ queryOptions: { filter } }).byPage({ maxPageSize: Math.min(x, 1000) })) {
          for (const { rowKey, text } of page) rows.push(`${rowKey} ${text}`);
          if (rows.length >= x) break;
        }
        return rows.slice(0, x);
      };
      const found = [];
      for (let turn = 0; turn < 5; turn += 1) for (let x = 1; x <= 50; x += 1) found.push(await take(x));
      for (const x of [199, 200, 201, 999, 1000, 1001]) found.push(await take(x));
      return found;
    }),
  );
  assert.deepEqual(takes[0], takes[1]);
  assert.deepEqual(takes[0].map((rows) => rows.length).slice(-6), [199, 200, 201, 999, 1000, 1001]);
  const native = await (await fetch(`${daemon.url}/api/take?table=messages&partition=user&n=2`)).text();
  assert.deepEqual(
    native
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line)),
    [
      { partition: 'user', row: 'm000000', text: 'message 0' },
      { partition: 'user', row: 'm000001', text: 'message 1' },
    ],
  );
  await fetch(`${daemon.url}/ingest/records`, {
    method: 'POST',
    body: '{"table":"native","partition":"p","row":"r","deep":{"a":[1]},"n":2,"none":null}',
  });
  const client = new azure.TableClient(
    `${daemon.url}/tables`,
    'native',
    new azure.AzureNamedKeyCredential(account.name, account.key),
    insecure,
  );
  assert.deepEqual(bare(await client.getEntity('p', 'r')), { partitionKey: 'p', rowKey: 'r', deep: '{"a":[1]}', n: 2 });
  assert.equal(await daemon.stop(), 0);
});

test('keys: the right one may, a wrong one, an old date, a bent signature may nothing', { skip }, async (t) => {
  const azure = azureClient();
  const key = Buffer.from('a key of our own, long enough').toString('base64');
  const second = Buffer.from('another key, for the change').toString('base64');
  const daemon = await startDaemon({
    words: ['--only', 'http'],
    configuration: `[azure]\nkeys = ["ours=${key}"]\nkeysEnvironment = "WEIR_TEST_KEYS"\n`,
    environment: { WEIR_TEST_KEYS: `ours=${second}` },
  });
  t.after(() => daemon.clean());
  const url = `${daemon.url}/tables`;
  const clientOf = (credential, table = 'messages') =>
    new azure.TableClient(url, table, credential, { ...insecure, retryOptions: { maxRetries: 0 } });
  const named = (account, secret) => new azure.AzureNamedKeyCredential(account, secret);
  const entity = { partitionKey: 'p', rowKey: 'r', one: 1 };
  const ours = clientOf(named('ours', key));
  await ours.createTable();
  await clientOf(named('ours', key), 'others').createTable();
  await ours.createEntity(entity);
  assert.equal((await clientOf(named('ours', second)).getEntity('p', 'r')).one, 1);
  for (const credential of [named('ours', account.key), named(account.name, account.key), named('theirs', key)])
    assert.equal(await seen(clientOf(credential).getEntity('p', 'r')), '403 AuthenticationFailed');
  await ours.submitTransaction([['create', { partitionKey: 'p', rowKey: 's' }]]);

  const hour = 3_600_000;
  const sas = (permissions, more = {}) =>
    clientOf(
      new azure.AzureSASCredential(
        azure.generateTableSas('messages', named('ours', key), { permissions, expiresOn: new Date(Date.now() + hour), ...more }),
      ),
    );
  const reader = sas({ query: true });
  assert.equal((await reader.getEntity('p', 'r')).one, 1);
  assert.equal(await seen(reader.createEntity({ partitionKey: 'p', rowKey: 't' })), '403 AuthorizationPermissionMismatch');
  assert.equal(await seen(reader.deleteEntity('p', 'r')), '403 AuthorizationPermissionMismatch');
  assert.equal(await seen(sas({ add: true, query: true }).upsertEntity({ ...entity, two: 2 })), '403 AuthorizationPermissionMismatch');
  assert.equal(await seen(sas({ add: true, update: true }).upsertEntity({ ...entity, two: 2 })), 'done');
  assert.equal(
    await seen(sas({ query: true }, { expiresOn: new Date(Date.now() - hour) }).getEntity('p', 'r')),
    '403 AuthenticationFailed',
  );
  assert.equal(
    await seen(sas({ query: true }, { startsOn: new Date(Date.now() + hour / 2) }).getEntity('p', 'r')),
    '403 AuthenticationFailed',
  );
  const ranged = sas({ query: true, add: true }, { startPartitionKey: 'p', startRowKey: 's', endPartitionKey: 'p', endRowKey: 's' });
  assert.equal(await seen(ranged.getEntity('p', 'r')), '404 ResourceNotFound');
  assert.deepEqual(
    (await all(ranged.listEntities())).map(({ rowKey }) => rowKey),
    ['s'],
  );
  assert.equal(await seen(ranged.createEntity({ partitionKey: 'q', rowKey: 's' })), '403 AuthorizationFailure');
  const token = azure.generateTableSas('messages', named('ours', key), {
    permissions: { query: true },
    expiresOn: new Date(Date.now() + hour),
  });
  assert.equal(await seen(clientOf(new azure.AzureSASCredential(token), 'others').getEntity('p', 'r')), '403 AuthorizationFailure');
  for (const bent of [
    token.replace('sp=r', 'sp=raud'),
    token.replace(/se=\d{4}/, 'se=2099'),
    token.replace('tn=messages', 'tn=others'),
    token.replace(/sig=(.)/, (_, first) => `sig=${first === 'x' ? 'y' : 'x'}`),
  ])
    assert.equal(await seen(clientOf(new azure.AzureSASCredential(bent)).getEntity('p', 'r')), '403 AuthenticationFailed', bent);
  const whole = azure.generateAccountSas(named('ours', key), {
    permissions: { list: true, query: true },
    expiresOn: new Date(Date.now() + hour),
  });
  const service = new azure.TableServiceClient(url, new azure.AzureSASCredential(whole), insecure);
  const names = [];
  for await (const { name } of service.listTables()) names.push(name);
  assert.deepEqual(names, ['messages', 'others']);
  assert.equal(await seen(service.createTable('more')), '403 AuthorizationPermissionMismatch');

  const path = '/tables/messages()';
  const sign = (text, secret = key) => createHmac('sha256', Buffer.from(secret, 'base64')).update(text).digest('base64');
  const raw = async (headers) => (await fetch(`${daemon.url}${path}`, { headers })).status;
  const date = new Date().toUTCString();
  const old = new Date(Date.now() - hour).toUTCString();
  assert.equal(await raw({ 'x-ms-date': date, Authorization: `SharedKey ours:${sign(`GET\n\n\n${date}\n/ours${path}`)}` }), 200);
  assert.equal(await raw({ 'x-ms-date': date, Authorization: `SharedKey ours:${sign(`PUT\n\n\n${date}\n/ours${path}`)}` }), 403);
  assert.equal(await raw({ 'x-ms-date': date, Authorization: `SharedKeyLite ours:${sign(`${date}\n/ours${path}x`)}` }), 403);
  assert.equal(await raw({ 'x-ms-date': old, Authorization: `SharedKeyLite ours:${sign(`${old}\n/ours${path}`)}` }), 403);
  for (const headers of [
    {},
    { Authorization: 'Bearer x' },
    { Authorization: 'SharedKey ours:' },
    { Authorization: `SharedKey ours:${sign('')}` },
  ])
    assert.equal(await raw(headers), 403);
  assert.equal(await daemon.stop(), 0);
});
