import { Clock } from '#kernel';
import { IssuerUnavailableError } from '#token-store';
import { Injectable } from '@nestjs/common';
import type { CredentialUse } from '../../credential-use.js';
import { namedIssuer } from './grant-types.js';
import { IssuerDiscovery } from './issuer-discovery.js';
import { type Discovered, type IssuerFacts, discoveredFacts, isTold, toldFacts } from './issuer-facts.js';
import type { Oauth2Settings } from './oauth2-settings.js';

const FRESH_MS = 10 * 60_000;
/** Between two times that it is read anew for the same reason: a member that refuses everything is not asked each time. */
const ANEW_MS = 30_000;
/** Metadata that is away is not worse than it was: what was read last goes on for a while. */
const STALE_MS = 24 * 3_600_000;
/** A server that cannot be found is not looked for by every call that wants it. */
const FAILED_MS = 5_000;
const MAX_KNOWN = 2_000;

/** The member has refused what it was given, or a person is about to be sent to its issuer: see whether it has moved. */
export type AnewFor = 'refusal' | 'consent';

interface Known {
  readonly discovered: Discovered;
  readonly at: number;
  /** When it was last read anew, for which reason. */
  readonly anewAt: Readonly<Partial<Record<AnewFor, number>>>;
}

interface Failure {
  readonly error: unknown;
  readonly at: number;
}

/** Where credentials of a member come from: told by its settings, or discovered, and remembered for a while. */
@Injectable()
export class IssuerFinder {
  private readonly known = new Map<string, Known>();
  private readonly failures = new Map<string, Failure>();
  private readonly finding = new Map<string, Promise<Discovered>>();

  constructor(
    private readonly discovery: IssuerDiscovery,
    private readonly clock: Clock,
  ) {}

  /**
   * @param anewFor why what is known may be out of date
   * @throws IssuerUntrustedError, IssuerUnavailableError
   */
  async find(use: CredentialUse, settings: Oauth2Settings, anewFor?: AnewFor): Promise<IssuerFacts> {
    if (isTold(settings)) return toldFacts(settings);
    const place = placeOf(use, settings);
    const known = this.known.get(place);
    if (known && this.isFresh(known, anewFor)) return discoveredFacts(settings, known.discovered);
    let finding = this.finding.get(place);
    if (!finding) {
      finding = this.discover(use, settings, anewFor).finally(() => this.finding.delete(place));
      this.finding.set(place, finding);
    }
    try {
      return discoveredFacts(settings, await finding);
    } catch (error) {
      const isUsable = known && this.clock.now() - known.at < STALE_MS;
      if (isUsable && error instanceof IssuerUnavailableError) return discoveredFacts(settings, known.discovered);
      throw error;
    }
  }

  /** What `find` last said, if that was not long ago. Asks nobody. */
  peek(use: CredentialUse, settings: Oauth2Settings): IssuerFacts | undefined {
    if (isTold(settings)) return toldFacts(settings);
    const known = this.known.get(placeOf(use, settings));
    return known && discoveredFacts(settings, known.discovered);
  }

  private isFresh({ at, anewAt }: Known, anewFor: AnewFor | undefined): boolean {
    const now = this.clock.now();
    return now - at < FRESH_MS && (anewFor === undefined || now - (anewAt[anewFor] ?? -Infinity) < ANEW_MS);
  }

  private async discover(
    use: CredentialUse,
    settings: Oauth2Settings,
    anewFor: AnewFor | undefined,
  ): Promise<Discovered> {
    const issuer = namedIssuer(settings);
    const place = placeOf(use, settings);
    const failure = this.failures.get(place);
    if (failure && this.clock.now() - failure.at < FAILED_MS) throw failure.error;
    this.failures.delete(place);
    try {
      const discovered = await (issuer === undefined ? this.discovery.of(use.endpoint) : this.discovery.at(issuer));
      const at = this.clock.now();
      const anewAt = { ...this.known.get(place)?.anewAt, ...(anewFor === undefined ? {} : { [anewFor]: at }) };
      remember(this.known, place, { discovered, at, anewAt });
      return discovered;
    } catch (error) {
      remember(this.failures, place, { error, at: this.clock.now() });
      throw error;
    }
  }
}

/** The longest unchanged is forgotten first. */
function remember<T>(all: Map<string, T>, place: string, value: T): void {
  all.delete(place);
  all.set(place, value);
  if (all.size > MAX_KNOWN) all.delete(all.keys().next().value!);
}

/** Of each tenant its own: nobody is to learn from the time it takes whom others have asked. */
function placeOf({ member, endpoint }: CredentialUse, settings: Oauth2Settings): string {
  const issuer = namedIssuer(settings);
  return JSON.stringify([member.tenantId, issuer === undefined ? endpoint.href : { issuer }]);
}
