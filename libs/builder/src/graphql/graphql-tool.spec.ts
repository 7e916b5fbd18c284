import { describe, expect, it } from '@jest/globals';
import { isToolDefinition } from '../mcp/definitions.js';
import { GraphqlEndpoint } from './graphql-endpoint.js';
import { GraphqlTool } from './graphql-tool.js';

const tool = new GraphqlTool({
  name: 'crm',
  endpoint: new GraphqlEndpoint(new URL('https://crm.example/api/graphql?v=1'), (text) =>
    text.replaceAll('hunter2', '***'),
  ),
  limits: { depth: 3, fields: 10, aliases: 2, cost: 1_000 },
});
const answer = (value: unknown, status = 200) => ({
  status,
  statusText: '',
  contentType: 'application/graphql-response+json',
  body: Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)),
});

describe('GraphqlTool', () => {
  it('is a tool, with the name of the server and the parameters of the original', () => {
    const definition = JSON.parse(tool.definition) as { name: string; inputSchema: object };
    expect(isToolDefinition(definition)).toBe(true);
    expect(definition).toMatchObject({ name: 'crm', inputSchema: { required: ['query'] } });
  });

  it.each([
    [{ query: '{ a }' }, { query: '{ a }' }],
    [{ query: '{ a }', variables: null }, { query: '{ a }' }],
    [
      { query: 'query ($a: [Int]) { b(a: $a) }', variables: { a: [1, { c: 'é' }] } },
      { query: 'query ($a: [Int]) { b(a: $a) }', variables: { a: [1, { c: 'é' }] } },
    ],
  ])('posts %j as JSON to the endpoint, its query kept', (args, body) => {
    const request = tool.requestFor(args);
    expect(request).toMatchObject({ method: 'POST', path: '/api/graphql?v=1' });
    expect(request.headers).toMatchObject({ 'content-type': 'application/json' });
    expect(JSON.parse(request.body)).toEqual(body);
  });

  it.each([
    [{}, /query: must be/],
    [{ query: 7 }, /query: must be/],
    [{ query: ' ' }, /query: must be/],
    [{ query: '{ a }', variables: '{}' }, /variables: must be an object/],
    [{ query: '{ a }', variables: [1] }, /variables: must be an object/],
    [{ query: '{ a }', headers: {} }, /headers: is not an argument/],
    [{ query: '{ a' }, /Syntax Error/],
    [{ query: '{ a { b { c { d } } } }' }, /its depth is 4, and 3 is the limit/],
    [{ query: 'query ($n: Int) { a(first: $n) { b } }', variables: { n: 1_000 } }, /its cost is 1001/],
    [{ query: 'subscription { a }' }, /a subscription is not sent/],
  ])('refuses %j and says why', (args, message) => {
    expect(() => tool.requestFor(args)).toThrow(message);
  });

  it.each([200, 400])('hides secrets that an error repeats: HTTP %s', (status) => {
    const result = tool.resultOf(answer({ data: null, errors: [{ message: 'bad token hunter2' }] }, status));
    expect(result).toMatchObject({ isError: true });
    expect(JSON.stringify(result)).toContain('bad token ***');
    expect(JSON.stringify(result)).not.toContain('hunter2');
  });

  it('gives what nests too deep to be given as structure as text', () => {
    const deep = `{"data":${'['.repeat(100)}${']'.repeat(100)}}`;
    expect(tool.resultOf(answer(deep))).toEqual({ content: [{ type: 'text', text: deep }] });
  });

  it('gives data as text and structure', () => {
    const body = { data: { a: 1 } };
    expect(tool.resultOf(answer(body))).toEqual({
      content: [{ type: 'text', text: JSON.stringify(body) }],
      structuredContent: body,
    });
  });

  it.each([
    { errors: [{ message: 'no' }] },
    { data: null, errors: [{ message: 'no' }] },
    { data: { a: 1 }, errors: [{}] },
  ])('tells %j as an error, and keeps what came with it', (body) => {
    expect(tool.resultOf(answer(body))).toMatchObject({ isError: true, structuredContent: body });
  });

  it('tells an HTTP error with what the service says, without secrets', () => {
    const result = tool.resultOf(answer({ errors: [{ message: 'hunter2 is wrong' }] }, 400));
    expect(result).toMatchObject({ isError: true, content: [{ text: expect.stringContaining('*** is wrong') }] });
  });

  it.each(['<html>', '[]', '{}', '', 'null'])('takes %j for no GraphQL response', (body) => {
    expect(() => tool.resultOf(answer(body))).toThrow(/no GraphQL response/);
  });
});
