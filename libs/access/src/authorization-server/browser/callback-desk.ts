import type { IncomingMessage, ServerResponse } from 'node:http';
import { BrowserCookies } from '#pages';
import { Injectable } from '@nestjs/common';
import type { SignInRecord } from '../grants/sign-in-record.js';
import { People } from '../sign-in/people.js';
import { SignIn, type SignInAnswer } from '../sign-in/sign-in.js';
import { SignInBrokenError, SignInRefusedError, SignInUnavailableError } from '../sign-in/sign-in.errors.js';
import type { SignInState } from '../sign-in/sign-in-states.js';
import { BrowserSessions } from './browser-sessions.js';
import { ConsentGrants } from './consent-grants.js';
import { explain } from './explain.js';

/** Where identity providers send people back to; one address for all tenants, the state says whose it is. */
@Injectable()
export class CallbackDesk {
  constructor(
    private readonly signIn: SignIn,
    private readonly people: People,
    private readonly consents: ConsentGrants,
    private readonly sessions: BrowserSessions,
    private readonly cookies: BrowserCookies,
  ) {}

  get path(): string {
    return this.signIn.callbackPath;
  }

  async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let kept: SignInState | undefined;
    try {
      const answer = answerIn(request.url ?? '');
      const suffix = this.signIn.suffixOf(answer.state);
      if (suffix === undefined) throw new SignInBrokenError('this is no answer to a sign-in that was begun here');
      const name = `sign_in_${suffix}`;
      const secret = this.cookies.read(request, name);
      response.setHeader('set-cookie', this.cookies.write(name, '', 0));
      kept = await this.signIn.resume(answer.state, secret);
      await this.finish(response, kept, answer);
    } catch (error) {
      explain(response, error, kept && (await this.backFrom(kept, error)));
    }
  }

  private async finish(response: ServerResponse, kept: SignInState, answer: SignInAnswer): Promise<void> {
    const person = await this.signIn.finish(kept, answer);
    const { roleValues } = person;
    const who = await this.people.signIn(kept.tenantId, person);
    const signIn: SignInRecord = { ...who, roleValues, issuerId: kept.issuerId };
    const { purpose } = kept;
    if (purpose.kind === 'browser') {
      response.appendHeader('set-cookie', await this.sessions.start(kept.tenantId, signIn));
      return redirect(response, purpose.returnTo);
    }
    redirect(response, await this.consents.complete(kept, purpose, signIn));
  }

  /** The address where the application learns that nothing has come of it; undefined where that is not for it to know. */
  private async backFrom({ purpose, ...kept }: SignInState, error: unknown): Promise<string | undefined> {
    if (purpose.kind === 'browser') return undefined;
    const code =
      error instanceof SignInRefusedError
        ? 'access_denied'
        : error instanceof SignInUnavailableError
          ? 'temporarily_unavailable'
          : undefined;
    if (code === undefined) return undefined;
    return this.consents.fail({ ...kept, purpose }, purpose, code).catch(() => undefined); // it is over by itself
  }
}

function answerIn(url: string): SignInAnswer {
  const query = new URLSearchParams(url.split(/\?(.*)/s)[1] ?? '');
  const one = (name: string): string | undefined => {
    const values = query.getAll(name);
    // RFC 6749, 3.1: parameters may not be repeated; of two, one would be a guess.
    if (values.length > 1) throw new SignInBrokenError('this answer says something twice');
    return values[0];
  };
  return { state: one('state') ?? '', code: one('code'), error: one('error'), iss: one('iss') };
}

function redirect(response: ServerResponse, location: string): void {
  response.writeHead(303, {
    location,
    'cache-control': 'no-store',
    'referrer-policy': 'no-referrer',
    'content-length': 0,
  });
  response.end();
}
