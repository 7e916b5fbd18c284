import { AuthAdapter } from '#auth';
import { EgressGuard, EgressHttp, EgressPools } from '#egress';
import { Clock, type MemberRef, type PrincipalId } from '#kernel';
import { Log } from '#observability';
import type { ServerConfig, StoredCatalog } from '#registry';
import { Injectable } from '@nestjs/common';
import type { Member, MemberOutcome } from '../member.js';
import type { ListKind } from '../member-offer.js';
import type { MemberPreview } from '../member-preview.js';
import { type SchemaImporter, schemaImporter } from '../graphql/index.js';
import { type DocumentImporter, documentImporter } from '../openapi/index.js';
import { MemberProcesses } from '../stdio/member-processes.js';
import { ThreadTurns } from '../threads/thread-turns.js';
import { Deadlines } from '../wire/deadlines.js';

/** What members are built from. */
@Injectable()
export class MemberParts {
  /** Of members that are processes. */
  readonly processes = new MemberProcesses();
  private readonly threads = new ThreadTurns();
  readonly documents: DocumentImporter = documentImporter(this.threads);
  readonly schemas: SchemaImporter = schemaImporter(this.threads);

  constructor(
    readonly egress: EgressPools,
    readonly http: EgressHttp,
    readonly guard: EgressGuard,
    readonly auth: AuthAdapter,
    readonly deadlines: Deadlines,
  ) {}
}

/** What a builder of members is given for one member. */
export interface MemberOrder<C extends ServerConfig = ServerConfig> {
  readonly ref: MemberRef;
  readonly config: C;
  readonly parts: MemberParts;
  readonly clock: Clock;
  readonly log: Log;
  /** Told how the member was whenever it was used; `by` whom, where that was with a credential of the caller's own. */
  readonly noteOutcome: (outcome: MemberOutcome, by?: PrincipalId) => void;
  /** Told when the member says that a list is another one; `to` whom, where that may differ. Without a list: it may be. */
  readonly noteListChanged: (to?: PrincipalId, list?: ListKind) => void;
  /** What is stored of the member that this one replaces, or that a former process served. */
  readonly stored?: StoredCatalog;
  /** The configuration is new: what it refers to is fetched again. */
  readonly isNew: boolean;
}

/** One type of member: a configuration of that type -> a live member. Rejects if it cannot be built at all. */
export interface MemberBuilder<C extends ServerConfig = ServerConfig> {
  /** Values of `type` that this builder builds. */
  readonly types: readonly C['type'][];
  build(order: MemberOrder<C>): Promise<Member>;
  /**
   * What the member would offer, for types that can say it without calling the service or starting anything; undefined
   * where this configuration does not tell. Rejects as `build` does.
   */
  preview?(this: void, order: PreviewOrder<C>): Promise<MemberPreview | undefined>;
}

/** Of a member that is not to be built. */
export type PreviewOrder<C extends ServerConfig = ServerConfig> = Pick<
  MemberOrder<C>,
  'ref' | 'config' | 'parts' | 'log' | 'stored'
>;
