import { randomBytes } from 'node:crypto';
import type { ClientAnswer, MemberQuestion } from '#builder';
import type { Principal } from '#tenancy';
import { Injectable } from '@nestjs/common';

/** Whom a question was put to: nobody else can answer it. */
interface Asked {
  readonly principal: Pick<Principal, 'tenantId' | 'id'>;
  readonly sessionId: string;
}

interface AskedOnStream extends Asked {
  readonly reply: {
    openStream(): void;
    event(parts: readonly Buffer[]): void;
  };
}

interface OpenQuestion extends Asked {
  readonly take: (answer: ClientAnswer) => void;
}

const PREFIX = 'composer-';
const MAX = 10_000;
const MAX_OF_SESSION = 64;

/**
 * Questions of members that legacy clients have not answered yet (2025-11-25, requests of the server). Each goes out on
 * the stream of the call that it belongs to, under an id that nobody can guess, and its answer counts only if it comes in
 * the same session from the same principal. Whoever asks withdraws the question when the call is over.
 */
@Injectable()
export class OpenQuestions {
  private readonly open = new Map<string, OpenQuestion>();
  private readonly bySession = new Map<string, number>();

  get size(): number {
    return this.open.size;
  }

  /** Undefined: too much is open. Otherwise how to withdraw it, of which the client is told. */
  ask(
    { principal, sessionId, reply }: AskedOnStream,
    { method, params }: MemberQuestion,
    take: (answer: ClientAnswer) => void,
  ): (() => void) | undefined {
    const count = this.bySession.get(sessionId) ?? 0;
    if (this.open.size >= MAX || count >= MAX_OF_SESSION) return undefined;
    const id = `${PREFIX}${randomBytes(16).toString('base64url')}`;
    this.open.set(id, { principal, sessionId, take });
    this.bySession.set(sessionId, count + 1);
    reply.openStream();
    reply.event([messageOf({ id, method, params })]);
    return () => {
      if (!this.close(id)) return;
      reply.event([messageOf({ method: 'notifications/cancelled', params: { requestId: id } })]);
    };
  }

  /** Whether a question of some process has such an id. */
  static isIdOfQuestion(id: string): boolean {
    return id.startsWith(PREFIX);
  }

  /** What nobody has asked of this client is nobody's answer: false then. */
  take({ principal, sessionId }: Asked, id: string, answer: ClientAnswer): boolean {
    const question = this.open.get(id);
    const { tenantId, id: principalId } = question?.principal ?? {};
    const isTheirs = question?.sessionId === sessionId && tenantId === principal.tenantId;
    if (!isTheirs || principalId !== principal.id) return false;
    this.close(id);
    question.take(answer);
    return true;
  }

  private close(id: string): boolean {
    const question = this.open.get(id);
    if (!question) return false;
    this.open.delete(id);
    const left = this.bySession.get(question.sessionId)! - 1;
    if (left > 0) this.bySession.set(question.sessionId, left);
    else this.bySession.delete(question.sessionId);
    return true;
  }
}

const messageOf = (message: object): Buffer => Buffer.from(JSON.stringify({ jsonrpc: '2.0', ...message }));
