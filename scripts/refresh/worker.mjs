// One process of the composer as far as credentials go: the built token store on a real Postgres, told what to do by the
// process that has forked it. `ISSUER_URL` and `WORKER_NAME` come by the environment, beside the composer's own variables.
import { URLSearchParams } from 'node:url';
import { ChangeFeed } from '#persistence';
import { GrantRefusedError, IssuerUnavailableError, TokenKeeper, TokenStoreModule } from '#token-store';
import { NestFactory } from '@nestjs/core';

const ISSUER = process.env.ISSUER_URL ?? '';
const NAME = process.env.WORKER_NAME ?? '';
const TOKEN_REQUEST_MS = 10_000;
const ACTOR = { kind: 'system', id: 'refresh' };

const app = await NestFactory.createApplicationContext(TokenStoreModule, { logger: false, abortOnError: false });
app.enableShutdownHooks(['SIGTERM']);
const keeper = app.get(TokenKeeper);
await app.get(ChangeFeed, { strict: false }).follow();

const deeds = {
  /** Stores what a consent has given. */
  put: async ({ tenant, name, tokens }) => (await keeper.put(keyOf(tenant, name), tokenSet(tokens), ACTOR)).generation,

  /** As many calls at once as are wanted; gives how long each took, and why some failed. */
  async calls({ tenant, name, count }) {
    const outcomes = await Promise.all(Array.from({ length: count }, () => call(tenant, name)));
    return {
      ms: outcomes.map(({ ms }) => ms),
      errors: outcomes.flatMap(({ error }) => (error === undefined ? [] : [error])),
      generations: [...new Set(outcomes.flatMap(({ generation }) => generation ?? []))],
      tokens: [...new Set(outcomes.flatMap(({ token }) => token ?? []))],
    };
  },

  standing: async ({ tenant, name }) =>
    (await keeper.standings({ tenantId: tenant, serverId: 'member' })).find(({ key }) => key.fingerprint === name),
};

process.on('message', ({ id, deed, input }) => {
  deeds[deed](input).then(
    (result) => process.send?.({ id, result }),
    (error) => process.send?.({ id, error: codeOf(error) }),
  );
});
process.on('disconnect', () => process.exit(0));
process.send?.({ ready: true });

async function call(tenant, name) {
  const begun = performance.now();
  try {
    const { generation, tokens } = await keeper.current(keyOf(tenant, name), renew);
    return { generation, token: tokens.accessToken, ms: performance.now() - begun };
  } catch (error) {
    return { error: codeOf(error), ms: performance.now() - begun };
  }
}

async function renew(previous) {
  const answer = await fetch(ISSUER, {
    method: 'POST',
    headers: { 'x-asked-by': NAME },
    body: new URLSearchParams({ grant_type: 'refresh_token', refresh_token: previous?.refreshToken ?? '' }),
    signal: AbortSignal.timeout(TOKEN_REQUEST_MS),
  });
  const body = await answer.json();
  if (answer.ok) return tokenSet(body);
  throw answer.status === 400 ? new GrantRefusedError(body.error) : new IssuerUnavailableError(`http_${answer.status}`);
}

const tokenSet = ({ access_token, refresh_token, expires_in }) => ({
  accessToken: access_token,
  refreshToken: refresh_token,
  expiresInSeconds: expires_in,
});

const keyOf = (tenantId, name) => ({ tenantId, serverId: 'member', kind: 'token', issuer: ISSUER, fingerprint: name });

const codeOf = (error) => [error.code ?? error.name, error.reason ?? ''].join(' ').trim();
