import 'reflect-metadata';
import { afterEach, describe, expect, it } from '@jest/globals';
import { ComposerError } from '#kernel';
import { AllowRoles, CurrentPrincipal, type Principal, Public, type Scope } from '#tenancy';
import { principalOf } from '#tenancy/testing';
import { type ArgumentsHost, Catch, Controller, type ExceptionFilter, Get } from '@nestjs/common';
import { APP_FILTER, APP_GUARD, DiscoveryModule } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { Test } from '@nestjs/testing';
import { openMemoryIdentity } from '../../testing/memory-identity.js';
import { RouteWithoutPolicyError } from '../access.errors.js';
import { AccessGuard } from './access.guard.js';
import { CallerIdentity } from '../identity/caller-identity.js';
import type { CredentialVerifier } from '../identity/credential-verifier.js';
import { RateLimitedError } from '../limits/limits.errors.js';
import { RequestLimits } from '../limits/request-limits.js';
import { RoutePolicyCheck } from './route-policy-check.js';

@Controller('rooms')
@AllowRoles('caller')
class RoomsController {
  @Get('hall')
  @Public()
  hall(): string {
    return 'hall';
  }

  @Get('office')
  @AllowRoles('developer', 'admin')
  office(@CurrentPrincipal() { id }: Principal): string {
    return id;
  }

  @Get('lounge')
  lounge(): string {
    return 'lounge';
  }
}

@Controller('gates')
class GatesController {
  @Get('left')
  @Public()
  left(): string {
    return 'left';
  }

  @Get('right')
  right(): string {
    return this.notARoute();
  }

  notARoute(): string {
    return 'right';
  }
}

/** The status and code of an error, and nothing else. */
@Catch()
class CodeFilter implements ExceptionFilter {
  catch(error: unknown, host: ArgumentsHost): void {
    const { code, status } = error instanceof ComposerError ? error : { code: String(error), status: 500 };
    host.switchToHttp().getResponse<{ status(s: number): { send(b: string): void } }>().status(status).send(code);
  }
}

/** `<role>.<scope>` is the credential of somebody who holds just that. */
const ROLE_AND_SCOPE: CredentialVerifier = {
  takes: (presented) => /^\w+\.\w+$/.test(presented),
  verify: async (presented) => {
    const [role = '', scope] = presented.split('.');
    if (role === 'broken') throw new Error('the database is away');
    return { principal: principalOf(role, { roles: [role], scopes: [scope as Scope] }) };
  },
};

/** Principals of this name have asked too often. */
const limits = {
  refusalOf: ({ id }: Principal) => (id === 'eager' ? new RateLimitedError('too often', 1500) : undefined),
};

describe('access to routes', () => {
  let app: NestFastifyApplication | undefined;

  afterEach(async () => {
    await app?.close();
    app = undefined;
  });

  async function start(
    controller: new () => object,
    mode: 'none' | 'required' = 'required',
  ): Promise<NestFastifyApplication> {
    const { identity } = await openMemoryIdentity({ mode, verifiers: [ROLE_AND_SCOPE] });
    const module = await Test.createTestingModule({
      imports: [DiscoveryModule],
      controllers: [controller],
      providers: [
        RoutePolicyCheck,
        { provide: CallerIdentity, useValue: identity },
        { provide: RequestLimits, useValue: limits },
        { provide: APP_GUARD, useClass: AccessGuard },
        { provide: APP_FILTER, useClass: CodeFilter },
      ],
    }).compile();
    app = module.createNestApplication<NestFastifyApplication>(new FastifyAdapter(), { logger: false });
    return app.init();
  }

  const ask = async (url: string, headers: Record<string, string> = {}) => {
    const { statusCode, body } = await app!.inject({ method: 'GET', url, headers });
    return `${statusCode} ${body}`;
  };

  describe('AccessGuard', () => {
    it('asks for a credential before every route that is not public', async () => {
      await start(RoomsController, 'required');
      expect(await ask('/rooms/hall')).toBe('200 hall');
      expect(await ask('/rooms/office')).toBe('401 COMPOSER_UNAUTHENTICATED');
      expect(await ask('/rooms/lounge')).toBe('401 COMPOSER_UNAUTHENTICATED');
    });

    it('answers a credential that nobody can verify like none at all', async () => {
      await start(RoomsController, 'required');
      for (const headers of [{ authorization: 'Bearer mcpc_x' }, { 'x-api-key': 'mcpc_x' }, { cookie: 'a=b' }]) {
        expect(await ask('/rooms/office', headers)).toBe('401 COMPOSER_UNAUTHENTICATED');
      }
    });

    it('asks the credential for the scope of the route, once the principal may call it at all', async () => {
      await start(RoomsController);
      const as = (url: string, token: string) => ask(url, { authorization: `Bearer ${token}` });
      expect(await as('/rooms/office', 'admin.manage')).toBe('200 admin');
      expect(await as('/rooms/office', 'admin.mcp')).toBe('403 COMPOSER_SCOPE_INSUFFICIENT');
      expect(await as('/rooms/office', 'caller.mcp')).toBe('403 COMPOSER_FORBIDDEN');
      expect(await as('/rooms/lounge', 'caller.mcp')).toBe('200 lounge');
      expect(await as('/rooms/lounge', 'caller.manage')).toBe('403 COMPOSER_SCOPE_INSUFFICIENT');
    });

    it('counts what is asked with a credential, before it says anything else about it, and no public route', async () => {
      await start(RoomsController);
      const as = (url: string) => ask(url, { authorization: 'Bearer eager.mcp' });
      expect(await as('/rooms/office')).toBe('429 COMPOSER_RATE_LIMITED');
      expect(await as('/rooms/lounge')).toBe('429 COMPOSER_RATE_LIMITED');
      expect(await as('/rooms/hall')).toBe('200 hall');
    });

    it('lets an operator do what an administrator may', async () => {
      await start(RoomsController);
      expect(await ask('/rooms/office', { authorization: 'Bearer operator.manage' })).toBe('200 operator');
      expect(await ask('/rooms/lounge', { authorization: 'Bearer operator.mcp' })).toBe('403 COMPOSER_FORBIDDEN');
    });

    it('serves public routes whatever credential comes along, also when none can be checked', async () => {
      await start(RoomsController);
      for (const token of ['broken.manage', 'nonsense', 'two words', 'admin.manage']) {
        expect(await ask('/rooms/hall', { authorization: `Bearer ${token}` })).toBe('200 hall');
      }
      expect(await ask('/rooms/office', { authorization: 'Bearer broken.manage' })).toBe(
        '503 COMPOSER_IDENTITY_UNAVAILABLE',
      );
      expect(await ask('/rooms/office', { authorization: 'Bearer two words' })).toBe(
        '400 COMPOSER_CREDENTIAL_MALFORMED',
      );
    });

    it('hands the principal to the routes that it may call, and refuses those of other roles', async () => {
      await start(RoomsController, 'none');
      expect(await ask('/rooms/office')).toBe('200 local');
      expect(await ask('/rooms/lounge')).toBe('403 COMPOSER_FORBIDDEN');
    });
  });

  describe('RoutePolicyCheck', () => {
    it('lets no application start that has a route without a policy, and names it', async () => {
      const starting = start(GatesController);
      await expect(starting).rejects.toThrow(RouteWithoutPolicyError);
      await expect(starting).rejects.toThrow(/: GatesController\.right$/);
    });

    it('knows the policy of every route, its own before that of its controller', async () => {
      await start(RoomsController);
      const route = (name: string) => ({ name: `RoomsController.${name}`, method: 'GET', path: `/rooms/${name}` });
      const routes = app!.get(RoutePolicyCheck).routes();
      expect(routes.filter(({ name }) => name.startsWith('Rooms'))).toEqual([
        { ...route('hall'), policy: { kind: 'public' } },
        { ...route('office'), policy: { kind: 'roles', roles: ['developer', 'admin'] } },
        { ...route('lounge'), policy: { kind: 'roles', roles: ['caller'] } },
      ]);
    });
  });

  it('serves a route without a policy to nobody, even if the check did not see it', async () => {
    await expect(start(GatesController, 'none')).rejects.toThrow();
    await app!.getHttpAdapter().getInstance().ready();
    expect(await ask('/gates/right')).not.toMatch(/^200/);
  });
});
