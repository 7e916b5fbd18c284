import { parseMessage } from '#builder';
import { Log, SecretValues } from '#observability';
import { principalOf } from '#tenancy/testing';
import { beforeEach, describe, expect, it } from '@jest/globals';
import { ToldResponse } from '../../testing/told-response.js';
import { EVERYTHING } from '../catalog/selection.js';
import { HttpReply } from '../mcp-endpoint/http-reply.js';
import type { TaskSubscriptions } from '../tasks/task-subscriptions.js';
import type { ResourceSubscriptions } from './resource-subscriptions.js';
import type { SessionSubscriptions } from './session-subscriptions.js';
import { SubscriptionRequests } from './subscription-requests.js';

describe('a wish to hear of resources', () => {
  let response: ToldResponse;
  let answer: () => void;
  let ended: string[];
  let opened: number;

  beforeEach(() => {
    [response, ended, opened] = [new ToldResponse(), [], 0];
    const taken = new Promise((resolve) => (answer = () => resolve({ kind: 'subscribed' })));
    const requests = new SubscriptionRequests(
      { subscribe: () => taken, end: (key: string) => ended.push(key) } as unknown as ResourceSubscriptions,
      {} as SessionSubscriptions,
      { opened: () => undefined, end: () => undefined } as unknown as TaskSubscriptions,
      Log.open({ level: 'fatal', format: 'json' }, new SecretValues(), () => undefined),
    );
    const params = { notifications: { resourceSubscriptions: ['note://1'] } };
    const sent = { jsonrpc: '2.0', id: 1, method: 'subscriptions/listen', params };
    const message = parseMessage(Buffer.from(JSON.stringify(sent)));
    const reply = new HttpReply(response.asServerResponse, { era: 'modern', takesEvents: true });
    const asked = { principal: principalOf('ann'), selection: EVERYTHING, message, reply };
    requests.listen(asked, 'key', () => opened++);
  });
  const settled = () => new Promise((resolve) => setImmediate(resolve));

  it('opens a stream when the member has answered', async () => {
    answer();
    await settled();
    expect([opened, ended]).toEqual([1, []]);
  });

  it('opens none for a client that has left by then', async () => {
    response.emit('close');
    answer();
    await settled();
    expect([opened, ended]).toEqual([0, ['key']]);
  });
});
