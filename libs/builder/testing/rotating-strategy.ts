import {
  type AnswerSign,
  type AuthStrategy,
  ConsentRequiredError,
  type CredentialUse,
  PrincipalMissingError,
  type RequestPatch,
} from '#auth';
import { z } from 'zod';

const settings = z.strictObject({
  /** Every principal has a credential of its own, once it is among `connected`. */
  per_user: z.boolean().default(false),
  /** Where the credential is; a cookie has the path of what is asked in it. */
  in: z.enum(['header', 'cookie']).default('header'),
});
type Settings = z.infer<typeof settings>;

/** Gives numbered credentials, and keeps what it was asked and told. A strategy as its contract wants it. */
export class RotatingStrategy implements AuthStrategy<Settings> {
  readonly name = 'rotating';
  readonly settings = settings;
  readonly secrets = [];
  /** How long a credential lives; for ever unless given. */
  lifetimeMs: number | undefined;
  /** Thrown in place of a credential. */
  fault: Error | undefined;
  hasFresher = true;
  /** Principals that have consented. */
  readonly connected = new Set<string>();
  readonly asked: CredentialUse[] = [];
  readonly renewed: CredentialUse[] = [];
  /** The credentials that members have taken. */
  readonly accepted: string[] = [];
  readonly cookies: string[] = [];
  private readonly counts = new Map<string, number>();
  private readonly accounts = new Map<string, string>();

  /** A person connects the owner's credential (`all` for the shared one) with this account. */
  connectAs(owner: string, account: string): void {
    this.accounts.set(owner, account);
    this.counts.set(owner, (this.counts.get(owner) ?? 0) + 1);
    this.connected.add(owner);
  }

  isPerPrincipal({ per_user }: Settings): boolean {
    return per_user;
  }

  async authorize(use: CredentialUse, { per_user, in: place }: Settings): Promise<RequestPatch> {
    this.asked.push(use);
    if (this.fault) throw this.fault;
    const owner = per_user ? use.principalId : 'all';
    if (owner === undefined) throw new PrincipalMissingError(use.member.serverId);
    const { serverId } = use.member;
    if (per_user && !this.connected.has(owner)) {
      throw new ConsentRequiredError(serverId, `http://composer.example/connect/${serverId}`);
    }
    const count = this.counts.get(owner) ?? 1;
    this.counts.set(owner, count);
    const account = this.accounts.get(owner);
    return { ...this.patchOf(`${owner}-${count}`, place), ...(account === undefined ? {} : { account }) };
  }

  async renew(use: CredentialUse, given: Settings, refused: RequestPatch): Promise<RequestPatch | undefined> {
    this.renewed.push(use);
    if (!this.hasFresher) return undefined;
    const owner = (given.per_user ? use.principalId : undefined) ?? 'all';
    this.counts.set(owner, (refused.generation ?? 0) + 1);
    return this.authorize(use, given);
  }

  /** As of a service with a login page. */
  refuses({ status, contentType, location }: AnswerSign): boolean {
    if (status === 401) return true;
    return (status < 300 && contentType.startsWith('text/html')) || location === '/login';
  }

  noteAccepted(_use: CredentialUse, _settings: Settings, patch: RequestPatch): void {
    this.accepted.push(String(patch.generation));
  }

  private patchOf(text: string, place: Settings['in']): RequestPatch {
    const more = {
      generation: Number(text.split('-')[1]),
      ...(this.lifetimeMs === undefined ? {} : { expiresAt: Date.now() + this.lifetimeMs }),
    };
    if (place === 'header') return { headers: { authorization: `Bearer ${text}` }, ...more };
    return {
      ...more,
      forRequest: ({ method, path }) => ({
        cookies: { token: text, where: `${method}_${path.split('?')[0]!.slice(1)}` },
      }),
      onSetCookie: (fields, path) => void this.cookies.push(...fields.map((field) => `${path.split('?')[0]} ${field}`)),
    };
  }
}
