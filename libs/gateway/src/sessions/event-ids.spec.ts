import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { EventIds } from './event-ids.js';
import { SessionSeal } from './session-seal.js';

/** Seals under a key of its own. */
class OwnSeal extends SessionSeal {
  private readonly key = randomBytes(32);

  override seal(content: string): string {
    const nonce = randomBytes(12);
    const cipher = createCipheriv('aes-256-gcm', this.key, nonce);
    return Buffer.concat([nonce, cipher.update(content), cipher.final(), cipher.getAuthTag()]).toString('base64url');
  }
  override open(sealed: string): string | undefined {
    const bytes = Buffer.from(sealed, 'base64url');
    try {
      const decipher = createDecipheriv('aes-256-gcm', this.key, bytes.subarray(0, 12));
      decipher.setAuthTag(bytes.subarray(-16));
      return Buffer.concat([decipher.update(bytes.subarray(12, -16)), decipher.final()]).toString();
    } catch {
      return undefined;
    }
  }
}

describe('EventIds', () => {
  const seal = new OwnSeal();
  const ids = new EventIds(seal);
  const call = { stream: 'w', owner: 'o', requestId: '"7"' };

  it('say of which stream an event is, and its number', () => {
    expect(ids.read(`${ids.ofCall('s', call)}12`, 's')).toEqual({ kind: 'call', ...call, after: 12 });
    expect(ids.read(ids.overOf('s', call), 's')).toEqual({ kind: 'call', ...call });
    expect(ids.read(`${ids.ofListening('s')}abc`, 's')).toEqual({ kind: 'listening', seen: 'abc' });
  });

  it('are worth nothing in another session', () => {
    expect(ids.read(`${ids.ofCall('s', call)}12`, 't')).toBeUndefined();
    expect(ids.read(`${ids.ofListening('s')}abc`, 't')).toBeUndefined();
  });

  it('are worth nothing if they were made up, altered or sealed for something else', () => {
    const id = `${ids.ofCall('s', call)}1`;
    const state = seal.seal(JSON.stringify({ k: 'consent', s: 's' }));
    for (const other of ['', '.', '1', 'x.1', id.slice(1), `${id}x`, `${ids.ofCall('s', call)}-1`, `${state}.1`]) {
      expect(ids.read(other, 's')).toBeUndefined();
    }
  });

  it('leave out the id of a request that is longer than a header should be', () => {
    const long = { ...call, requestId: JSON.stringify('x'.repeat(1_000)) };
    expect(ids.read(`${ids.ofCall('s', long)}1`, 's')).toEqual({ kind: 'call', stream: 'w', owner: 'o', after: 1 });
    expect(ids.ofCall('s', long).length).toBeLessThan(400);
  });
});
