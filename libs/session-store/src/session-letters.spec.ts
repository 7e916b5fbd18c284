import { beforeEach, describe, expect, it } from '@jest/globals';
import { Clock, tenantId } from '#kernel';
import { type OpenSessionStore, openSessionStore } from '../testing/index.js';

const acme = tenantId('acme');
const globex = tenantId('globex');

class SetClock extends Clock {
  time = 1_795_000_000_000;
  override now(): number {
    return this.time;
  }
}

describe('SessionLetters', () => {
  let clock: SetClock;
  let shared: OpenSessionStore;
  /** A process, and what it has read. */
  const process = () => {
    const { letters } = shared.process();
    const read: string[] = [];
    letters.onLetter((tenant, text) => void read.push(`${tenant} ${text}`));
    return { letters, read };
  };

  beforeEach(async () => {
    clock = new SetClock();
    shared = await openSessionStore(clock);
  });

  it('come to every other process once, and not to the one that sends them', async () => {
    const [one, two, three] = [process(), process(), process()];
    await one.letters.send(acme, 'a');
    await two.letters.send(acme, 'b');
    await shared.settled();
    expect([one.read, two.read, three.read]).toEqual([['acme b'], ['acme a'], ['acme a', 'acme b']]);
  });

  it('name their tenant, and cannot be read by others', async () => {
    const [one, two] = [process(), process()];
    await one.letters.send(acme, 'secret');
    await one.letters.send(globex, 'other');
    await shared.settled();
    expect(two.read).toEqual(['acme secret', 'globex other']);
    expect(JSON.stringify(await shared.store.list(acme, '-', { prefix: '' }))).not.toContain('secret');
  });

  it('are read once also by a clock that is some seconds off, and gone after half a minute', async () => {
    const one = process();
    await one.letters.send(acme, 'old');
    clock.time += 31_000;
    const late = process();
    await one.letters.send(acme, 'new');
    clock.time += 5_000;
    await one.letters.send(acme, 'newer');
    await shared.settled();
    expect(late.read).toEqual(['acme new', 'acme newer']);
  });

  it('do not stop at a reader that fails', async () => {
    const [one, two] = [process(), process()];
    two.letters.onLetter(() => {
      throw new Error('cannot read');
    });
    const after: string[] = [];
    two.letters.onLetter((_, text) => void after.push(text));
    await one.letters.send(acme, 'a');
    await shared.settled();
    expect(after).toEqual(['a']);
  });

  it('are not written where one process alone has the store', async () => {
    shared = await openSessionStore(clock, 'embedded');
    const one = process();
    await one.letters.send(acme, 'a');
    expect([shared.store.size, one.letters.hasOthers]).toEqual([0, false]);
  });
});

describe('SessionRecords', () => {
  it('keep so much of one tenant, and no more before some of it has expired', async () => {
    const clock = new SetClock();
    const { records } = (await openSessionStore(clock)).process();
    const note = (name: string) => ({ session: 's', name, text: 'x'.repeat(500 * 1024), seconds: 60 });
    let kept = 0;
    while (kept < 1_000 && (await records.keep(acme, [note(String(kept))]))) kept++;
    expect(kept).toBe(131); // 64 MiB
    expect(await records.keep(globex, [note('other')])).toBe(true);
    clock.time += 180_000;
    expect(await records.keep(acme, [note('again')])).toBe(true);
  });

  it('give what they were told under the names, to its session alone', async () => {
    const { records } = (await openSessionStore()).process();
    const kept = { session: 's', name: 'a/1', text: 'ä\u0000"', seconds: 60 };
    await records.keep(acme, [kept, { ...kept, session: 't', text: 'other' }]);
    expect(await records.read(acme, 's', { prefix: 'a/' })).toEqual([{ name: 'a/1', text: 'ä\u0000"' }]);
    await records.forget(acme, 's', 'a/');
    expect(await records.read(acme, 's', { prefix: '' })).toEqual([]);
    expect(await records.read(acme, 't', { prefix: '' })).toEqual([{ name: 'a/1', text: 'other' }]);
  });
});
