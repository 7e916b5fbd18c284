import type { AnswerSign, AuthAdapter, AuthBlock, CredentialUse, RequestPatch } from '#auth';
import type { Clock } from '#kernel';

/** Treated as expired this early, so that a patch does not expire on its way: five seconds, or a tenth of what is left. */
const MARGIN_MS = 5_000;
const MARGIN_SHARE = 0.1;

/** One credential: asked for once, kept while it is worth sending. */
export class MemberCredential {
  private patch: RequestPatch | undefined;
  /** By the clock, in milliseconds since the epoch. */
  private freshUntil = Infinity;
  private isAccepted = false;
  private asking: Promise<RequestPatch> | undefined;
  private renewing: Promise<RequestPatch | undefined> | undefined;

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
    if (this.freshUntil !== Infinity && this.freshUntil <= this.clock.now()) return undefined;
    return this.patch;
  }

  /** A live patch. Rejects if the strategy has none: then nothing may be sent. */
  async get(): Promise<RequestPatch> {
    return this.peek() ?? this.ask();
  }

  /** A fresher patch than the one that was refused, or `undefined` if there is none. Calls refused together renew once. */
  async renew(refused: RequestPatch): Promise<RequestPatch | undefined> {
    const current = this.peek();
    if (current && current !== refused) return current;
    if (!this.renewing) {
      const renewing = this.auth
        .renew(this.use, this.block, refused)
        .then((fresh) => {
          if (fresh && this.renewing === renewing) this.keep(fresh);
          return fresh;
        })
        .finally(() => {
          if (this.renewing === renewing) this.renewing = undefined;
        });
      this.renewing = renewing;
    }
    return this.renewing;
  }

  /** Whether an answer says that the credential was not taken, so that nothing was done. */
  refuses(answer: AnswerSign): boolean {
    return this.auth.refuses(this.block, answer);
  }

  /** An answer to a request with this patch, which was no refusal, has come. Told on to the strategy once for each patch. */
  noteAccepted(patch: RequestPatch): void {
    if (this.isAccepted || this.patch !== patch) return;
    this.isAccepted = true;
    this.auth.noteAccepted(this.use, this.block, patch);
  }

  /** The stored credential is another one: the next request asks for it, and what is asked for now serves nobody else. */
  forget(): void {
    this.patch = undefined;
    this.freshUntil = Infinity;
    this.asking = undefined;
    this.renewing = undefined;
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
    this.patch = patch;
    this.isAccepted = false;
    const { expiresAt } = patch;
    const leftMs = expiresAt === undefined ? Infinity : expiresAt - this.clock.now();
    this.freshUntil = expiresAt === undefined ? Infinity : expiresAt - Math.min(MARGIN_MS, leftMs * MARGIN_SHARE);
  }
}
