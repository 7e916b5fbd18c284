import { EgressBadAnswerError, EgressDeniedError, EgressTimeoutError, EgressUnreachableError } from '#egress';
import { describe, expect, it } from '@jest/globals';
import {
  BuilderFaultError,
  MemberClosedError,
  MemberProtocolError,
  MemberRefusedError,
  MemberTimeoutError,
} from '../builder.errors.js';
import { outcomeOf, retryDelay, wasNeverSent } from './retry.js';

describe('wasNeverSent', () => {
  it.each([
    ['refused before a byte was written', new EgressUnreachableError('refused', true), false, true],
    ['broken, and nobody knows when', new EgressUnreachableError('reset', false), false, false],
    ['broken before the request began', new EgressUnreachableError('reset', false), true, true],
    ['silent after the request', new EgressTimeoutError('no headers', false), false, false],
    ['silent before the request', new EgressTimeoutError('no connection', true), false, true],
    ['without a session in time', new MemberTimeoutError(5), true, true],
    ['out of time', new MemberTimeoutError(5), false, false],
    ['not allowed: another try changes nothing', new EgressDeniedError(), true, false],
    ['refused its credential', new MemberRefusedError(401), true, false],
    ['answered nonsense', new EgressBadAnswerError('no HTTP'), false, false],
  ])('tells whether a call may be sent again that was %s', (_, error, isUnsent, verdict) => {
    expect(wasNeverSent(error, isUnsent)).toBe(verdict);
  });
});

describe('retryDelay', () => {
  it('doubles with every try and differs from caller to caller', () => {
    for (const tries of [1, 2, 3, 4, 5]) {
      const delays = Array.from({ length: 200 }, () => retryDelay(tries));
      const most = 50 * 2 ** tries;
      expect(Math.min(...delays)).toBeGreaterThanOrEqual(most / 2);
      expect(Math.max(...delays)).toBeLessThanOrEqual(most);
      expect(new Set(delays).size).toBeGreaterThan(100);
    }
  });
});

describe('outcomeOf', () => {
  it.each([
    ['a refused credential', new MemberRefusedError(403), 'auth_required'],
    ['a call out of time', new MemberTimeoutError(1), 'timeout'],
    ['silence', new EgressTimeoutError('no headers', false), 'timeout'],
    ['a refused connection', new EgressUnreachableError('refused', true), 'unreachable'],
    ['nonsense', new MemberProtocolError('nonsense'), 'error'],
    ['a member that was changed', new MemberClosedError(), 'error'],
    ['a fault of our own', new BuilderFaultError(new Error('x')), 'error'],
  ])('makes of %s the right state', (_, error, outcome) => {
    expect(outcomeOf(error)).toBe(outcome);
  });
});
