import 'reflect-metadata';
import { Challenges } from '#access';
import { ComposerError } from '#kernel';
import { Log, SecretValues } from '#observability';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import {
  BadRequestException,
  Body,
  Controller,
  Get,
  HttpException,
  Post,
  ServiceUnavailableException,
} from '@nestjs/common';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { Test } from '@nestjs/testing';
import { ProblemFilter } from './problem.filter.js';

let thrown: unknown;

@Controller('fault')
class FaultController {
  @Get()
  get(): void {
    throw thrown;
  }

  @Post()
  post(@Body() body: object): object {
    return body;
  }
}

describe('ProblemFilter', () => {
  let app: NestFastifyApplication;
  let lines: string[];

  beforeAll(async () => {
    lines = [];
    const log = Log.open({ level: 'info', format: 'json' }, new SecretValues(), (line) => lines.push(line));
    const module = await Test.createTestingModule({ controllers: [FaultController] }).compile();
    const adapter = new FastifyAdapter({ genReqId: () => 'request-7', bodyLimit: 1024 });
    app = module.createNestApplication<NestFastifyApplication>(adapter, { logger: false });
    const listen = { host: '', port: 0, publicUrl: 'https://gw.example', isLoopback: false, aliases: [] };
    app.useGlobalFilters(new ProblemFilter(log, new Challenges(listen)));
    await app.init();
  });
  afterAll(() => app.close());
  beforeEach(() => void lines.splice(0));

  async function ask(options: object = { method: 'GET', url: '/fault' }) {
    const { statusCode, headers, body } = await app.inject(options);
    return { status: statusCode, headers, text: body, problem: JSON.parse(body) as Record<string, unknown> };
  }
  const asking = (error: unknown) => {
    thrown = error;
    return ask();
  };

  it('tells a refusal with its code, its faults and the id of the request', async () => {
    const faults = [{ path: 'auth.token', message: 'is missing' }];
    const { status, headers, problem } = await asking(
      new ComposerError('COMPOSER_X_INVALID', 'it is refused: auth.token is missing', { status: 422, faults }),
    );
    expect(status).toBe(422);
    expect(headers['content-type']).toMatch(/^application\/problem\+json\b/);
    expect(problem).toEqual({
      type: 'about:blank',
      title: 'Unprocessable Content',
      status: 422,
      detail: 'it is refused: auth.token is missing',
      code: 'COMPOSER_X_INVALID',
      faults,
      requestId: 'request-7',
    });
    expect(lines).toEqual([]);
  });

  it.each([
    ['our own', new ComposerError('COMPOSER_BUG', 'row 7 of hunter2 is broken'), 'COMPOSER_BUG'],
    ['a library', Object.assign(new Error('hunter2'), { statusCode: 500 }), 'COMPOSER_HTTP_500'],
    ['a bug', new TypeError('hunter2 is undefined'), 'COMPOSER_HTTP_500'],
    ['Nest', new HttpException({ secret: 'hunter2' }, 500), 'COMPOSER_HTTP_500'],
    ['somebody who throws texts', 'hunter2', 'COMPOSER_HTTP_500'],
    ['somebody who throws nothing', null, 'COMPOSER_HTTP_500'],
  ])('tells of an internal fault of %s its code and nothing of its inside', async (_, error, code) => {
    const { status, text, problem } = await asking(error);
    expect(status).toBe(500);
    expect(problem).toMatchObject({ code, title: 'Internal Server Error', requestId: 'request-7' });
    expect(text).not.toContain('hunter2');
  });

  it('logs an internal fault under the id that the caller was given', async () => {
    await asking(new TypeError('a bug'));
    expect(lines).toHaveLength(1);
    const line = JSON.parse(lines[0]!) as { requestId: string; err: { message: string } };
    expect(line).toMatchObject({ requestId: 'request-7', code: 'COMPOSER_HTTP_500', err: { message: 'a bug' } });
  });

  it('says how to present a credential with 401, and when to come back with 503', async () => {
    const refused = await asking(new ComposerError('COMPOSER_UNAUTHENTICATED', 'who are you?', { status: 401 }));
    const metadata = 'https://gw.example/.well-known/oauth-protected-resource';
    expect(refused.headers['www-authenticate']).toBe(`Bearer resource_metadata="${metadata}", scope="mcp manage"`);
    const scarce = new ComposerError('COMPOSER_SCOPE_INSUFFICIENT', 'not for that', { status: 403 });
    const stepUp = await asking(Object.assign(scarce, { scopes: ['manage'] }));
    expect(stepUp.headers['www-authenticate']).toBe(
      'Bearer error="insufficient_scope", error_description="this needs the scope: manage", ' +
        `resource_metadata="${metadata}", scope="manage"`,
    );
    const away = await asking(new ComposerError('COMPOSER_DATABASE_AWAY', 'try again', { status: 503 }));
    expect(away.headers['retry-after']).toBe('2');
    expect(away.problem).toMatchObject({ detail: 'try again', code: 'COMPOSER_DATABASE_AWAY' });
    expect(refused.headers['retry-after']).toBeUndefined();
  });

  it('gives a health report as it is', async () => {
    const report = { status: 'error', details: { keys: { status: 'down' } } };
    const { status, problem } = await asking(new ServiceUnavailableException(report));
    expect(status).toBe(503);
    expect(problem).toEqual(report);
  });

  it('does not take every 503 for a health report', async () => {
    const { problem } = await asking(new ServiceUnavailableException('closing'));
    expect(problem).toMatchObject({ code: 'COMPOSER_HTTP_503', status: 503 });
  });

  it.each([
    ['a route that is not there', { method: 'GET', url: '/nowhere?token=hunter2' }, 404],
    ['a body that is no JSON', post('{"token":"hunter2"'), 400],
    ['a body of another type', post('hunter2', 'text/xml'), 415],
    ['a body that is too large', post(JSON.stringify('hunter2'.repeat(1000))), 413],
    ['a body that pollutes prototypes', post('{"__proto__":{"token":"hunter2"}}'), 400],
  ])('explains %s without repeating it', async (_, options, status) => {
    const answer = await ask(options);
    expect(answer.status).toBe(status);
    expect(answer.problem).toMatchObject({ status, code: `COMPOSER_HTTP_${status}`, detail: expect.any(String) });
    expect(answer.headers['content-type']).toMatch(/^application\/problem\+json\b/);
    expect(answer.text).not.toContain('hunter2');
  });

  it('keeps the status of Nest’s own refusals, and none of their texts', async () => {
    const { problem, text } = await asking(new BadRequestException('hunter2'));
    expect(problem).toMatchObject({ status: 400, code: 'COMPOSER_HTTP_400' });
    expect(text).not.toContain('hunter2');
  });
});

function post(payload: string, type = 'application/json'): object {
  return { method: 'POST', url: '/fault', headers: { 'content-type': type }, payload };
}
