import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { trailOn } from '#audit/testing';
import { type TenantId, serverId } from '#kernel';
import { SealBrokenError } from '#persistence';
import { type OpenDatabase, asSuperuser, createTenant, openPostgresDatabase, openPresence } from '#persistence/testing';
import { SYSTEM } from '#tenancy';
import type { Client } from 'pg';
import { keeperOn } from '../testing/keeper-on.js';
import { PostgresTokenStore } from './postgres/postgres.token-store.js';
import { type TokenKey, credentialId } from './token-key.js';
import type { TokenKeeper } from './token-keeper.js';

const CANARY = 'canary-8Rk';
const TAG = 5;

/** Somebody writes into the database who holds no key. */
describe('a stored credential', () => {
  let opened: OpenDatabase;
  let trail: Awaited<ReturnType<typeof trailOn>>;
  let first: TokenKey;
  let second: TokenKey;
  let foreign: TokenKey;
  const closing: (() => Promise<void>)[] = [];

  /** As a process has it that has just begun. */
  function cold(): TokenKeeper {
    const { presence } = openPresence({ type: 'embedded', dataDir: '' });
    const store = new PostgresTokenStore(opened.database, trail, presence);
    return keeperOn({ store, sealer: opened.sealer }).keeper;
  }
  const keyIn = (tenantId: TenantId, id: string): TokenKey => ({
    tenantId,
    serverId: serverId(id),
    kind: 'token',
    issuer: 'https://issuer.example',
    fingerprint: 'settings',
  });
  const put = async (key: TokenKey, word: string): Promise<void> => {
    const accessToken = `${CANARY}-${word}`;
    await cold().put(key, { accessToken, refreshToken: `${accessToken}-refresh` }, SYSTEM);
  };

  beforeAll(async () => {
    opened = await openPostgresDatabase();
    trail = await trailOn(opened.database);
    closing.push(() => opened.close());
    const [tenant, other] = [await createTenant(opened.database), await createTenant(opened.database)];
    [first, second, foreign] = [keyIn(tenant, 'crm'), keyIn(tenant, 'shop'), keyIn(other, 'crm')];
    for (const [at, key] of [first, second, foreign].entries()) await put(key, `${at}`);
  });
  afterAll(async () => {
    for (const close of closing) await close();
  });

  const get = async (admin: Client, key: TokenKey): Promise<string> => {
    const where = [key.tenantId, credentialId(key)];
    const { rows } = await admin.query<{ sealed: string }>(
      'SELECT sealed FROM credentials WHERE tenant_id = $1 AND id = $2',
      where,
    );
    return rows[0]!.sealed;
  };
  const set = (admin: Client, key: TokenKey, sealed: string) =>
    admin.query('UPDATE credentials SET sealed = $3 WHERE tenant_id = $1 AND id = $2', [
      key.tenantId,
      credentialId(key),
      sealed,
    ]);
  const asAttacker = <T>(work: (admin: Client) => Promise<T>): Promise<T> =>
    asSuperuser(work, new URL((opened.config as { url: string }).url).pathname.slice(1));

  /** Puts other values there, has each read, and puts the right one back. */
  async function expectBroken(others: (own: string, admin: Client) => Promise<readonly string[]>): Promise<void> {
    await asAttacker(async (admin) => {
      const own = await get(admin, first);
      for (const other of await others(own, admin)) {
        expect(other).not.toBe(own);
        await set(admin, first, other);
        const failure = await cold()
          .find(first)
          .catch((error: unknown) => error as Error);
        expect(failure).toBeInstanceOf(SealBrokenError);
        const { message } = failure as Error;
        for (const word of [CANARY, own, ...other.split('.').slice(2)]) {
          if (word.length > 3) expect(message).not.toContain(word);
        }
      }
      await set(admin, first, own);
    });
    for (const [at, key] of [first, second, foreign].entries()) {
      expect((await cold().find(key))?.tokens.accessToken).toBe(`${CANARY}-${at}`);
    }
  }

  it('does not open in the place of another server, nor of the same server in another tenant', async () => {
    await expectBroken(async (_, admin) => [await get(admin, second), await get(admin, foreign)]);
  });

  it('does not open when it is the one of an earlier generation', async () => {
    const earlier = await asAttacker((admin) => get(admin, first));
    await put(first, '0');
    await expectBroken(async () => [earlier]);
  });

  it('does not open with any bit turned, nor with a tag that was cut', async () => {
    await expectBroken(async (own) => {
      const parts = own.split('.');
      const spelled = (part: number, bytes: Buffer) => parts.with(part, bytes.toString('base64url')).join('.');
      const turned = [3, 4, TAG].flatMap((part) => {
        const whole = Buffer.from(parts[part]!, 'base64url');
        return Array.from({ length: whole.length * 8 }, (_, bit) => {
          const bytes = Buffer.from(whole);
          bytes[bit >> 3]! ^= 1 << (bit & 7);
          return spelled(part, bytes);
        });
      });
      const tag = Buffer.from(parts[TAG]!, 'base64url');
      return [...turned, ...[0, 4, 8, 12, 13, 14, 15].map((length) => spelled(TAG, tag.subarray(0, length)))];
    });
  });
});
