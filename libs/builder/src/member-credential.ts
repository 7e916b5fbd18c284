import {
  type AnswerSign,
  type AuthAdapter,
  type AuthBlock,
  type CredentialUse,
  type RequestPatch,
  wantsNonce,
} from '#auth';
import type { Clock } from '#kernel';
import { type AnswerHead, isPage, pageOf } from './wire/wire-exchange.js';

/** Treated as expired this early, so that a patch does not expire on its way: five seconds, or a tenth of what is left. */
const MARGIN_MS = 5_000;
const MARGIN_SHARE = 0.1;
/**
 * How often a patch that expires is asked for again while it serves: whoever keeps the credential renews it ahead of time
 * only when asked, and answers from memory else.
 */
const REVIEW_MS = 15_000;

/** One credential: asked for once, kept while it is worth sending. */
export class MemberCredential {
  private patch: RequestPatch | undefined;
  /** By the clock, in milliseconds since the epoch. */
  private freshUntil = Infinity;
  /** By the clock; not before then is a patch that serves asked for again. */
  private reviewAt = Infinity;
  private isAccepted = false;
  private asking: Promise<RequestPatch> | undefined;
  /** By what was asked for in the refusal: who lacks a scope, or a nonce, is not helped by what helps another. */
  private readonly renewing = new Map<string, Promise<RequestPatch | undefined>>();

  constructor(
    private readonly auth: AuthAdapter,
    private readonly use: CredentialUse,
    private readonly block: AuthBlock,
    private readonly clock: Clock,
  ) {}

  /** Whether it is the one of a single principal: what becomes of it says nothing about the member. */
  get isPersonal(): boolean {
    return this.use.principalId !== undefined;
  }

  /** The patch if it is at hand and live: the way of almost every call, without a promise. */
  peek(): RequestPatch | undefined {
    if (this.freshUntil === Infinity) return this.patch;
    const now = this.clock.now();
    if (this.freshUntil <= now) return undefined;
    if (this.reviewAt <= now) this.review(now);
    return this.patch;
  }

  /** A live patch. Rejects if the strategy has none: then nothing may be sent. */
  async get(): Promise<RequestPatch> {
    return this.peek() ?? this.ask();
  }

  /**
   * A fresher patch than the one that was refused, or `undefined` if there is none. Calls refused together, and alike,
   * renew once.
   */
  async renew(refused: RequestPatch, answer?: AnswerSign): Promise<RequestPatch | undefined> {
    const current = this.peek();
    if (current && isOther(current, refused)) return current;
    const isSpecial = answer && (answer.status === 403 || wantsNonce(answer));
    const why = isSpecial ? (answer.challenge ?? '') : '';
    const running = this.renewing.get(why);
    if (running) return running;
    const renewing = this.auth
      .renew(this.use, this.block, answer ? { ...refused, answer } : refused)
      .then((fresh) => {
        if (fresh && this.renewing.get(why) === renewing) this.keep(fresh);
        return fresh;
      })
      .finally(() => {
        if (this.renewing.get(why) === renewing) this.renewing.delete(why);
      });
    this.renewing.set(why, renewing);
    return renewing;
  }

  /** Whether an answer says that the credential was not taken, so that nothing was done. */
  refuses(answer: AnswerSign): boolean {
    return this.auth.refuses(this.block, answer);
  }

  /**
   * The head of an answer has come: whether it is a refusal, and if not, that the patch was taken. Of a page that is not
   * known before the whole has come.
   */
  judgeHead(patch: RequestPatch, head: AnswerHead): boolean {
    const isRefusal = this.refuses(head);
    if (!isRefusal && head.status < 400 && !isPage(head)) this.noteAccepted(patch);
    return isRefusal;
  }

  /** The same of the whole answer, for one whose head was no refusal. */
  judgeBody(patch: RequestPatch, head: AnswerHead, body: Buffer): boolean {
    if (!isPage(head)) return false;
    const isRefusal = this.refuses({ ...head, ...pageOf(head, body) });
    if (!isRefusal && head.status < 400) this.noteAccepted(patch);
    return isRefusal;
  }

  /**
   * An answer to a request with this patch, which was no refusal, has come. Told on to the strategy once for each patch,
   * and not where there is another one by now. What was forgotten is told: the news of a renewal often comes between a
   * request and its answer, and a generation that counts as never taken buys no renewal.
   */
  noteAccepted(patch: RequestPatch): void {
    if (this.isAccepted || (this.patch && isOther(this.patch, patch))) return;
    this.isAccepted = true;
    this.auth.noteAccepted(this.use, this.block, patch);
  }

  /** The stored credential is another one: the next request asks for it, and what is asked for now serves nobody else. */
  forget(): void {
    this.patch = undefined;
    this.isAccepted = false;
    this.freshUntil = Infinity;
    this.reviewAt = Infinity;
    this.asking = undefined;
    this.renewing.clear();
  }

  /** Nobody waits for it, and what serves goes on serving if it fails. */
  private review(now: number): void {
    this.reviewAt = now + REVIEW_MS;
    this.ask().catch(() => undefined);
  }

  private ask(): Promise<RequestPatch> {
    if (!this.asking) {
      const asking = this.auth
        .authorize(this.use, this.block)
        .then((patch) => {
          if (this.asking === asking) this.keep(patch);
          return patch;
        })
        .finally(() => {
          if (this.asking === asking) this.asking = undefined;
        });
      this.asking = asking;
    }
    return this.asking;
  }

  private keep(patch: RequestPatch): void {
    if (!this.patch || isOther(patch, this.patch)) this.isAccepted = false;
    this.patch = patch;
    const { expiresAt } = patch;
    const now = this.clock.now();
    const leftMs = expiresAt === undefined ? Infinity : expiresAt - now;
    this.freshUntil = expiresAt === undefined ? Infinity : expiresAt - Math.min(MARGIN_MS, leftMs * MARGIN_SHARE);
    this.reviewAt = now + Math.min(REVIEW_MS, leftMs * MARGIN_SHARE);
  }
}

/** The same credential may have been asked for twice. */
function isOther(a: RequestPatch, b: RequestPatch): boolean {
  if (a.generation === undefined || a.generation !== b.generation) return a !== b;
  return a.account !== b.account;
}
