import { randomBytes } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { Clock, type PrincipalId, type TenantId } from '#kernel';
import { BrowserCookies } from '#pages';
import { HandleSealer } from '#persistence';
import { actorOf } from '#tenancy';
import { Injectable } from '@nestjs/common';
import { type KeySignInRecord, SIGN_IN, type SignInRecord } from '../grants/sign-in-record.js';
import { SealedRecords } from '../records/sealed-records.js';

/** Names a session; nothing in it is a secret once it is sealed. */
export interface SessionHandle {
  readonly tenantId: TenantId;
  readonly id: string;
}

export const SESSION_SECONDS = 8 * 3_600;
/** Long enough to connect a member; a key is no sign-in. */
export const KEY_SESSION_SECONDS = 15 * 60;
const COOKIE = 'session';
const PURPOSE = 'browser-session';

/** Sessions of people in the browser, for the API and its page: a sealed handle as cookie, and a record that can be ended. */
@Injectable()
export class BrowserSessions {
  constructor(
    private readonly records: SealedRecords,
    private readonly handles: HandleSealer,
    private readonly cookies: BrowserCookies,
    private readonly clock: Clock,
  ) {}

  /** The cookie of a new session. */
  async start(tenantId: TenantId, signIn: SignInRecord): Promise<string> {
    const handle: SessionHandle = { tenantId, id: randomBytes(32).toString('base64url') };
    await this.records.write(placeOf(handle), { payload: signIn, seconds: SESSION_SECONDS });
    return this.cookieOf(handle, SESSION_SECONDS);
  }

  /** The cookie of a short session for whoever has shown an API key. Recorded. */
  async startWithKey(tenantId: TenantId, principalId: PrincipalId, keyId: string): Promise<string> {
    const handle: SessionHandle = { tenantId, id: randomBytes(32).toString('base64url') };
    const at = this.clock.now();
    const payload: KeySignInRecord = { principalId, keyId, at, until: at + KEY_SESSION_SECONDS * 1000 };
    const actor = actorOf({ id: principalId, credential: { kind: 'api_key', id: keyId } });
    const event = { action: 'sign_in.done', actor, target: `principal:${principalId}`, detail: { by: 'api_key' } };
    await this.records.write(placeOf(handle), { payload, seconds: KEY_SESSION_SECONDS }, [event]);
    return this.cookieOf(handle, KEY_SESSION_SECONDS);
  }

  /** Ends the session of this browser everywhere, and gives the cookie that removes it here. */
  async end(request: Pick<IncomingMessage, 'headers'>): Promise<string> {
    const handle = this.open(this.presented(request) ?? '');
    const session = handle && (await this.records.find<SignInRecord>(placeOf(handle)));
    if (handle && session) {
      const actor = actorOf({ id: session.principalId, credential: { kind: 'session', id: handle.id.slice(0, 8) } });
      await this.records.destroy(placeOf(handle), [
        { action: 'session.ended', actor, target: `principal:${session.principalId}` },
      ]);
    }
    return this.cookies.write(COOKIE, '', 0);
  }

  /** What the browser presents, if it presents anything. */
  presented(request: Pick<IncomingMessage, 'headers'>): string | undefined {
    return this.cookies.read(request, COOKIE);
  }

  open(presented: string): SessionHandle | undefined {
    const text = this.handles.open(PURPOSE, presented);
    return text === undefined ? undefined : (JSON.parse(text) as SessionHandle);
  }

  private cookieOf(handle: SessionHandle, seconds: number): string {
    return this.cookies.write(COOKIE, this.handles.seal(PURPOSE, JSON.stringify(handle)), seconds);
  }
}

const placeOf = ({ tenantId, id }: SessionHandle) => ({ tenantId, kind: SIGN_IN, name: id });
