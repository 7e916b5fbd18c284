import type { IncomingMessage, ServerResponse } from 'node:http';
import { Injectable } from '@nestjs/common';
import { CallbackDesk } from './callback-desk.js';
import { type Asked, ConsentDesk } from './consent-desk.js';
import { LoginDesk } from './login-desk.js';

type Route = (request: IncomingMessage, response: ServerResponse) => Promise<void>;

/** Everything that people see in a browser, from the question whether they agree to the way out. */
@Injectable()
export class BrowserDesk {
  constructor(
    private readonly consents: ConsentDesk,
    private readonly callbacks: CallbackDesk,
    private readonly logins: LoginDesk,
  ) {}

  /** The routes that are the same for all tenants. */
  routeOf(pathname: string): Route | undefined {
    if (pathname === this.callbacks.path) return (request, response) => this.callbacks.handle(request, response);
    if (pathname === '/auth/login') return (request, response) => this.logins.login(request, response);
    if (pathname === '/auth/logout') return (request, response) => this.logins.logout(request, response);
    return undefined;
  }

  async ask(asked: Asked): Promise<void> {
    await this.consents.handle(asked);
  }
}
