import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from '@jest/globals';
import { CONFIGURATION } from './configuration.js';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));

describe('the list of configuration slices', () => {
  it('names every slice that is declared, so that every fault is told at start', () => {
    const declared = ['apps', 'libs']
      .flatMap((top) =>
        readdirSync(join(ROOT, top), { recursive: true, encoding: 'utf8' }).map((path) => join(top, path)),
      )
      .filter((path) => path.endsWith('.ts') && !path.endsWith('.spec.ts'))
      .flatMap((path) => [...readFileSync(join(ROOT, path), 'utf8').matchAll(/\bconfigSlice\(\s*'([^']+)'/g)])
      .map(([, name]) => `CONFIGURATION(${name})`);
    expect(CONFIGURATION.map(({ KEY }) => KEY).sort()).toEqual(declared.sort());
    expect(declared).not.toEqual([]);
  });
});
