import { SessionCookies } from './session-cookies.js';
import type { LiveToken, TokenKey } from '#token-store';

const MAX_SESSIONS = 1_000;

interface OpenSession {
  readonly accessToken: string;
  readonly cookies: SessionCookies;
}

/** The cookies of the sessions that this process uses, as answers have changed them since the login. */
export class OpenSessions {
  /** Least recently used first. One that is put out begins again with the cookies of its login. */
  private readonly sessions = new Map<string, OpenSession>();

  /** The same cookies for everybody who has the same login. */
  cookiesOf(key: TokenKey, { tokens: { accessToken, more = {} } }: Pick<LiveToken, 'tokens'>): SessionCookies {
    const id = JSON.stringify([key.tenantId, key.serverId, key.principalId ?? null, key.issuer, key.fingerprint]);
    const known = this.sessions.get(id);
    const session = known?.accessToken === accessToken ? known : { accessToken, cookies: SessionCookies.from(more) };
    this.sessions.delete(id);
    this.sessions.set(id, session);
    if (this.sessions.size > MAX_SESSIONS) this.sessions.delete(this.sessions.keys().next().value!);
    return session.cookies;
  }
}
