import type { Facade, FacadeTool } from '#registry';
import { describe, expect, it } from '@jest/globals';
import { facadeAnswer } from './facade-answer.js';
import { questionIn } from './facade-question.js';
import { facadeDefinitions } from './facade-tools.js';
import type { HiddenTools } from './hidden-tools.js';

type Of = Facade['of'];
const faultOf = (tool: FacadeTool, of: Of, args: unknown) => questionIn({ tool, of }, args).fault;
/** Whoever asks wrongly is told so before anything is looked up. */
const nothing = {} as HiddenTools;

describe('questionIn', () => {
  it.each<[FacadeTool, Of, object]>([
    ['make_tool_call', 'services', { service: 'a' }],
    ['make_tool_call', 'services', { service: 'a', request: { query_params: { q: 1 } } }],
    ['make_tool_call', 'services', { tool_name: 'a', request: null }],
    ['make_tool_call', 'tools', { tool_name: 'a' }],
    ['make_tool_call', 'tools', { service: 'a', arguments: { q: 1 } }],
    ['make_tool_call', 'tools', { tool_name: 'a', arguments: null }],
    ['make_tool_call', 'tools', { tool_name: 'a', service: 'a' }],
    ['get_type_info', 'services', { service: 'a' }],
    ['get_type_info', 'tools', { tool_name: 'a' }],
    ['get_service_info', 'tools', { tool_name: 'a', query: null, tags: 'a, b', limit: 7 }],
    ['get_service_info', 'services', { service: null }],
  ])('%s of %s takes %j, as the original does', (tool, of, args) => {
    expect(faultOf(tool, of, args)).toBeUndefined();
  });

  it.each<[Of, object, string]>([
    ['services', { service: 'purge', query_params: { older_than: '2020' } }, 'query_params'],
    ['services', { service: 'purge', arguments: { older_than: '2020' } }, 'arguments'],
    ['services', { service: 'purge', request: {}, body: null }, 'body'],
    ['services', { service: 'purge', path_params: {}, constructor: 1 }, 'path_params, constructor'],
    ['tools', { tool_name: 'purge', request: { older_than: '2020' } }, 'request'],
    ['tools', { tool_name: 'purge', older_than: '2020' }, 'older_than'],
  ])(
    'a call of %s is not made without what %j says otherwise, and its caller is told how to say it',
    (of, args, keys) => {
      const form =
        of === 'services'
          ? '{"service": "…", "request": {"path_params": {…}, "query_params": {…}, "headers": {…}, "cookies": {…}, "body": …}}'
          : '{"tool_name": "…", "arguments": {…}}';
      expect(faultOf('make_tool_call', of, args)).toBe(`make_tool_call does not take ${keys}; write ${form}`);
    },
  );

  it.each<[FacadeTool, Of, object, string]>([
    ['get_service_info', 'tools', { search: 'a' }, 'service, query, tags, limit'],
    ['get_type_info', 'services', { service: 'a', query: 'b' }, 'service'],
    ['get_type_info', 'tools', { tool_name: 'a', limit: 1 }, 'tool_name'],
  ])('%s of %s refuses %j', (tool, of, args, taken) => {
    expect(faultOf(tool, of, args)).toMatch(new RegExp(`^${tool} does not take [a-z]+; it takes ${taken}$`));
  });

  it('refuses two names of which one would be called, and texts that it cannot take apart', () => {
    expect(faultOf('make_tool_call', 'services', { service: 'keep', tool_name: 'purge' })).toMatch(/two names/);
    expect(faultOf('make_tool_call', 'tools', { tool_name: 'a', arguments: '{}' })).toMatch(/must be an object/);
    const long = faultOf('make_tool_call', 'tools', { tool_name: 'a', ['x'.repeat(10_000)]: 1 })!;
    expect(long.length).toBeLessThan(200);
  });

  it.each<[Of, object]>([
    [
      'services',
      { success: false, service: 'purge', error: expect.stringMatching(/^make_tool_call does not take x;/) },
    ],
    ['tools', { error: 'Tool execution failed', tool: 'purge', message: expect.stringMatching(/does not take x;/) }],
  ])('what does not fit a call of %s is told as other failures of a call are', async (of, value) => {
    const question = questionIn({ tool: 'make_tool_call', of }, { service: 'purge', x: 1 });
    expect(await facadeAnswer(nothing, { tool: 'make_tool_call', of, question })).toEqual({ value, isFault: true });
  });
});

describe('facadeDefinitions', () => {
  it.each<Of>(['services', 'tools'])('of %s say that they take nothing else', (of) => {
    const schemas = facadeDefinitions({ of, texts: {} }).map((text) => {
      const { inputSchema } = JSON.parse(text) as { inputSchema: { additionalProperties?: unknown } };
      return inputSchema.additionalProperties;
    });
    expect(schemas).toEqual([false, false, false]);
  });
});
