import 'reflect-metadata';
import { afterEach, describe, expect, it } from '@jest/globals';
import { type Environment, setEnvironment } from '#config';
import { ComposerError } from '#kernel';
import { AllowRoles, CurrentPrincipal, type Principal, Public } from '#tenancy';
import { type ArgumentsHost, Catch, Controller, type ExceptionFilter, Get } from '@nestjs/common';
import { APP_FILTER } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { Test } from '@nestjs/testing';
import { AccessModule } from './access.module.js';
import { RouteWithoutPolicyError } from './access.errors.js';
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

describe('AccessModule', () => {
  let app: NestFastifyApplication | undefined;

  afterEach(async () => {
    await app?.close();
    app = undefined;
    setEnvironment(undefined);
  });

  async function start(controller: new () => object, env: Environment): Promise<NestFastifyApplication> {
    setEnvironment(env);
    const module = await Test.createTestingModule({
      imports: [AccessModule],
      controllers: [controller],
      providers: [{ provide: APP_FILTER, useClass: CodeFilter }],
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
      await start(RoomsController, { COMPOSER_AUTH: 'required' });
      expect(await ask('/rooms/hall')).toBe('200 hall');
      expect(await ask('/rooms/office')).toBe('401 COMPOSER_UNAUTHENTICATED');
      expect(await ask('/rooms/lounge')).toBe('401 COMPOSER_UNAUTHENTICATED');
    });

    it('answers a credential that nobody can verify like none at all', async () => {
      await start(RoomsController, { COMPOSER_AUTH: 'required' });
      for (const headers of [{ authorization: 'Bearer mcpc_x' }, { 'x-api-key': 'mcpc_x' }, { cookie: 'a=b' }]) {
        expect(await ask('/rooms/office', headers)).toBe('401 COMPOSER_UNAUTHENTICATED');
      }
    });

    it('hands the principal to the routes that it may call, and refuses those of other roles', async () => {
      await start(RoomsController, { COMPOSER_AUTH: 'none' });
      expect(await ask('/rooms/office')).toBe('200 local');
      expect(await ask('/rooms/lounge')).toBe('403 COMPOSER_FORBIDDEN');
    });
  });

  describe('RoutePolicyCheck', () => {
    it('lets no application start that has a route without a policy, and names it', async () => {
      const starting = start(GatesController, {});
      await expect(starting).rejects.toThrow(RouteWithoutPolicyError);
      await expect(starting).rejects.toThrow(/: GatesController\.right$/);
    });

    it('knows the policy of every route, its own before that of its controller', async () => {
      await start(RoomsController, {});
      const route = (name: string) => ({ name: `RoomsController.${name}`, method: 'GET', path: `/rooms/${name}` });
      expect(app!.get(RoutePolicyCheck).routes()).toEqual([
        { ...route('hall'), policy: { kind: 'public' } },
        { ...route('office'), policy: { kind: 'roles', roles: ['developer', 'admin'] } },
        { ...route('lounge'), policy: { kind: 'roles', roles: ['caller'] } },
      ]);
    });
  });

  it('serves a route without a policy to nobody, even if the check did not see it', async () => {
    await expect(start(GatesController, { COMPOSER_AUTH: 'none' })).rejects.toThrow();
    await app!.getHttpAdapter().getInstance().ready();
    expect(await ask('/gates/right')).not.toMatch(/^200/);
  });
});
