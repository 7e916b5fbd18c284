import { Clock, type Json, isObject } from '#kernel';
import { SecretValues } from '#observability';
import { Injectable } from '@nestjs/common';
import type { TokenSet } from './token-key.js';

/** A request that carries a credential may end later than the credential is dropped, and be told of then. */
const LINGER_MS = 60_000;
/** Names of what is secret in what strategies keep besides tokens. */
const SECRET_NAME = /secret|token|password|assertion|verifier|^value$/i;
const MAX_DEPTH = 8;

interface Left {
  readonly tokens: TokenSet;
  readonly at: number;
}

/** Has the values of credentials masked in everything that is written for people, while they are held and a minute after. */
@Injectable()
export class TokenSecrets {
  /** Oldest first. */
  private readonly left: Left[] = [];

  constructor(
    private readonly values: SecretValues,
    private readonly clock: Clock,
  ) {}

  remember(tokens: TokenSet): void {
    this.clear();
    for (const value of secretsOf(tokens)) this.values.remember(value);
  }

  /** Once for each `remember`. */
  forget(tokens: TokenSet): void {
    this.clear();
    this.left.push({ tokens, at: this.clock.now() });
  }

  /** For what is only passed on. */
  note(tokens: TokenSet): void {
    this.remember(tokens);
    this.forget(tokens);
  }

  private clear(): void {
    const before = this.clock.now() - LINGER_MS;
    const kept = this.left.findIndex(({ at }) => at > before);
    for (const { tokens } of this.left.splice(0, kept === -1 ? this.left.length : kept)) {
      for (const value of secretsOf(tokens)) this.values.forget(value);
    }
  }
}

function secretsOf({ accessToken, refreshToken, more }: TokenSet): readonly string[] {
  const others = more === undefined ? [] : secretTexts(more);
  return [accessToken, ...(refreshToken === undefined ? [] : [refreshToken]), ...others];
}

function secretTexts(value: Json, name = '', depth = 0): readonly string[] {
  if (typeof value === 'string') return SECRET_NAME.test(name) ? [value] : [];
  if (depth === MAX_DEPTH) return [];
  if (Array.isArray(value)) return value.flatMap((each: Json) => secretTexts(each, name, depth + 1));
  if (!isObject(value)) return [];
  return Object.entries(value).flatMap(([key, each]) => secretTexts(each, key, depth + 1));
}
