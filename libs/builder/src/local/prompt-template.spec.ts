import { describe, expect, it } from '@jest/globals';
import { isPromptDefinition } from '../mcp/definitions.js';
import { PromptTemplate } from './prompt-template.js';

type Argument = { name: string; required?: boolean; description?: string };
const prompt = (template: string, declared: readonly Argument[] = []) =>
  new PromptTemplate({
    name: 'ask',
    description: 'Asks.',
    template,
    tags: [],
    arguments: declared.map((one) => ({ description: '', ...one })),
  });
const textOf = (template: string, args: Record<string, unknown>, declared: readonly Argument[] = []) => {
  const { messages } = prompt(template, declared).resultFor(args) as { messages: { content: { text: string } }[] };
  return messages[0]!.content.text;
};
const argumentsOf = (one: PromptTemplate) => (JSON.parse(one.definition) as { arguments?: object[] }).arguments;

describe('PromptTemplate', () => {
  it('is a prompt with the arguments that its template names, unless they are declared otherwise', () => {
    const one = prompt('{city} {{ day }} {city}', [
      { name: 'day', required: false, description: 'When' },
      { name: 'unused' },
    ]);
    expect(isPromptDefinition(JSON.parse(one.definition))).toBe(true);
    expect(argumentsOf(one)).toEqual([
      { name: 'day', description: 'When', required: false },
      { name: 'unused', required: false },
      { name: 'city', required: true },
    ]);
    expect(argumentsOf(prompt('nothing'))).toBeUndefined();
  });

  it.each([
    ['Weather in {city}?', { city: 'Ulm' }, 'Weather in Ulm?'],
    ['Weather in {{ city }}?', { city: 'Ulm' }, 'Weather in Ulm?'],
    ['{{city}}{city}', { city: 7 }, '77'],
    ['{"a": 1, "b": {c}}', { c: '2' }, '{"a": 1, "b": 2}'],
    ['{} {1} {a b} {{}} {constructor}', {}, '{} {1} {a b} {{}} {constructor}'],
  ])('fills %j with %j', (template, args, text) => {
    expect(textOf(template, args)).toBe(text);
  });

  it('puts values in as they are: nothing of them is read', () => {
    const value = '{b} {{ b }} ${process.exit()} $& `id` \r\n\0';
    expect(textOf('<{a}>{b}', { a: value, b: 'B' })).toBe(`<${value}>B`);
    expect(textOf('{a}', JSON.parse('{"a":"x","__proto__":{"b":1}}') as Record<string, unknown>)).toBe('x');
  });

  it('names every argument that is missing or no text, and repeats no value', () => {
    expect(() => prompt('{a} {b} {c}').resultFor({ a: { secret: 'hunter2' } })).toThrow(
      /^Invalid params: a must be text; b is required; c is required$/,
    );
    // What objects have from their prototype was given by nobody.
    expect(() => prompt('{toString}').resultFor({})).toThrow(/toString is required/);
    expect(textOf('<{a}>', {}, [{ name: 'a', required: false }])).toBe('<>');
  });

  it('makes no text that is much larger than what was sent', () => {
    const one = prompt('{a}'.repeat(20_000));
    expect(() => one.resultFor({ a: 'x'.repeat(100_000) })).toThrow(/more than 1048576 characters/);
  });
});
