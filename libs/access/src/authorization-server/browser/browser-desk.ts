import type { IncomingMessage, ServerResponse } from 'node:http';
import { Injectable } from '@nestjs/common';
import { CallbackDesk } from './callback-desk.js';
import { type Asked, ConsentDesk } from './consent-desk.js';
import { LoginDesk } from './login-desk.js';

type Route = (request: IncomingMessage, response: ServerResponse) => Promise<void>;

/** Everything that people see in a browser, from the question whether they agree to the way out. */
@Injectable()
export class BrowserDesk {
  /** The same for all tenants. */
  private readonly routes: ReadonlyMap<string, Route>;

  constructor(
    private readonly consents: ConsentDesk,
    callbacks: CallbackDesk,
    logins: LoginDesk,
  ) {
    this.routes = new Map<string, Route>([
      [callbacks.path, (request, response) => callbacks.handle(request, response)],
      ['/auth/login', (request, response) => logins.login(request, response)],
      ['/auth/logout', (request, response) => logins.logout(request, response)],
    ]);
  }

  /** Of the routes that are the same for all tenants. */
  get paths(): readonly string[] {
    return [...this.routes.keys()];
  }

  routeOf(pathname: string): Route | undefined {
    return this.routes.get(pathname);
  }

  async ask(asked: Asked): Promise<void> {
    await this.consents.handle(asked);
  }
}
