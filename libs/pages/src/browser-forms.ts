import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { Injectable } from '@nestjs/common';
import { BrowserCookies } from './browser-cookies.js';

const COOKIE = 'form';
const SECONDS = 3_600;
const SECRET = /^[\w-]{43}$/;

/**
 * Forms that were asked for by the browser that sends them. The page carries a value that is made from a cookie of this
 * browser and from what the form is about, so that nobody else can write one, and none of another page can be sent.
 */
@Injectable()
export class BrowserForms {
  constructor(private readonly cookies: BrowserCookies) {}

  /** The value for the form, in its field `csrf`. Gives the browser its cookie along with the page. */
  proofFor(request: IncomingMessage, response: ServerResponse, about: readonly string[]): string {
    const secret = this.secretOf(request) ?? randomBytes(32).toString('base64url');
    response.appendHeader('set-cookie', this.cookies.write(COOKIE, secret, SECONDS));
    return proof(secret, about);
  }

  /** Whether the form comes from the page that was made here, about this, for this browser. */
  isOurs(request: IncomingMessage, about: readonly string[], csrf: string): boolean {
    const secret = this.secretOf(request);
    if (secret === undefined || !isSameOrigin(request)) return false;
    const [wanted, given] = [Buffer.from(proof(secret, about)), Buffer.from(csrf)];
    return wanted.length === given.length && timingSafeEqual(wanted, given);
  }

  private secretOf(request: IncomingMessage): string | undefined {
    const secret = this.cookies.read(request, COOKIE);
    return secret !== undefined && SECRET.test(secret) ? secret : undefined;
  }
}

/** Browsers say where a form comes from; programs need not. The `Host` was judged before anybody looks at a form. */
function isSameOrigin({ headers }: IncomingMessage): boolean {
  const { origin, host, 'sec-fetch-site': site } = headers;
  if (site !== undefined && site !== 'same-origin') return false;
  return origin === undefined || origin.replace(/^https?:\/\//, '') === host;
}

const proof = (secret: string, about: readonly string[]): string =>
  createHmac('sha256', secret).update(JSON.stringify(about)).digest('base64url');
