import type { TenantId } from '#kernel';
import { Log } from '#observability';
import { SessionLetters } from '#session-store';
import { Injectable, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import { z } from 'zod';

const s = z.string();
const letter = z.discriminatedUnion('k', [
  /** The session has ended. */
  z.strictObject({ k: z.literal('ended'), s }),
  /** Its client wants to hear of the log from this level on. */
  z.strictObject({ k: z.literal('level'), s, v: s }),
  /** The request is to be cancelled, wherever it runs. `r` is its id as JSON text. */
  z.strictObject({ k: z.literal('cancelled'), s, r: s }),
  /** The client has answered a question. `p` is who has, `b` the result or error as JSON text. */
  z.strictObject({ k: z.literal('answered'), s, p: s, q: s, is: z.enum(['result', 'error']), b: s }),
  /** The client has come back for a stream. */
  z.strictObject({ k: z.literal('wanted'), s, w: s }),
  /** The client wants to hear of a resource, or does not any more. */
  z.strictObject({ k: z.literal('subscribed'), s, u: s }),
  z.strictObject({ k: z.literal('unsubscribed'), s, u: s }),
]);

/** What one replica has to tell the others about a session. `s` is its id. */
export type SessionLetter = z.infer<typeof letter>;
type Kind = SessionLetter['k'];
type Of<K extends Kind> = Extract<SessionLetter, { k: K }>;

/** Brings letters about sessions to whoever wants to hear of their kind, on the other replicas. */
@Injectable()
export class SessionPost implements OnModuleInit, OnApplicationShutdown {
  private readonly readers = new Map<Kind, Set<(letter: SessionLetter, tenant: TenantId) => void>>();
  private stopListening: () => void = () => undefined;

  constructor(
    private readonly letters: SessionLetters,
    private readonly log: Log,
  ) {}

  onModuleInit(): void {
    this.stopListening = this.letters.onLetter((tenant, text) => this.hand(tenant, text));
  }

  onApplicationShutdown(): void {
    this.stopListening();
  }

  /** Never rejects. Nobody may be there to read it. */
  send(tenant: TenantId, written: SessionLetter): Promise<void> {
    return this.letters.send(tenant, JSON.stringify(written));
  }

  /** Returns how to stop it. */
  on<K extends Kind>(kind: K, reader: (letter: Of<K>, tenant: TenantId) => void): () => void {
    const readers = this.readers.get(kind) ?? new Set();
    this.readers.set(kind, readers.add(reader as (letter: SessionLetter, tenant: TenantId) => void));
    return () => readers.delete(reader as (letter: SessionLetter, tenant: TenantId) => void);
  }

  private hand(tenant: TenantId, text: string): void {
    const read = letter.safeParse(JSON.parse(text));
    // A newer version of us may say more.
    if (!read.success) return this.log.debug('another replica has told of a session what is not known here');
    for (const reader of this.readers.get(read.data.k) ?? []) reader(read.data, tenant);
  }
}
