import { describe, expect, it } from '@jest/globals';
import { costRatio } from '#kernel/testing';
import { UriTemplate } from './uri-template.js';

describe('UriTemplate', () => {
  it.each([
    ['a://b', 'a://b'],
    ['a://{id}', 'a://b'],
    ['a://{id}', 'a://'],
    ['a://{id}/notes/{note}', 'a://7/notes/x%2Fy'],
    ['file:///{+path}', 'file:///a/b/c.txt'],
    ['file://{/segments*}', 'file:///a/b'],
    ['a://b{?q,lang}', 'a://b?q=1&lang=de'],
    ['a://b{?q,lang}', 'a://b'],
    ['a://{x}.{y}.json', 'a://1.2.3.json'],
    ['a://{x}{y}', 'a://12'],
    ['a://{x}{+y}', 'a://1/2'],
    ['a://{open', 'a://{open'],
    ['{+uri}', 'any:thing/at?all'],
  ])('%s may be %s', (template, uri) => {
    expect(new UriTemplate(template).matches(uri)).toBe(true);
  });

  it.each([
    ['a://b', 'a://bc'],
    ['a://b', 'a://'],
    ['a://{id}', 'b://b'],
    ['a://{id}', 'a://b/c'],
    ['a://{id}/notes', 'a://b/c/notes'],
    ['a://{id}/notes', 'a://b/notes/c'],
    ['a://{id}/x/{y}', 'a://b/x'],
    ['a://{id}aa', 'a://a'],
  ])('%s is never %s', (template, uri) => {
    expect(new UriTemplate(template).matches(uri)).toBe(false);
  });

  it('counts what stands for itself', () => {
    expect(new UriTemplate('a://{b}/c').literals).toBe(6);
  });

  it('costs no more than the length of what is compared', () => {
    const template = new UriTemplate('{+a}a'.repeat(800));
    const compare = (size: number) => {
      for (let n = 0; n < 100; n++) expect(template.matches(`${'a'.repeat(size)}b`)).toBe(false);
    };
    expect(costRatio(compare, [8_000, 64_000])).toBeLessThan(32);
  });
});
