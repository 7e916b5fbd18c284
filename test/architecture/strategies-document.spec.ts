import { beforeAll, describe, expect, it } from '@jest/globals';
import type { AuthAdapter, AuthBlock } from '#auth';
import { openAuthAdapter } from '#auth/testing';
import { z } from 'zod';
import { DOCUMENT, written } from '../../scripts/strategies-document.mjs';
import { blocksOf } from '../support/document-blocks.js';
import { readText } from './house.js';

describe(DOCUMENT, () => {
  const text = readText(DOCUMENT);
  const sections = [...text.matchAll(/^## ([a-z0-9_]+)$/gm)].map(([, name]) => name);
  const examples = blocksOf(text).filter(({ language }) => language === 'json');
  let auth: AuthAdapter;
  beforeAll(async () => void (auth = await openAuthAdapter()));

  it('has a section with its settings for every strategy, and for nothing else', () => {
    const names = auth.describe().map(({ name }) => name);
    expect([...sections].sort()).toEqual([...names].sort());
    expect(names.filter((name) => !text.includes(`<!-- settings: ${name} -->`))).toEqual([]);
  });

  it('tells the settings as they are: node scripts/strategies-document.mjs writes them', () => {
    expect(written(text, auth.describe(), z.toJSONSchema)).toBe(text);
  });

  it('would be found to be out of date', () => {
    const more = auth.describe().map((strategy) => ({ ...strategy, settings: z.object({ more: z.string() }) }));
    expect(written(text, more, z.toJSONSchema)).not.toBe(text);
  });

  it('says what each setting is', () => {
    const undescribed = auth.describe().flatMap(({ name, settings }) => {
      const { properties = {} } = z.toJSONSchema(settings) as { properties?: Record<string, { description?: string }> };
      return Object.entries(properties).flatMap(([key, { description }]) => (description ? [] : [`${name}: ${key}`]));
    });
    expect(undescribed).toEqual([]);
  });

  it('has an example for every strategy, each of which would be taken', () => {
    const told = examples.map(({ section, text: json }) => {
      const { auth_strategy, auth: settings = {} } = JSON.parse(json) as { auth_strategy: string; auth?: unknown };
      const block: AuthBlock = { strategy: auth_strategy, settings };
      return { section, strategy: auth_strategy, faults: auth.check(block).faults };
    });
    expect(told.filter(({ section, strategy, faults }) => section !== strategy || faults.length > 0)).toEqual([]);
    expect(sections.filter((name) => !told.some(({ section }) => section === name))).toEqual([]);
  });
});
