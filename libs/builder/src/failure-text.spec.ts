import { PrincipalMissingError } from '#auth';
import { EgressDeniedError, EgressTimeoutError, EgressUnreachableError, wireFault } from '#egress';
import { serverId } from '#kernel';
import { describe, expect, it } from '@jest/globals';
import {
  MemberBusyError,
  MemberClosedError,
  MemberProtocolError,
  MemberRefusedError,
  MemberTimeoutError,
  asComposerError,
  refusalOf,
} from './builder.errors.js';
import { failureText } from './failure-text.js';

const UNKNOWN = 'Whether the call was carried out is not known: check before you repeat it.';
const UNSENT = 'The call was not sent; try again later.';

describe('failureText', () => {
  it.each([
    ['a refused credential', new MemberRefusedError(401), 'An administrator has to enter a working credential.'],
    [
      'a scope that is missing',
      refusalOf(403, 'Bearer error="insufficient_scope"'),
      'An administrator has to ask for that scope in the settings.',
    ],
    ['a refusal of another kind', refusalOf(403, 'Bearer'), 'An administrator has to enter a working credential.'],
    [
      'a call that names nobody',
      new PrincipalMissingError(serverId('crm')),
      'The call was not sent; nobody else can connect it for you.',
    ],
    ['a call out of time', new MemberTimeoutError(60), UNKNOWN],
    ['a member that was changed', new MemberClosedError(), UNKNOWN],
    ['a member that cannot be reached', new EgressUnreachableError('refused', true), UNSENT],
    ['a connection that broke', new EgressUnreachableError('reset', false), UNKNOWN],
    ['silence before the request', new EgressTimeoutError('no connection', true), UNSENT],
    ['silence behind the request', new EgressTimeoutError('no headers', false), UNKNOWN],
    ['nonsense', new MemberProtocolError('it answered nonsense'), 'If this goes on, tell an administrator.'],
    ['an address that may not be called', new EgressDeniedError(), 'If this goes on, tell an administrator.'],
  ])('says which server failed, why, and what to do after %s', (_, error, advice) => {
    expect(failureText('crm', error)).toBe(`Server "crm" failed (${error.code}): ${error.message}. ${advice}`);
  });

  it('tells that a member is busy, and that nothing was sent', () => {
    expect(failureText('crm', new MemberBusyError())).toBe(
      'Server "crm" is busy (COMPOSER_MEMBER_BUSY): too many calls are under way; the call was not sent, try again later.',
    );
  });

  it('tells nothing of what caused the failure: no address, no header, no inside', () => {
    const inside = Object.assign(new Error('connect ECONNREFUSED 10.1.2.3:8443 Bearer hunter2'), {
      code: 'ECONNREFUSED',
      address: '10.1.2.3',
      config: { headers: { authorization: 'Bearer hunter2' } },
    });
    for (const error of [wireFault(inside, false), asComposerError(inside), new MemberProtocolError('bad', inside)]) {
      expect(failureText('crm', error)).not.toMatch(/10\.1|8443|Bearer|hunter2|ECONN/);
    }
  });
});

describe('asComposerError', () => {
  it('leaves our own errors as they are, and makes an internal fault of everything else', () => {
    const own = new MemberClosedError();
    expect(asComposerError(own)).toBe(own);
    const cause = new TypeError('bug');
    expect(asComposerError(cause)).toMatchObject({ code: 'COMPOSER_BUILDER_FAULT', status: 500, cause });
    expect(asComposerError('thrown text')).toMatchObject({ code: 'COMPOSER_BUILDER_FAULT' });
  });
});
