import type { IncomingMessage } from 'node:http';
import { type CallerIdentity, UnauthenticatedError } from '#access';
import { OpenExchanges } from '#gateway';
import { Clock, ComposerError, tenantId } from '#kernel';
import { Log, SecretValues } from '#observability';
import type { ChangeFeed, ChangeListener } from '#persistence';
import type { Principal } from '#tenancy';
import { principalOf } from '#tenancy/testing';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { AccessWatch } from './access-watch.js';

const acme = tenantId('acme');
const away = new ComposerError('COMPOSER_IDENTITY_UNAVAILABLE', 'away', { status: 503 });

describe('AccessWatch', () => {
  let tell: ChangeListener;
  let watch: AccessWatch;
  let exchanges: OpenExchanges;
  let refused: Map<string, ComposerError>;
  let asked: string[];
  let answers: (() => void)[] | undefined;

  beforeEach(() => {
    jest.useFakeTimers();
    refused = new Map();
    asked = [];
    answers = undefined;
    const identity = {
      identify: async ({ principal }: { principal: Principal }) => {
        asked.push(principal.id);
        if (answers) await new Promise<void>((resolve) => answers!.push(resolve));
        const refusal = refused.get(principal.id);
        return refusal ? { refusal } : { principal };
      },
    };
    const feed = {
      onChange: (listener: ChangeListener) => {
        tell = listener;
        return () => undefined;
      },
    };
    exchanges = new OpenExchanges(new Clock());
    const log = Log.open({ level: 'fatal', format: 'json' }, new SecretValues(), () => undefined);
    watch = new AccessWatch(feed as unknown as ChangeFeed, identity as unknown as CallerIdentity, exchanges, log);
    watch.onModuleInit();
  });
  afterEach(() => {
    watch.onApplicationShutdown();
    jest.useRealTimers();
  });

  /** Opens an answer, and gives what ended it. */
  function open(id: string): string[] {
    const principal = principalOf(id, { tenantId: acme });
    const ended: string[] = [];
    const takeOut = exchanges.add({
      principal,
      request: { principal, url: '/mcp' } as unknown as IncomingMessage,
      endsWithCredential: false,
      end: ({ code }) => {
        ended.push(code);
        takeOut();
      },
      goOnAs: () => undefined,
    });
    return ended;
  }
  const changed = (topic = 'access') => Promise.resolve(tell({ tenantId: acme, topic }));
  const settle = () => jest.advanceTimersByTimeAsync(0);

  it('ends what is refused now, has ended it when the change is taken over, and leaves the rest', async () => {
    const [ann, bob] = [open('ann'), open('bob')];
    refused.set('ann', new UnauthenticatedError());
    await changed();
    expect([ann, bob]).toEqual([['COMPOSER_ACCESS_ENDED'], []]);
  });

  it('looks at nothing for changes of other things', async () => {
    open('ann');
    await changed('servers');
    expect(asked).toEqual([]);
  });

  it('follows changes that come together once more, and not once for each', async () => {
    open('ann');
    answers = [];
    const changes = Array.from({ length: 50 }, () => changed());
    await settle();
    answers.splice(0).forEach((answer) => answer());
    await settle();
    answers.splice(0).forEach((answer) => answer());
    await Promise.all(changes);
    expect(asked).toEqual(['ann', 'ann']);
  });

  it('ends nothing because nobody could say, and asks again until somebody can', async () => {
    const ann = open('ann');
    refused.set('ann', away);
    await changed();
    await jest.advanceTimersByTimeAsync(1_000);
    expect([ann, asked.length]).toEqual([[], 2]);
    refused.set('ann', new UnauthenticatedError());
    await jest.advanceTimersByTimeAsync(1_000);
    expect(ann).toEqual(['COMPOSER_ACCESS_ENDED']);
    await jest.advanceTimersByTimeAsync(10_000);
    expect(asked).toHaveLength(3);
  });
});
