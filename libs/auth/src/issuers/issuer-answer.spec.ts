import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { type IssuerAnswer, type StrategyParts, openStrategyParts } from '#auth/testing';
import { askIssuer, refusalOf } from './issuer-answer.js';

const SECRET = 'canary_of_a_key';
const basic = (pair: string) => ({ authorization: `Basic ${Buffer.from(pair).toString('base64')}` });

describe('the code of a refusal', () => {
  let parts: StrategyParts;
  let answer: IssuerAnswer;
  beforeEach(async () => void (parts = await openStrategyParts(() => answer)));
  afterEach(() => parts.close());

  const reasonFor = async (request: object, body: object): Promise<unknown> => {
    answer = { status: 400, body };
    const asked = { method: 'POST', url: `${parts.issuer.url}/token?key=${SECRET}%5fin_the_address`, ...request };
    const refusal = refusalOf(await askIssuer(parts.http, asked), { hasGrant: false });
    return (refusal as { reason?: unknown } | undefined)?.reason;
  };

  it.each([
    ['in a form', { body: `apikey=${SECRET}_in_the_form` }, `${SECRET}_in_the_form`],
    ['encoded in a form', { body: `apikey=${SECRET}%5Fencoded` }, `${SECRET}_encoded`],
    ['in JSON', { body: JSON.stringify({ apikey: SECRET }) }, SECRET],
    ['in a header', { headers: { authorization: `Bearer ${SECRET}_in_a_header` } }, `${SECRET}_in_a_header`],
    ['of HTTP Basic', { headers: basic(`ann:${SECRET}_of_basic`) }, `${SECRET}_of_basic`],
    ['of HTTP Basic, encoded', { headers: basic(`ann:${SECRET}%5Fencoded`) }, `${SECRET}_encoded`],
    ['in the address', {}, `${SECRET}_in_the_address`],
  ])('is nothing that was sent %s', async (_, request, echo) => {
    const body = { error: echo, errorCode: echo, errors: [{ code: echo }], code: echo };
    expect(await reasonFor(request, body)).toBe('http_400');
    expect(await reasonFor(request, { ...body, code: 'BXNIM0415E' })).toBe('BXNIM0415E');
  });

  it('is a word of the standard, whatever was sent', async () => {
    expect(await reasonFor({ body: 'scope=invalid_scope' }, { error: 'invalid_scope' })).toBe('invalid_scope');
  });
});
