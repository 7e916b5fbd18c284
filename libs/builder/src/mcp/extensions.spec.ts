import { describe, expect, it } from '@jest/globals';
import { applyEdits } from '../json-rpc/json-edit.js';
import { parseMessage } from '../json-rpc/json-rpc-message.js';
import { extensionEdits, extensionsIn } from './extensions.js';
import { META_CAPABILITIES } from './mcp-protocol.js';

const UI = { mimeTypes: ['text/html;profile=mcp-app'] };

describe('extensions', () => {
  it('are carried where they are known, each with what is said of it', () => {
    const extensions = {
      'io.modelcontextprotocol/ui': UI,
      'io.modelcontextprotocol/tasks': {},
      'com.example/other': {},
    };
    expect(extensionsIn({ extensions })).toEqual({
      'io.modelcontextprotocol/ui': UI,
      'io.modelcontextprotocol/tasks': {},
    });
    for (const nothing of [undefined, {}, { extensions: [] }, { extensions: { 'io.modelcontextprotocol/ui': true } }])
      expect(extensionsIn(nothing)).toEqual({});
  });

  const passedOn = (capabilities: string) => {
    const text = `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{ "_meta":{"${META_CAPABILITIES}":${capabilities}, "a":1.50} }}`;
    const message = parseMessage(Buffer.from(text));
    return { text, bytes: applyEdits(message.raw, extensionEdits(message)).toString() };
  };

  it.each(['{}', '{ "roots":{} }', '{"extensions":{ "io.modelcontextprotocol/tasks" : {} }}', '{"extensions":5}', '7'])(
    'leave every byte of %s',
    (capabilities) => {
      const { text, bytes } = passedOn(capabilities);
      expect(bytes).toBe(text);
    },
  );

  it('that are between two neighbours go no further, wherever they are said', () => {
    const auth = '{"io.modelcontextprotocol/oauth-client-credentials":{},"io.modelcontextprotocol/tasks":{}}';
    const capabilities = `{"roots" : {},"extensions":${auth}, "extensions": ${auth}}`;
    const { text, bytes } = passedOn(capabilities);
    expect(bytes).toBe(text.replaceAll(auth, '{"io.modelcontextprotocol/tasks":{}}'));
  });
});
