import { describe, expect, it } from '@jest/globals';
import { createdTaskIn, ofSubscription, withHandle } from './task-edits.js';

const named = (text: string) => withHandle(Buffer.from(text), 'own-1', 'h1.handle').toString();
const RELATED = '"_meta":{"io.modelcontextprotocol/related-task":{"taskId":"own-1"}}';

describe('withHandle', () => {
  it.each([
    '{"jsonrpc":"2.0","id":1,"result":{ "taskId" : "own-1","status":"working","ttlMs":1.0}}',
    ` {"result":{"taskId":"own-1",${RELATED},"result":{${RELATED},"content":[]}},"id":1}`,
    `{"method":"notifications/tasks","params":{"taskId":"own-1",${RELATED},"result":{${RELATED}}}}`,
    '{"id":1,"error":{"code":-32602,"message":"no","data":{"taskId":"own-1"}}}',
  ])('puts the handle wherever %s names the task, and changes no other byte', (text) => {
    expect(named(text)).toBe(text.replaceAll('"own-1"', '"h1.handle"'));
  });

  it('knows the id however it is written', () => {
    expect(named('{"result":{"taskId":"own\\u002d1"}}')).toBe('{"result":{"taskId":"h1.handle"}}');
  });

  it.each([
    '{"result":{"taskId":"own-2"}}',
    '{"result":{"taskId":7}}',
    '{"result":{"result":{"structuredContent":{"taskId":"own-1"},"content":[{"text":"own-1"}]}}}',
    '{"result":["own-1"]}',
    '{"error":{"message":"own-1"}}',
    '{"result":{"taskId":"own-1"',
    'own-1',
  ])('leaves %s as it is', (text) => {
    expect(named(text)).toBe(text);
  });
});

describe('ofSubscription', () => {
  const tagged = (params: string, id: string | number = 'l"1') =>
    ofSubscription(Buffer.from(`{"method":"notifications/tasks","params":${params}}`), id).toString();
  const KEY = '"io.modelcontextprotocol/subscriptionId"';

  it('gives a notification the id of the stream that it goes out on', () => {
    const others = '"a":1.50';
    expect(tagged(`{"_meta":{${KEY}:"theirs",${others}}}`)).toContain(`{"_meta":{${KEY}:"l\\"1",${others}}}`);
    expect(tagged(`{"_meta":{${others}}}`, 7)).toContain(`{"_meta":{${KEY}:7,${others}}}`);
    expect(tagged(`{"taskId":"t"}`, 7)).toContain(`{"_meta":{${KEY}:7},"taskId":"t"}`);
  });
});

describe('createdTaskIn', () => {
  const created = (result: string) => createdTaskIn(Buffer.from(`{"jsonrpc":"2.0","id":1,"result":${result}}`));

  it('is the id of a task that a call has made', () => {
    expect(created('{"taskId":"own-1","resultType":"task"}')).toBe('own-1');
    for (const none of ['{"resultType":"task"}', '{"resultType":"task","taskId":7}']) expect(created(none)).toBe('');
  });

  it('is none in any other answer', () => {
    for (const result of [
      '{"taskId":"own-1","resultType":"complete"}',
      '{"structuredContent":{"resultType":"task"}}',
      '{}',
    ])
      expect(created(result)).toBeUndefined();
    expect(createdTaskIn(Buffer.from('{"error":{"code":1}}'))).toBeUndefined();
  });
});
