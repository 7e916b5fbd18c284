import { randomBytes, randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { type TenantId, tenantId } from '#kernel';
import { type DocumentRef, type Documents, OPERATOR } from '../src/documents/documents.js';

export interface OpenDocuments {
  readonly documents: Documents;
  close(): Promise<void>;
}

/** What every home of documents must do, for two tenants at a time. */
export function describeDocuments(name: string, open: () => Promise<OpenDocuments>): void {
  describe(`${name} as a home of documents`, () => {
    let opened: OpenDocuments;
    let documents: Documents;
    let own: TenantId;
    let foreign: TenantId;
    beforeAll(async () => {
      opened = await open();
      documents = opened.documents;
    });
    afterAll(() => opened?.close());
    beforeEach(() => void ([own, foreign] = [tenantId(randomUUID()), tenantId(randomUUID())]));

    const ref = (path: string, partition: DocumentRef['partition'] = own): DocumentRef => ({ partition, path });
    const conflict = { code: 'COMPOSER_DOCUMENT_CONFLICT' };
    const pathsOf = async (range: Parameters<Documents['range']>[1], partition: DocumentRef['partition'] = own) =>
      (await documents.range(partition, range)).map(({ path }) => path);
    const fill = (...paths: readonly string[]) =>
      Promise.all(paths.map((path, n) => documents.write(ref(path), { n })));

    it('has nothing in a new partition', async () => {
      expect(await documents.read(ref('a/1'))).toBeUndefined();
      expect(await documents.range(own, { prefix: '' })).toEqual([]);
      await documents.remove(ref('a/1'), '1-0123456789abcdef0123456789abcdef');
    });

    it('gives back what was written, whatever JSON that is', async () => {
      const body = {
        _id: 'mine',
        _rev: 'mine',
        b: { z: [null, true, -1.5e-7, 9_007_199_254_740_991, '', 'ü€😀\u0000\n'] },
        half: '\ud83d',
        ['__proto__x']: {},
        '': [[]],
      };
      const rev = await documents.write(ref('a/1'), body);
      expect(await documents.read(ref('a/1'))).toEqual({ path: 'a/1', rev, body });
      expect(await documents.range(own, { prefix: 'a/' })).toEqual([{ path: 'a/1', rev, body }]);
    });

    it('writes a new document once', async () => {
      await documents.write(ref('a/1'), { n: 1 });
      await expect(documents.write(ref('a/1'), { n: 2 })).rejects.toMatchObject(conflict);
      expect((await documents.read(ref('a/1')))?.body).toEqual({ n: 1 });
    });

    it('replaces the state that is named, and no other', async () => {
      const first = await documents.write(ref('a/1'), { n: 1 });
      const second = await documents.write(ref('a/1'), { n: 2 }, first);
      expect(second).not.toBe(first);
      await expect(documents.write(ref('a/1'), { n: 3 }, first)).rejects.toMatchObject(conflict);
      await expect(documents.remove(ref('a/1'), first)).rejects.toMatchObject(conflict);
      expect(await documents.read(ref('a/1'))).toEqual({ path: 'a/1', rev: second, body: { n: 2 } });
      await expect(documents.write(ref('a/2'), { n: 1 }, first)).rejects.toMatchObject(conflict);
      expect(await documents.read(ref('a/2'))).toBeUndefined();
    });

    it('writes the same body as another state', async () => {
      const first = await documents.write(ref('a/1'), { n: 1 });
      expect(await documents.write(ref('a/1'), { n: 1 }, first)).not.toBe(first);
    });

    it('lets one of many win who change the same state, or make the same document', async () => {
      const rev = await documents.write(ref('a/1'), { n: 0 });
      for (const [path, state] of [
        ['a/1', rev],
        ['a/2', undefined],
      ] as const) {
        const tries = Array.from({ length: 12 }, (_, n) => documents.write(ref(path), { n }, state).then(() => n));
        const won = (await Promise.allSettled(tries)).filter((one) => one.status === 'fulfilled');
        expect(won).toHaveLength(1);
        expect((await documents.read(ref(path)))?.body).toEqual({ n: won[0]!.value });
      }
    });

    it('removes, and takes the path again', async () => {
      const rev = await documents.write(ref('a/1'), { n: 1 });
      await documents.remove(ref('a/1'), rev);
      expect(await documents.read(ref('a/1'))).toBeUndefined();
      expect(await documents.range(own, { prefix: 'a/' })).toEqual([]);
      await documents.remove(ref('a/1'), rev);
      await expect(documents.write(ref('a/1'), { n: 2 }, rev)).rejects.toMatchObject(conflict);
      const again = await documents.write(ref('a/1'), { n: 3 });
      expect(again).not.toBe(rev);
      await expect(documents.remove(ref('a/1'), rev)).rejects.toMatchObject(conflict);
      expect((await documents.read(ref('a/1')))?.body).toEqual({ n: 3 });
    });

    it('gives a range in the order of paths by code unit, either way', async () => {
      await fill('a/~', 'a/B', 'a/a', 'a/a/b', 'a/A', 'a/10', 'a/9', 'ab/1', 'b/1', 'a');
      const all = ['a/10', 'a/9', 'a/A', 'a/B', 'a/a', 'a/a/b', 'a/~'];
      expect(await pathsOf({ prefix: 'a/' })).toEqual(all);
      expect(await pathsOf({ prefix: 'a/', order: 'descending' })).toEqual([...all].reverse());
      expect(await pathsOf({ prefix: 'a/a' })).toEqual(['a/a', 'a/a/b']);
      expect(await pathsOf({ prefix: '' })).toEqual(['a', ...all, 'ab/1', 'b/1']);
    });

    it('goes on behind a path, also one that is gone', async () => {
      await fill('a/1', 'a/2', 'a/3', 'a/4');
      expect(await pathsOf({ prefix: 'a/', limit: 2 })).toEqual(['a/1', 'a/2']);
      expect(await pathsOf({ prefix: 'a/', limit: 2, after: 'a/2' })).toEqual(['a/3', 'a/4']);
      expect(await pathsOf({ prefix: 'a/', after: 'a/2x' })).toEqual(['a/3', 'a/4']);
      expect(await pathsOf({ prefix: 'a/', after: 'a/4' })).toEqual([]);
      expect(await pathsOf({ prefix: 'a/', after: 'a/3', order: 'descending' })).toEqual(['a/2', 'a/1']);
      expect(await pathsOf({ prefix: 'a/', after: 'a/3', order: 'descending', limit: 1 })).toEqual(['a/2']);
      expect(await pathsOf({ prefix: 'a/', after: 'A' })).toHaveLength(4);
      expect(await pathsOf({ prefix: 'a/', after: 'b', order: 'descending' })).toHaveLength(4);
      expect(await pathsOf({ prefix: 'a/', after: 'b' })).toEqual([]);
    });

    it('keeps large bodies, compressible or not, and replaces them by small ones', async () => {
      let rev: string | undefined;
      const sizes = [100_000, 900_000, 5_000_000, 12_000_000];
      for (const body of [
        ...sizes.map((size) => ({ text: 'a'.repeat(size) })),
        ...sizes.map((size) => ({ text: randomBytes(size * 0.74).toString('base64') })),
        { text: '' },
      ]) {
        rev = await documents.write(ref('large/1'), body, rev);
        const read = await documents.read(ref('large/1'));
        expect(read?.rev).toBe(rev);
        expect(read?.body['text'] === body.text).toBe(true);
        const [ranged] = await documents.range(own, { prefix: 'large/' });
        expect(ranged?.body['text'] === body.text).toBe(true);
      }
    }, 60_000);

    it('refuses what is larger than 12 MiB, and leaves what was there', async () => {
      const rev = await documents.write(ref('a/1'), { n: 1 });
      const large = { text: 'a'.repeat(12 * 1024 * 1024) };
      await expect(documents.write(ref('a/1'), large, rev)).rejects.toMatchObject({
        code: 'COMPOSER_DOCUMENT_TOO_LARGE',
      });
      expect((await documents.read(ref('a/1')))?.body).toEqual({ n: 1 });
    });

    it('shows a partition nothing of another one, and lets it change nothing', async () => {
      const rev = await documents.write(ref('a/1'), { n: 1 });
      for (const partition of [foreign, OPERATOR] as const) {
        expect(await documents.read(ref('a/1', partition))).toBeUndefined();
        expect(await pathsOf({ prefix: '' }, partition)).not.toContain('a/1');
        await expect(documents.write(ref('a/1', partition), { n: 2 }, rev)).rejects.toMatchObject(conflict);
        await documents.remove(ref('a/1', partition), rev);
      }
      const theirs = await documents.write(ref('a/1', foreign), { n: 3 });
      expect(await documents.read(ref('a/1'))).toEqual({ path: 'a/1', rev, body: { n: 1 } });
      expect((await documents.read(ref('a/1', foreign)))?.rev).toBe(theirs);
      expect(await pathsOf({ prefix: '' })).toEqual(['a/1']);
    });

    it('keeps what strangers name in the partition that it was asked in', async () => {
      await documents.write(ref('a/1', foreign), { n: 1 });
      const odd = [
        'a:b/1',
        `${foreign}:a/1`,
        'a%2F1',
        'a?rev=1',
        'a#b',
        'a+b',
        'a&b=c',
        'a\\..\\1',
        '"a"',
        'a;b',
        '%2e%2e/a',
      ];
      await fill(...odd);
      for (const [n, path] of odd.entries()) {
        expect(await documents.read(ref(path))).toMatchObject({ path, body: { n } });
        expect(await pathsOf({ prefix: path })).toContain(path);
      }
      expect(await pathsOf({ prefix: '' }, foreign)).toEqual(['a/1']);
      for (const path of odd) await documents.remove(ref(path), (await documents.read(ref(path)))!.rev);
      expect(await pathsOf({ prefix: '' }, foreign)).toEqual(['a/1']);
      expect(await pathsOf({ prefix: '' })).toEqual([]);
    });

    it.each(['', '/a', 'a/../b', '..', './a', 'a/.', '_design/a', 'a b', 'a\n', 'ü', 'a'.repeat(513)])(
      'takes no path such as %j',
      async (path) => {
        await expect(documents.read(ref(path))).rejects.toThrow(TypeError);
        await expect(documents.write(ref(path), {})).rejects.toThrow(TypeError);
        await expect(documents.remove(ref(path), '1')).rejects.toThrow(TypeError);
      },
    );

    it.each(['', 'a:b', '_design', 'a/b', '..', 'a b', '*'])('takes no partition such as %j', async (partition) => {
      await expect(documents.read(ref('a', tenantId(partition)))).rejects.toThrow(TypeError);
      await expect(documents.range(tenantId(partition), { prefix: '' })).rejects.toThrow(TypeError);
      await expect(documents.write(ref('a', tenantId(partition)), {})).rejects.toThrow(TypeError);
    });

    it('pages through more than one request gives', async () => {
      const paths = Array.from({ length: 1_100 }, (_, n) => `many/${String(n).padStart(4, '0')}`);
      for (let at = 0; at < paths.length; at += 100) await fill(...paths.slice(at, at + 100));
      expect(await pathsOf({ prefix: 'many/' })).toEqual(paths.slice(0, 1000));
      expect(await pathsOf({ prefix: 'many/', limit: 2_000 })).toEqual(paths);
      expect(await pathsOf({ prefix: 'many/', limit: 1_050, order: 'descending' })).toEqual(
        [...paths].reverse().slice(0, 1_050),
      );
    }, 60_000);
  });
}
