import { randomBytes } from 'node:crypto';
import { createServer } from 'node:http';
import { URLSearchParams } from 'node:url';
import { differences, readRequest, wantedHeaders } from './exact-request.mjs';

/*
 * A token service that can be asked in every form that `dynamic_bearer` knows. It compares what comes with what its form
 * wants, byte by byte, and gives a token of its own for each request.
 */

const fresh = () => randomBytes(12).toString('base64url');
const JSON_ACCEPT = { accept: 'application/json' };
const FORM = { ...JSON_ACCEPT, 'content-type': 'application/x-www-form-urlencoded' };
const JSON_BODY = { ...JSON_ACCEPT, 'content-type': 'application/json' };
const basic = ({ id, secret }) => `Basic ${Buffer.from(`${id}:${secret}`).toString('base64')}`;
const form = (fields) => new URLSearchParams(fields).toString();

/**
 * `id` names the form, `auth` are settings of a member without the address, `secret` the one to spoil, `wants` is the
 * request, `gives` the answer for a token. Fresh secrets in every list.
 */
function tokenForms() {
  const client = { client_id: 'composer', client_secret: fresh() };
  const pair = { id: 'composer', secret: fresh() };
  const [iamKey, jsonKey] = [fresh(), fresh()];
  return [
    {
      id: 'iam',
      auth: { apikey: iamKey },
      secret: 'apikey',
      wants: () => ({
        method: 'POST',
        headers: FORM,
        body: form({ grant_type: 'urn:ibm:params:oauth:grant-type:apikey', apikey: iamKey }),
      }),
      gives: (token, expires_in) => ({
        access_token: token,
        refresh_token: 'not_supported',
        token_type: 'Bearer',
        expires_in,
        expiration: Math.floor(Date.now() / 1000) + expires_in,
        scope: 'ibm openid',
      }),
    },
    {
      id: 'json',
      auth: { apikey: jsonKey, media_type: 'json' },
      secret: 'apikey',
      wants: () => ({ method: 'POST', headers: JSON_BODY, body: JSON.stringify({ apikey: jsonKey }) }),
      gives: (token, expires_in) => ({ token, expires_in: String(expires_in) }),
    },
    {
      id: 'client',
      auth: { ...client, scope: 'read write' },
      secret: 'client_secret',
      wants: () => ({
        method: 'POST',
        headers: FORM,
        body: form({ grant_type: 'client_credentials', ...client, scope: 'read write' }),
      }),
      gives: (token, expires_in) => ({ access_token: token, token_type: 'Bearer', expires_in }),
    },
    {
      id: 'refresh',
      auth: { ...client, refresh_token: fresh() },
      secret: 'client_secret',
      /** Wants the refresh token that it gave last, and no other one. */
      wants: (refresh_token) => ({
        method: 'POST',
        headers: FORM,
        body: form({ grant_type: 'refresh_token', ...client, refresh_token }),
      }),
      gives: (token, expires_in, refresh_token) => ({ access_token: token, expires_in, refresh_token }),
    },
    {
      id: 'turbo',
      auth: { ...pair, token_gen_auth_method: 'basic', server: 'turbo', scope: 'role:OBSERVER' },
      secret: 'secret',
      wants: () => ({
        method: 'POST',
        headers: { ...FORM, authorization: basic(pair) },
        body: form({ grant_type: 'client_credentials', scope: 'role:OBSERVER' }),
      }),
      gives: (token, expires_in) => ({ access_token: token, expires_in }),
    },
    {
      id: 'basic-get',
      auth: { ...pair, token_gen_auth_method: 'basic' },
      secret: 'secret',
      wants: () => ({ method: 'GET', headers: { ...JSON_ACCEPT, authorization: basic(pair) }, body: '' }),
      gives: (token) => ({ token }),
    },
    {
      id: 'basic-post',
      auth: { ...pair, token_gen_auth_method: 'basic', token_gen_method: 'post' },
      secret: 'secret',
      wants: () => ({
        method: 'POST',
        headers: { ...JSON_ACCEPT, authorization: basic(pair), 'content-length': '0' },
        body: '',
      }),
      gives: (token) => ({ token }),
    },
  ];
}

/** @param lifeSeconds of every token; a function is asked each time */
export async function startTokenService({ own = () => undefined, lifeSeconds = () => 3600 } = {}) {
  const forms = new Map(tokenForms().map((one) => [`/${one.id}/token`, { ...one, live: new Set(), asked: [] }]));
  for (const one of forms.values()) one.refreshToken = one.auth.refresh_token;

  const server = createServer(async (incoming, response) => {
    const request = await readRequest(incoming);
    const send = (status, body) =>
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    const one = forms.get(request.path);
    if (!one) return send(404, { error: 'not_found' });
    const { headers, ...rest } = one.wants(one.refreshToken);
    const wanted = { path: request.path, ...rest, headers: wantedHeaders({ ...headers, body: rest.body }) };
    const wrong = differences(request, wanted);
    one.asked.push({ wrong });
    if (wrong.length > 0) return send(400, { error: one.refreshToken ? 'invalid_grant' : 'invalid_request' });
    const token = `${one.id}-${fresh()}`;
    one.live.add(token);
    if (one.refreshToken) one.refreshToken = fresh();
    send(200, one.gives(token, lifeSeconds(), one.refreshToken));
  });
  own(async () => {
    server.close();
    server.closeAllConnections();
  });
  await new Promise((resolve, reject) => server.once('error', reject).listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${server.address().port}`;
  return {
    url,
    /** Every form with its settings, what it was asked, and whether an `Authorization` is one of its live tokens. */
    forms: [...forms.values()].map(({ id, auth, secret, asked, live }) => ({
      id,
      auth: { token_url: `${url}/${id}/token`, ...auth },
      secret,
      asked,
      admits: (authorization) => typeof authorization === 'string' && live.has(authorization.replace(/^Bearer /, '')),
      /** Ends every token that was given, before its time. */
      end: () => live.clear(),
    })),
  };
}
