import { describe, expect, it } from '@jest/globals';
import { isToolDefinition } from './tool-definition.js';

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
  ])('refuses %j', (definition) => {
    expect(isToolDefinition(definition)).toBe(false);
  });
});
