import { describe, expect, it } from '@jest/globals';
import { isPromptDefinition, isResourceDefinition, isTemplateDefinition, isToolDefinition } from './definitions.js';

const tool = (more: object = {}) => ({ name: 'a/b.c_d-1', inputSchema: { type: 'object' }, ...more });

describe('isToolDefinition', () => {
  it.each([
    [tool()],
    [
      tool({
        title: 'T',
        description: '',
        annotations: {},
        outputSchema: { type: 'object' },
        icons: [],
        _meta: {},
        x: 1,
      }),
    ],
    [tool({ inputSchema: { type: 'object', properties: { a: true }, required: ['a'] } })],
  ])('takes %j', (definition) => {
    expect(isToolDefinition(definition)).toBe(true);
  });

  it.each([
    ['text'],
    [null],
    [tool({ name: '' })],
    [tool({ name: 'a b' })],
    [tool({ name: 'x'.repeat(129) })],
    [tool({ name: 7 })],
    [tool({ inputSchema: undefined })],
    [tool({ inputSchema: {} })],
    [tool({ inputSchema: { type: 'string' } })],
    [tool({ inputSchema: { type: 'object', required: 'a' } })],
    [tool({ outputSchema: { type: 'array' } })],
    [tool({ description: 7 })],
    [tool({ title: null })],
    [tool({ annotations: 'none' })],
    [tool({ icons: {} })],
    [tool({ inputSchema: { type: 'object', properties: { a: { type: 'number', 'x-mcp-header': 'A' } } } })],
  ])('refuses %j', (definition) => {
    expect(isToolDefinition(definition)).toBe(false);
  });
});

describe.each([
  ['isPromptDefinition', isPromptDefinition, { name: 'greet somebody' }],
  ['isResourceDefinition', isResourceDefinition, { uri: 'a://b?c=%20', name: 'b' }],
  ['isTemplateDefinition', isTemplateDefinition, { uriTemplate: 'a://{b}{?c,d*}', name: '' }],
] as const)('%s', (name, isDefinition, good) => {
  const more = name === 'isPromptDefinition' ? {} : { mimeType: 'text/plain', annotations: { audience: ['user'] } };

  it.each([[{}], [{ title: 'T', description: '', _meta: {}, icons: [{ src: 'data:,' }], x: 1 }], [more]])(
    'takes one with %j',
    (extra) => {
      expect(isDefinition({ ...good, ...extra })).toBe(true);
    },
  );

  it.each([
    [null],
    ['text'],
    [{}],
    [{ ...good, description: 7 }],
    [{ ...good, _meta: [] }],
    [{ ...good, icons: [{}] }],
    [{ ...good, name: 7 }],
  ])('refuses %j', (definition) => {
    expect(isDefinition(definition)).toBe(false);
  });
});

describe('other definitions', () => {
  it.each([
    [isPromptDefinition({ name: 'a\nb' })],
    [isPromptDefinition({ name: 'x'.repeat(257) })],
    [isPromptDefinition({ name: 'a', arguments: [{ name: 'b', required: 'yes' }] })],
    [isPromptDefinition({ name: 'a', arguments: [{}] })],
    [isResourceDefinition({ uri: 'a b', name: 'b' })],
    [isResourceDefinition({ uri: '', name: 'b' })],
    [isResourceDefinition({ uri: `a:${'x'.repeat(4096)}`, name: 'b' })],
    [isResourceDefinition({ uri: 'a:b', name: 'b', size: '7' })],
    [isResourceDefinition({ uri: 'a:b', name: 'b', annotations: { priority: 2 } })],
    [isResourceDefinition({ uri: 'a:b', name: 'b', annotations: { audience: ['model'] } })],
    [isTemplateDefinition({ uri: 'a:b', name: 'b' })],
  ])('are refused where a client would refuse them (%#)', (isTaken) => {
    expect(isTaken).toBe(false);
  });
});
