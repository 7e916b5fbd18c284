import type { AuthAdapter, AuthBlock, CredentialUse, RequestPatch } from '#auth';
import type { Clock } from '#kernel';

/** Treated as expired this early, so that a patch does not expire on its way. */
const MARGIN_MS = 5_000;

/** The credential of one member, or of one of its tools: asked for once, kept while it is worth sending. */
export class MemberCredential {
  private patch: RequestPatch | undefined;
  private asking: Promise<RequestPatch> | undefined;
  private renewing: Promise<RequestPatch | undefined> | undefined;

  constructor(
    private readonly auth: AuthAdapter,
    private readonly use: CredentialUse,
    private readonly block: AuthBlock,
    private readonly clock: Clock,
  ) {}

  /** The patch if it is at hand and live: the way of almost every call, without a promise. */
  peek(): RequestPatch | undefined {
    const { patch } = this;
    if (patch?.expiresAt !== undefined && patch.expiresAt - MARGIN_MS <= this.clock.now()) return undefined;
    return patch;
  }

  /** A live patch. Rejects if the strategy has none: then nothing may be sent. */
  async get(): Promise<RequestPatch> {
    return this.peek() ?? this.ask(() => this.auth.authorize(this.use, this.block));
  }

  /** A fresher patch than the one that was refused, or `undefined` if there is none. Calls refused together renew once. */
  async renew(refused: RequestPatch): Promise<RequestPatch | undefined> {
    const current = this.peek();
    if (current && current !== refused) return current;
    this.renewing ??= this.auth
      .renew(this.use, this.block, refused)
      .then((fresh) => (this.patch = fresh ?? this.patch) && fresh)
      .finally(() => (this.renewing = undefined));
    return this.renewing;
  }

  private ask(authorize: () => Promise<RequestPatch>): Promise<RequestPatch> {
    this.asking ??= authorize()
      .then((patch) => (this.patch = patch))
      .finally(() => (this.asking = undefined));
    return this.asking;
  }
}
