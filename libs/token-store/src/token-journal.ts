import { type FileHandle, mkdir, open, readFile, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Log } from '#observability';
import type { Actor } from '#tenancy';
import { Inject, Injectable } from '@nestjs/common';
import { z } from 'zod';
import type { TokenKey } from './token-key.js';
import { type TokenStoreConfig, tokenStoreConfig } from './token-store.config.js';

/** What an issuer has given and the database has not taken yet. */
export interface JournalEntry {
  readonly key: TokenKey;
  /** The claim under which it was had, and the generation that it replaces. */
  readonly id: string;
  readonly stamp: string;
  readonly sealed: string;
  /** Of what is sealed; entries of older versions do not tell. */
  readonly generation?: number | undefined;
  /** Who has given it, where no claim was needed; then it is sealed for generation 0, which nothing else is. */
  readonly by?: Actor | undefined;
  readonly lifetimeMs?: number | undefined;
  /** In milliseconds since the epoch, by the clock of this host. */
  readonly receivedAt: number;
}

const MAX_ENTRIES = 1_000;
const SUFFIX = '.json';
const ID = /^[0-9a-f-]{36}$/;

const text = z.string().max(4_096);
const entrySchema = z.object({
  key: z.object({
    tenantId: z.uuid(),
    serverId: text,
    kind: z.enum(['token', 'client']),
    principalId: text.optional(),
    issuer: text,
    fingerprint: text,
  }),
  id: z.string().regex(ID),
  stamp: text,
  sealed: z.string(),
  generation: z.number().optional(),
  by: z
    .object({ kind: z.enum(['principal', 'cli', 'file', 'system']), id: text, credential: text.optional() })
    .optional(),
  lifetimeMs: z.number().optional(),
  receivedAt: z.number(),
});

/**
 * Keeps what must not be lost while the database is away: one file each, sealed, for this user alone, on disk when
 * `write` returns. Processes that share the directory share the entries; whoever is first brings one in.
 */
@Injectable()
export class TokenJournal {
  constructor(
    @Inject(tokenStoreConfig.KEY) private readonly config: TokenStoreConfig,
    private readonly log: Log,
  ) {}

  /** Rejects if it cannot be kept: the disk is full or not to be written to, or there are too many. */
  async write(entry: JournalEntry): Promise<void> {
    const { journalDir } = this.config;
    await mkdir(journalDir, { recursive: true, mode: 0o700 });
    if ((await this.names()).length >= MAX_ENTRIES) throw new Error('too many credentials wait for the database');
    const temporary = join(journalDir, `${entry.id}.tmp`);
    await withFile(temporary, 'w', async (file) => {
      await file.writeFile(JSON.stringify(entry));
      await file.sync();
    });
    await rename(temporary, this.pathOf(entry));
    // The name of a new file is on disk when its directory is.
    await withFile(journalDir, 'r', (directory) => directory.sync());
  }

  async remove({ id }: Pick<JournalEntry, 'id'>): Promise<void> {
    await rm(this.pathOf({ id }), { force: true });
  }

  /** Everything that waits. What cannot be read is left where it is, and told of. */
  async read(): Promise<readonly JournalEntry[]> {
    const entries: JournalEntry[] = [];
    for (const name of await this.names()) {
      const entry = await this.parse(name);
      if (entry) entries.push(entry);
    }
    return entries;
  }

  private async names(): Promise<readonly string[]> {
    try {
      const names = await readdir(this.config.journalDir);
      return names.filter((name) => name.endsWith(SUFFIX) && ID.test(name.slice(0, -SUFFIX.length)));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
      throw error;
    }
  }

  private async parse(name: string): Promise<JournalEntry | undefined> {
    try {
      return entrySchema.parse(JSON.parse(await readFile(join(this.config.journalDir, name), 'utf8'))) as JournalEntry;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined; // another process has brought it in
      this.log.warn('a credential that waits for the database cannot be read', { file: name, err: error });
      return undefined;
    }
  }

  private pathOf({ id }: Pick<JournalEntry, 'id'>): string {
    return join(this.config.journalDir, `${id}${SUFFIX}`);
  }
}

async function withFile<T>(path: string, flags: string, use: (file: FileHandle) => Promise<T>): Promise<T> {
  const file = await open(path, flags, 0o600);
  try {
    return await use(file);
  } finally {
    await file.close();
  }
}
