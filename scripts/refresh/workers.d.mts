import type { CredentialStanding } from '#token-store';
import type { IssuedTokens, Issuer } from './issuer.mjs';

export interface Ground {
  readonly env: Readonly<Record<string, string>>;
  readonly scratch: string;
  tenant(slug: string): Promise<string>;
  query<R = Record<string, unknown>>(sql: string, values?: readonly unknown[]): Promise<readonly R[]>;
  close(): Promise<void>;
}

export interface Place {
  readonly tenant: string;
  readonly name: string;
}

export interface CallsOutcome {
  readonly ms: readonly number[];
  readonly errors: readonly string[];
  readonly generations: readonly number[];
  readonly tokens: readonly string[];
}

export interface Worker {
  readonly name: string;
  readonly pid: number;
  readonly isOver: boolean;
  readonly log: string;
  ask(deed: 'put', input: Place & { readonly tokens: IssuedTokens }): Promise<number>;
  ask(deed: 'calls', input: Place & { readonly count: number }): Promise<CallsOutcome>;
  ask(deed: 'standing', input: Place): Promise<CredentialStanding | undefined>;
  signal(signal: NodeJS.Signals): void;
  kill(signal?: NodeJS.Signals): Promise<void>;
}

export function openGround(options?: { readonly serverUrl?: string }): Promise<Ground>;
export function startWorker(ground: Ground, issuer: Issuer, options?: { readonly dataDir?: string }): Promise<Worker>;
