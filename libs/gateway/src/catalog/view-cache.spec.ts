import { describe, expect, it } from '@jest/globals';
import { CatalogView } from './catalog-view.js';
import type { CatalogEntry } from './catalog-entry.js';
import { ViewCache } from './view-cache.js';

/** A view of about so many bytes. */
function viewOf(bytes: number): CatalogView {
  const entry: CatalogEntry = {
    name: 'a',
    fullName: 'a',
    definition: Buffer.alloc(bytes - 1000),
    target: { management: 'a' },
  };
  const entries = { tools: [entry], prompts: [], resources: [], resourceTemplates: [] };
  return new CatalogView(entries, { pageSize: 10, servers: [] });
}

describe('ViewCache', () => {
  it('keeps as much as its bound, and lets the one go that was not used lately', () => {
    const cache = new ViewCache(3000);
    const gone: string[] = [];
    const [a, b, c] = ['a', 'b', 'c'].map((name) => cache.add(viewOf(1000), () => gone.push(name)));
    cache.add(viewOf(1000), () => gone.push('d'));
    expect(gone).toEqual(['a']); // all were new: the oldest
    b!.isUsed = true;
    cache.add(viewOf(1000), () => gone.push('e'));
    expect(gone).toEqual(['a', 'c']);
    expect([a!.view, b!.view, c!.view].map((view) => view !== undefined)).toEqual([false, true, false]);
    expect(cache.size).toBe(3);
  });

  it('keeps the newest one, however large', () => {
    const cache = new ViewCache(3000);
    for (let i = 0; i < 3; i++) cache.add(viewOf(1000), () => undefined);
    const large = cache.add(viewOf(1_000_000), () => undefined);
    expect(large.view).toBeDefined();
    expect(cache.size).toBe(1);
    cache.add(viewOf(1000), () => undefined);
    expect([large.view, cache.size]).toEqual([undefined, 1]);
  });

  it('lets one go once', () => {
    const cache = new ViewCache(3000);
    let gone = 0;
    const held = cache.add(viewOf(1000), () => gone++);
    cache.drop(held);
    cache.drop(held);
    expect([gone, cache.size]).toEqual([1, 0]);
    for (let i = 0; i < 3; i++) cache.add(viewOf(1000), () => gone++);
    expect(cache.size).toBe(3);
  });
});
