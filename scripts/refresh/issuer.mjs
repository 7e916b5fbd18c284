import { URLSearchParams } from 'node:url';
import { randomBytes } from 'node:crypto';
import { createServer } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';

/*
 * A token endpoint that rotates refresh tokens (RFC 6749, 6) and takes the second use of one for a theft: it revokes the
 * whole grant then (RFC 9700, 4.14.2). With `graceMs` a token that was just replaced is taken once more, as some issuers
 * do, and answered with what it was replaced by.
 */

/**
 * @param {{ latencyMs?: number, graceMs?: number, expiresIn?: number }} [options]
 * `latencyMs` is half over when the token is rotated, so that whoever asks may die before and after.
 */
export async function startIssuer({ latencyMs = 0, graceMs = 0, expiresIn = 3600 } = {}) {
  const settings = { latencyMs, graceMs, expiresIn };
  /** @type {Map<string, { grant: object, replacedAt?: number, successor?: string }>} */
  const tokens = new Map();
  /** When each access token ends. */
  const ends = new Map();
  const seen = { requests: 0, revocations: 0 };
  let onRotated = () => undefined;

  const issue = (grant) => {
    const token = `rt_${randomBytes(24).toString('base64url')}`;
    tokens.set(token, { grant });
    grant.current = token;
    return token;
  };
  const answerOf = (grant) => {
    const token = `at_${randomBytes(24).toString('base64url')}`;
    ends.set(token, Date.now() + settings.expiresIn * 1000);
    return {
      access_token: token,
      refresh_token: grant.current,
      token_type: 'Bearer',
      expires_in: settings.expiresIn,
    };
  };

  const server = createServer(async (request, response) => {
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    const used = new URLSearchParams(Buffer.concat(chunks).toString()).get('refresh_token') ?? '';
    seen.requests += 1;
    await pause(settings.latencyMs / 2);
    const known = tokens.get(used);
    const answer = known && take(known, used);
    await pause(settings.latencyMs / 2);
    response.writeHead(answer ? 200 : 400, { 'content-type': 'application/json' });
    response.end(JSON.stringify(answer ?? { error: 'invalid_grant' }));

    function take({ grant, replacedAt, successor }, token) {
      if (grant.isRevoked) return undefined;
      if (replacedAt !== undefined) {
        if (grant.current === successor && Date.now() - replacedAt <= settings.graceMs) return answerOf(grant);
        grant.isRevoked = true;
        seen.revocations += 1;
        return undefined;
      }
      Object.assign(known, { replacedAt: Date.now(), successor: issue(grant) });
      grant.rotatedFor = request.headers['x-asked-by'];
      onRotated(grant, token);
      return answerOf(grant);
    }
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));

  return {
    url: `http://127.0.0.1:${server.address().port}/token`,
    settings,
    seen,
    /** As after a consent. `grant.current` is the refresh token that is good now. */
    grant(name) {
      const grant = { name, isRevoked: false, current: '', rotatedFor: undefined };
      issue(grant);
      return { grant, tokens: answerOf(grant) };
    },
    /** Whether a member takes this `Authorization`: the token is of this issuer, and lives. */
    takes: (authorization) => (ends.get(authorization?.replace(/^Bearer /, '') ?? '') ?? 0) > Date.now(),
    /** Calls `listener` at each rotation, before it is answered. */
    onRotated(listener) {
      onRotated = listener;
    },
    async stop() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
