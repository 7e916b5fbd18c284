import type { RequestPatch } from '#auth';
import { asComposerError } from '../builder.errors.js';
import type { MemberCredential } from '../member-credential.js';
import { outcomeOf } from '../wire/retry.js';
import type { TimeLimit } from '../wire/time-limit.js';
import type { ServerFacts } from './server-facts.js';

/** A message, or the bytes of one that has to go as it is. */
export type Told = Readonly<Record<string, unknown>> | Buffer;

export interface TellOptions {
  /** Headers of the caller's that go along, where there are headers. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Milliseconds; 2,000 unless given. */
  readonly withinMs?: number;
}

/** What the composer says of its own accord. */
export interface OwnMessage {
  readonly message: Told;
  readonly limit: TimeLimit;
  /** On top. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
}

export const bytesOf = (message: Told): Buffer =>
  Buffer.isBuffer(message) ? message : Buffer.from(JSON.stringify({ jsonrpc: '2.0', ...message }));

/** Who can be asked something: gives the result decoded, and the response as it came. */
export interface MemberSource {
  ask(
    method: string,
    params: Record<string, unknown>,
    limit: TimeLimit,
  ): Promise<{ result: Record<string, unknown>; raw: Buffer }>;
}

/** What was opened as somebody. */
export interface AccountBound {
  /** The account of the credential that it was opened with, if that has one. */
  readonly account?: string | undefined;
  /** The member remembers nothing from one request to the next: whoever opened it does not matter. */
  readonly isStateless?: boolean;
}

/** Whether a session may carry a credential: one that was opened with another account never does. */
export function isOf({ account, isStateless }: AccountBound, patch: RequestPatch): boolean {
  return isStateless === true || account === patch.account;
}

/** Whether what was opened may go on now that what is stored of credentials has changed. */
export async function isStillOf(opened: AccountBound, credential: MemberCredential): Promise<boolean> {
  // Nobody has connected it: what the settings say has not changed.
  if (opened.account === undefined) return true;
  try {
    return isOf(opened, await credential.get());
  } catch (error) {
    return outcomeOf(asComposerError(error)) !== 'auth_required';
  }
}

/** The open session, or a new one if the account has changed since. */
export async function openAsNow<Session extends AccountBound>(
  link: Pick<MemberLink<Session>, 'open' | 'forget'>,
  credential: MemberCredential,
  limit: TimeLimit,
): Promise<Session> {
  const session = await link.open(limit);
  if (isOf(session, await credential.get())) return session;
  link.forget(session);
  return link.open(limit);
}

/** The composer's side of one MCP member, whatever the transport: opens sessions, and asks what the composer wants to know. */
export interface MemberLink<Session> extends MemberSource {
  /** The open session: the way of almost every request, without a promise. */
  peek(): Session | undefined;
  /** The open session, or a new one. Rejects with a `ComposerError` that says why there is none. */
  open(limit: TimeLimit): Promise<Session>;
  /** The session is not to be used any more. */
  forget(session: Session): void;
  /** An id that no other request of this link has. */
  nextId(): number;
  /** What the member says of itself now, as far as it can be asked; else what it said when the session was opened. */
  describe(limit: TimeLimit): Promise<ServerFacts>;
  /** Tells the member something. Resolves with whether it has taken it; never rejects. */
  tell(session: Session, message: Told, options?: TellOptions): Promise<boolean>;
  /** Ends the session. */
  end(): void | Promise<void>;
}
