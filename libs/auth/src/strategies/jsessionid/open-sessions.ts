import { hash } from 'node:crypto';
import type { LiveToken, TokenKey } from '#token-store';
import { SessionCookies } from './session-cookies.js';

const MAX_SESSIONS = 1_000;

interface OpenSession {
  /** Of which login. */
  readonly login: string;
  readonly cookies: SessionCookies;
}

/** The cookies of the sessions that this process uses, as answers have changed them since the login. */
export class OpenSessions {
  /** Least recently used first. One that is put out begins again with the cookies of its login. */
  private readonly sessions = new Map<string, OpenSession>();

  /** The same cookies for everybody who has the same login. */
  cookiesOf(key: TokenKey, { generation, tokens }: Pick<LiveToken, 'tokens' | 'generation'>): SessionCookies {
    const { more = {} } = tokens;
    // Some cookies are the same after every login, and generations begin anew when a credential was withdrawn.
    const login = `${generation} ${hash('sha256', JSON.stringify(more), 'base64url')}`;
    const id = JSON.stringify([key.tenantId, key.serverId, key.principalId ?? null, key.issuer, key.fingerprint]);
    const known = this.sessions.get(id);
    const session = known?.login === login ? known : { login, cookies: SessionCookies.from(more) };
    this.sessions.delete(id);
    this.sessions.set(id, session);
    if (this.sessions.size > MAX_SESSIONS) this.sessions.delete(this.sessions.keys().next().value!);
    return session.cookies;
  }
}
