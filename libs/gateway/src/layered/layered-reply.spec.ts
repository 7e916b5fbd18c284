import { parseMessage } from '#builder';
import { RecordingReply } from '#builder/testing';
import { describe, expect, it } from '@jest/globals';
import { innerCall } from './inner-call.js';
import { LayeredReply } from './layered-reply.js';

const ID = '{"jsonrpc":"2.0","id":"caller-1",';
const text = (said: string) => ({ type: 'text', text: said });

describe('LayeredReply', () => {
  /** What the caller of a tool is given where its member gives this. */
  async function given(outcome: string): Promise<unknown> {
    const reply = new RecordingReply();
    new LayeredReply(reply, { of: 'tools', name: 'pay' }).message([Buffer.from(ID), Buffer.from(`${outcome}}`)]);
    const answered = await reply.answered;
    return answered.result ?? answered;
  }
  const resultOf = (result: object) => given(`"result":${JSON.stringify(result)}`);

  it('gives texts as the original gives them, and keeps all else that the result has', async () => {
    expect(await resultOf({ content: [text('one')], _meta: { a: 1 }, resultType: 'complete' })).toEqual({
      content: [text('one')],
      structuredContent: { result: 'one' },
      _meta: { a: 1 },
      resultType: 'complete',
    });
    expect(await resultOf({ content: [text('one'), text('two')] })).toMatchObject({
      structuredContent: { result: '["one","two"]' },
    });
    expect(await resultOf({ content: [], structuredContent: { a: 1 } })).toMatchObject({ content: [text('{"a":1}')] });
  });

  it('tells what failed as the original tells it', async () => {
    const failure = { error: 'Tool execution failed', tool: 'pay', message: 'no money' };
    const failed = { isError: true, content: [text(JSON.stringify(failure))] };
    expect(await resultOf({ content: [text('no money')], isError: true })).toMatchObject(failed);
    const reply = new RecordingReply();
    new LayeredReply(reply, { of: 'tools', name: 'pay' }).failed('no money', 'COMPOSER_X');
    expect((await reply.answered).failure).toBe(JSON.stringify(failure));
    const refused = (await given('"error":{"code":-32602,"message":"no money"}')) as { failure: string };
    expect(JSON.parse(refused.failure)).toEqual(failure);
    const service = new RecordingReply();
    new LayeredReply(service, { of: 'services', name: 'pay' }).failed('no money', 'COMPOSER_X');
    expect(JSON.parse((await service.answered).failure!)).toEqual({
      success: false,
      service: 'pay',
      error: 'no money',
    });
  });

  it.each([
    { content: [{ type: 'image', data: 'AA==', mimeType: 'image/png' }, text('a picture')] },
    { content: [{ type: 'resource_link', uri: 'a://b', name: 'b' }] },
    { resultType: 'task', taskId: '1' },
    { content: 'no list' },
  ])('leaves %j as it is', async (result) => {
    expect(await resultOf(result)).toEqual(result);
  });

  it('leaves errors of the protocol as they are', async () => {
    expect(await given('"error":{"code":-32021,"message":"x"}')).toMatchObject({ error: { code: -32021 } });
  });
});

describe('innerCall', () => {
  const inner = (args: string) =>
    innerCall(
      parseMessage(
        Buffer.from(
          `{"jsonrpc":"2.0","id":7, "method":"tools/call","params":{"_meta":{"progressToken":1.0},"arguments":${args},"name":"x"}}`,
        ),
      ),
    );

  it('takes the arguments out of the arguments, byte for byte', () => {
    const { raw, params, places } = inner('{"tool_name":"pay", "arguments": {"sum": 1.50,"é":"\\u00e9"} }');
    expect(raw.toString()).toContain('"arguments":{"sum": 1.50,"é":"\\u00e9"},"name":"x"');
    expect(params['arguments']).toEqual({ sum: 1.5, é: 'é' });
    expect(places.progressToken).toBeDefined();
  });

  it.each(['{"tool_name":"pay"}', '{"arguments":null}', '{"arguments":[1]}', '[]', '"{"'])(
    'gives none for %s',
    (args) => {
      expect(inner(args).params['arguments']).toEqual({});
    },
  );
});
