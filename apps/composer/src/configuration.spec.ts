import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from '@jest/globals';
import { CONFIGURATION } from './configuration.js';

const LIBS = fileURLToPath(new URL('../../../libs', import.meta.url));

describe('the list of configuration slices', () => {
  it('names every slice that a lib declares, so that every fault is told at start', () => {
    const declared = readdirSync(LIBS, { recursive: true, encoding: 'utf8' })
      .filter((path) => path.endsWith('.ts') && !path.endsWith('.spec.ts'))
      .flatMap((path) => [...readFileSync(join(LIBS, path), 'utf8').matchAll(/\bconfigSlice\(\s*'([^']+)'/g)])
      .map(([, name]) => `CONFIGURATION(${name})`);
    expect(CONFIGURATION.map(({ KEY }) => KEY).sort()).toEqual(declared.sort());
    expect(declared).not.toEqual([]);
  });
});
