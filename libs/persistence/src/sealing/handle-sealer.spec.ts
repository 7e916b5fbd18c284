import { describe, expect, it } from '@jest/globals';
import { randomRing } from '../../testing/open-database.js';
import { HandleSealer } from './handle-sealer.js';
import { KeyRingFile } from './key-ring-file.js';

async function sealerWith(ring = randomRing()): Promise<HandleSealer> {
  const file = new KeyRingFile({ ring, file: '' });
  await file.load();
  return new HandleSealer(file);
}

describe('HandleSealer', () => {
  it('opens in another process what was sealed in this one', async () => {
    const ring = randomRing();
    const handle = (await sealerWith(ring)).seal('session', 'häns');
    expect(handle).toMatch(/^[\w.-]+$/);
    expect((await sealerWith(ring)).open('session', handle)).toBe('häns');
  });

  it('opens nothing for another purpose, under another ring, or that was altered', async () => {
    const sealer = await sealerWith();
    const handle = sealer.seal('session', 'text');
    expect(sealer.open('state', handle)).toBeUndefined();
    expect((await sealerWith()).open('session', handle)).toBeUndefined();
    for (let i = 0; i < handle.length; i++) {
      const other = handle[i] === 'A' ? 'B' : 'A';
      expect(sealer.open('session', handle.slice(0, i) + other + handle.slice(i + 1))).toBeUndefined();
    }
    for (const bad of ['', '.', '..', 'h1..', `${handle}.x`, `${handle}=`, handle.slice(0, 40)]) {
      expect(sealer.open('session', bad)).toBeUndefined();
    }
  });
});
