import type { MemberRef, PrincipalId } from '#kernel';
import type { ServerConfig, StoredCatalog } from '#registry';
import type {
  Member,
  MemberCaller,
  MemberReply,
  MemberRequest,
  MemberTask,
  RunningCall,
  TaskWatcher,
} from '../member.js';
import type { MemberOffer } from '../member-offer.js';
import { MemberCredentials } from '../member-credentials.js';
import { MemberProtocolError } from '../builder.errors.js';
import type { CallParts } from './call-parts.js';
import type { MemberOrder } from './member-parts.js';
import { RunningCalls, refuseAsBusy } from './running-calls.js';
import { UNHEARD_REPLY } from './unheard-reply.js';

type Credentials = ConstructorParameters<typeof MemberCredentials>[2];
/** What every configuration says that a live member is built from. */
export type MemberConfig = ServerConfig & Credentials & { readonly timeout: number; readonly retry_attempts: number };

/** A request that has not begun. */
export interface ReadyCall extends RunningCall {
  start(): void;
}

/** What members of all types do alike: they know their credentials and what they have under way, and end it in order. */
export abstract class LiveMember<C extends MemberConfig> implements Member {
  readonly ref: MemberRef;
  abstract readonly provesCredential: boolean;
  protected readonly credentials: MemberCredentials;
  /** For every request. */
  protected readonly callParts: CallParts;
  private readonly running = new RunningCalls();

  /** @param endpoint whom the credentials are for */
  constructor(
    protected readonly order: MemberOrder<C>,
    protected readonly endpoint: URL,
  ) {
    const { ref, config, parts, clock, noteOutcome, noteListChanged } = order;
    const { auth, deadlines } = parts;
    this.ref = ref;
    this.credentials = new MemberCredentials({ auth, clock, deadlines }, { member: ref, endpoint }, config);
    this.callParts = {
      deadlines,
      memberName: config.id,
      timeoutSeconds: config.timeout,
      retries: config.retry_attempts,
      noteOutcome,
      noteListChanged,
      aside: (request) => void this.request(request, UNHEARD_REPLY),
      done: this.running.remove,
    };
  }

  get isPerPrincipal(): boolean {
    return this.credentials.isPerPrincipal;
  }

  abstract refresh(timeoutMs: number, as?: PrincipalId): Promise<MemberOffer>;
  abstract offered(): MemberOffer;
  abstract snapshot(): StoredCatalog;

  request(request: MemberRequest, reply: MemberReply): RunningCall {
    const { length } = request.message.raw;
    // A call may take hold of something, so that one that was made has to begin.
    const hasRoom = this.hasRoom && this.running.hasRoomFor(length);
    const call = hasRoom ? this.callFor(request, reply) : undefined;
    if (!call) return refuseAsBusy(this.order.config.id, reply);
    this.running.add(call, length);
    call.start();
    return call;
  }

  get tellsOfUpdates(): boolean {
    return false;
  }

  listen(_isWanted: boolean): void {
    // Not every type tells something of its own accord.
  }

  async watch(_uri: string, _caller: MemberCaller, _onUpdate: () => void): Promise<() => void> {
    throw new MemberProtocolError('it does not tell of resources that change');
  }

  async watchTask(_task: MemberTask, _watcher: TaskWatcher): Promise<() => void> {
    throw new MemberProtocolError('it does not tell of tasks');
  }

  forgetCredentials(principalId?: PrincipalId): void {
    this.credentials.forget(principalId);
  }

  async close(graceMs: number): Promise<void> {
    const { log } = this.order;
    await this.running.drained(graceMs, (error) => log.error('a call could not be broken off', { err: error }));
    await this.endSessions();
    this.credentials.close();
    await this.freeConnections();
  }

  /** `undefined`: the member has more under way than it may have. */
  protected abstract callFor(request: MemberRequest, reply: MemberReply): ReadyCall | undefined;

  /** Whether the transport takes another request. */
  protected get hasRoom(): boolean {
    return true;
  }

  protected async endSessions(): Promise<void> {
    // Not every type has some.
  }

  protected async freeConnections(): Promise<void> {
    // Not every type has some.
  }
}
