/** `$batch`: the commands of an entity group transaction read as changes, applied as one, answered one by one. What fails is answered in the place of all, with its number. */

import { readAddress } from './azure-address.js';
import { AzureFault, commonHeaders, errorBody, metadataOf } from './azure-answers.js';
import { batchSizeMax, type Command, commandsMax, type Reply, readBatch, writeBatch } from './azure-batch.js';
import { changeOf, insertOf, queryEntities, readEntityAt, replyOf } from './azure-entities.js';
import { bodyOf, faultOf, prefersNoContent, type Request, tableNamed } from './azure-request.js';
import type { Change } from './azure-writer.js';
import type { Answer } from './route.js';

export async function runBatch(request: Request): Promise<Answer> {
  const { web } = request;
  const commands = readBatch(web.message.headers['content-type'] ?? '', await bodyOf(request, batchSizeMax));
  const headers = commonHeaders(web.message);
  const isQuery = commands.length === 1 && commands[0]?.method === 'GET';
  let replies: readonly Reply[];
  try {
    replies = isQuery ? [await answerQuery(request, commands[0] as Command)] : await applyAll(request, commands);
  } catch (error) {
    const fault = faultOf(error, request.services);
    const body = errorBody(fault, headers['x-ms-request-id'] ?? '', request.services.now());
    const type = 'application/json;odata=minimalmetadata;streaming=true;charset=utf-8';
    replies = [{ status: fault.status, headers: { DataServiceVersion: '3.0;', 'Content-Type': type }, body }];
  }
  const { type, body } = writeBatch(replies, isQuery);
  return { status: 202, type, body, headers };
}

async function applyAll(request: Request, commands: readonly Command[]): Promise<Reply[]> {
  const changes: Change[] = [];
  const rows = new Set<string>();
  for (const [index, command] of commands.entries()) {
    const numbered = (fault: AzureFault): AzureFault => new AzureFault(fault.code, fault.message, index);
    try {
      const change = await changeOfCommand(request, command);
      const first = changes[0] ?? change;
      if (change.table !== first.table || change.partition !== first.partition)
        throw new AzureFault('CommandsInBatchActOnDifferentPartitions');
      if (rows.has(change.row)) throw new AzureFault('InvalidDuplicateRow');
      rows.add(change.row);
      changes.push(change);
    } catch (error) {
      throw numbered(faultOf(error, request.services));
    }
  }
  if (changes.length > commandsMax) throw new AzureFault('InvalidInput');
  const records = await request.services.azureWriter.apply(changes);
  return commands.map(({ headers }, index) => {
    const change = changes[index] as Change;
    const reply = replyOf(request, change, records[index], prefersNoContent(headers.prefer), metadataOf(headers.accept, null));
    const type = reply.body === '' ? {} : { 'Content-Type': 'application/json;odata=minimalmetadata;streaming=true;charset=utf-8' };
    return {
      ...reply,
      headers: { 'X-Content-Type-Options': 'nosniff', 'Cache-Control': 'no-cache', DataServiceVersion: '3.0;', ...type, ...reply.headers },
    };
  });
}

async function changeOfCommand(request: Request, { method, target, headers, body }: Command): Promise<Change> {
  const address = addressOf(target);
  const verb =
    method === 'POST' && /^(MERGE|PUT|PATCH|DELETE)$/i.test(headers['x-http-method'] ?? '')
      ? (headers['x-http-method'] ?? '').toUpperCase()
      : method;
  if (address.is === 'table' && verb === 'POST') return insertOf(request, await tableNamed(request, address.table), body);
  if (address.is === 'entity' && /^(PUT|MERGE|PATCH|DELETE)$/.test(verb))
    return changeOf(request, { ...address, table: await tableNamed(request, address.table) }, verb, headers['if-match'], body);
  throw new AzureFault('InvalidInput');
}

async function answerQuery(request: Request, { target, headers }: Command): Promise<Reply> {
  const address = addressOf(target);
  const parameters = new URLSearchParams(target.split('?')[1] ?? '');
  const message = Object.create(request.web.message, {
    headers: { value: { ...request.web.message.headers, accept: headers.accept } },
  }) as Request['web']['message'];
  const own: Request = { ...request, web: { ...request.web, parameters, message } };
  let answer: Answer;
  if (address.is === 'entity') answer = await readEntityAt(own, address);
  else if (address.is === 'table') answer = await queryEntities(own, address.table);
  else throw new AzureFault('InvalidInput');
  return { status: answer.status ?? 200, headers: { 'Content-Type': answer.type, ...answer.headers }, body: String(answer.body) };
}

function addressOf(target: string): ReturnType<typeof readAddress> {
  const path = target.split('?', 1)[0] ?? '';
  return readAddress(path.replace(/^\/tables(?=\/|$)/, ''));
}
