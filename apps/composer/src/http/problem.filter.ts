import { randomUUID } from 'node:crypto';
import { Challenges } from '#access';
import { ComposerError } from '#kernel';
import { Log } from '#observability';
import { type ArgumentsHost, Catch, type ExceptionFilter, HttpException } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { problemOf } from './problem.js';

/** The one place where errors become HTTP answers outside MCP. */
@Catch()
export class ProblemFilter implements ExceptionFilter {
  constructor(
    private readonly log: Log,
    private readonly challenges: Challenges,
  ) {}

  catch(error: unknown, host: ArgumentsHost): void {
    const request = host.switchToHttp().getRequest<FastifyRequest>();
    const reply = host.switchToHttp().getResponse<FastifyReply>();
    const health = healthOf(error);
    if (health) {
      void reply.status(503).send(health);
      return;
    }
    const problem = problemOf(error, String(request.id ?? randomUUID()));
    const { requestId, code, status } = problem;
    if (status >= 500) this.log.error('a request failed', { requestId, code, err: error });
    // The sender was told why; a stranger could fill the log with these.
    else this.log.debug('a request was refused', { requestId, code, status });
    const challenge = error instanceof ComposerError ? this.challenges.forRefusal(error, request.raw) : undefined;
    if (challenge !== undefined) void reply.header('www-authenticate', challenge);
    const retryAfter = retryAfterOf(error, problem.status);
    if (retryAfter !== undefined) void reply.header('retry-after', String(retryAfter));
    void reply.status(problem.status).header('content-type', 'application/problem+json').send(JSON.stringify(problem));
  }
}

/** Seconds. What is away comes back soon, unless it says otherwise. */
function retryAfterOf(error: unknown, status: number): number | undefined {
  const told = error instanceof ComposerError ? error.retryAfter : undefined;
  return told ?? (status === 503 ? 2 : undefined);
}

/** Terminus throws its report as an exception; balancers want it as it is. */
function healthOf(error: unknown): object | undefined {
  if (!(error instanceof HttpException) || error.getStatus() !== 503) return undefined;
  const report = error.getResponse();
  return typeof report === 'object' && 'details' in report ? report : undefined;
}
