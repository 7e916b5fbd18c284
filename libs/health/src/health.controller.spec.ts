import 'reflect-metadata';
import { MemberPool } from '#builder';
import { serverId, tenantId } from '#kernel';
import { DatabaseLink, DatabaseUnavailableError, KeyCheck } from '#persistence';
import type { RequestWithPrincipal } from '#tenancy';
import { principalOf } from '#tenancy/testing';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { TerminusModule } from '@nestjs/terminus';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { Test } from '@nestjs/testing';
import { ComposerIndicators } from './composer-indicators.js';
import { HealthController } from './health.controller.js';
import { Readiness } from './readiness.js';

const acme = tenantId('acme');
const slot = (tenant: string, id: string, outcome: string) => ({
  ref: { tenantId: tenantId(tenant), serverId: serverId(id) },
  outcome,
  config: { endpoint: 'https://inside.example/mcp', auth: { token: 'hunter2' } },
  problem: 'https://inside.example does not answer',
});
const SLOTS = [slot('acme', 'crm', 'ok'), slot('acme', 'erp', 'unreachable'), slot('globex', 'hr', 'ok')];

describe('health routes', () => {
  let app: NestFastifyApplication;
  const state = {
    keysOpen: true,
    databaseFault: undefined as Error | undefined,
    caller: undefined as string | undefined,
  };

  beforeAll(async () => {
    const pool = {
      everyMember: () => SLOTS,
      members: (tenant: string) => SLOTS.filter(({ ref }) => ref.tenantId === tenant),
    };
    const database = {
      ping: async () => {
        if (state.databaseFault) throw state.databaseFault;
      },
    };
    const module = await Test.createTestingModule({
      imports: [TerminusModule.forRoot({ logger: false })],
      controllers: [HealthController],
      providers: [
        ComposerIndicators,
        Readiness,
        { provide: MemberPool, useValue: pool },
        { provide: DatabaseLink, useValue: database },
        { provide: KeyCheck, useValue: { isOpen: () => state.keysOpen } },
      ],
    }).compile();
    app = module.createNestApplication<NestFastifyApplication>(new FastifyAdapter(), { logger: false });
    // What the access guard does once it knows the caller.
    app
      .getHttpAdapter()
      .getInstance()
      .addHook('preHandler', async (request) => {
        const known = request as RequestWithPrincipal;
        if (state.caller) known.principal = principalOf('ann', { tenantId: tenantId(state.caller) });
      });
    await app.init();
  });
  afterAll(() => app.close());
  beforeEach(() => void Object.assign(state, { keysOpen: true, databaseFault: undefined, caller: undefined }));

  const ask = async (path: string) => {
    const { statusCode, body } = await app.inject({ method: 'GET', url: `/health${path}` });
    const report = JSON.parse(body) as { details?: Record<string, unknown> };
    return { status: statusCode, text: body, details: report.details ?? {} };
  };

  it('is not ready before the configuration is loaded, and ready then', async () => {
    const { status, details } = await ask('/ready');
    expect(status).toBe(503);
    expect(details).toMatchObject({
      keys: { status: 'up' },
      configuration: { status: 'down' },
      serving: { status: 'up' },
    });
    app.get(Readiness).noteLoaded();
    expect((await ask('/ready')).status).toBe(200);
  });

  it('is not ready while the keys are closed', async () => {
    state.keysOpen = false;
    const { status, details } = await ask('/ready');
    expect(status).toBe(503);
    expect(details['keys']).toEqual({ status: 'down', message: 'the key ring is not open' });
  });

  it('is alive whatever else fails', async () => {
    Object.assign(state, { keysOpen: false, databaseFault: new Error('away') });
    expect((await ask('/live')).status).toBe(200);
  });

  it('is unwell without the database, but goes on serving, and repeats nothing of the fault', async () => {
    state.databaseFault = new Error('connect ECONNREFUSED postgres://app:hunter2@10.0.0.7/db');
    const { status, details, text } = await ask('');
    expect(status).toBe(503);
    expect(details['database']).toEqual({ status: 'down', message: 'the database does not answer' });
    expect(text).not.toMatch(/hunter2|10\.0|postgres/);
    expect((await ask('/ready')).status).toBe(200);
  });

  it('tells how long the database is silent, where that is known', async () => {
    state.databaseFault = new DatabaseUnavailableError('does not do it (hunter2)', undefined, 12.3);
    const { details } = await ask('');
    const message = 'the database has answered nothing for 12 s; it is asked again every second or two';
    expect(details['database']).toEqual({ status: 'down', message });
  });

  it('counts members by state, and stays well when one of them is down', async () => {
    const { status, details } = await ask('');
    expect(status).toBe(200);
    expect(details['members']).toEqual({ status: 'up', states: { ok: 2, unreachable: 1 } });
  });

  it('names the members of the caller’s own tenant alone, and no address', async () => {
    state.caller = acme;
    const { details, text } = await ask('');
    expect(details['members']).toMatchObject({ servers: { crm: 'ok', erp: 'unreachable' } });
    expect(text).not.toMatch(/hr|inside|hunter2/);
  });

  it('is not ready any more once it is stopping', async () => {
    app.get(Readiness).beforeApplicationShutdown();
    const { status, details } = await ask('/ready');
    expect(status).toBe(503);
    expect(details['serving']).toEqual({ status: 'down', message: 'the process is stopping' });
  });
});
