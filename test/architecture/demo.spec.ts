import { beforeAll, describe, expect, it } from '@jest/globals';
import type { AuthAdapter } from '#auth';
import { openAuthAdapter } from '#auth/testing';
import { z } from 'zod';
import { STRATEGIES } from '../../scripts/demo/strategies.mjs';

/** The long names and the other spellings of a grant mean the same. */
const shortOf = (grant: string): string => grant.replace(/^urn:.*:/, '').replaceAll('_', '-');

/** Names that are on offer and that no member of the demo stands for. */
const unshown = (offered: readonly string[], shown: readonly (string | undefined)[]): string[] =>
  offered.filter((name) => !shown.includes(name));

describe('the demo', () => {
  let auth: AuthAdapter;
  beforeAll(async () => void (auth = await openAuthAdapter()));

  /** The values that a setting of `oauth2` may have. */
  const valuesOf = (setting: string): readonly string[] => {
    const { settings } = auth.describe().find(({ name }) => name === 'oauth2')!;
    const { properties } = z.toJSONSchema(settings, { io: 'output' }) as {
      properties: Record<string, { enum?: string[] }>;
    };
    return properties[setting]!.enum!;
  };
  const oauth2 = STRATEGIES.filter(({ auth_strategy }) => auth_strategy === 'oauth2');

  it('has a member for every strategy', () => {
    const names = auth.describe().map(({ name }) => name);
    const shown = STRATEGIES.map(({ auth_strategy }) => auth_strategy);
    expect(unshown(names, shown)).toEqual([]);
    expect(unshown(shown, names)).toEqual([]);
    expect(unshown([...names, 'another'], shown)).toEqual(['another']);
  });

  it('has a member for every grant, and one for every way in which a client shows who it is', () => {
    const grants = [...new Set(valuesOf('grant_type').map(shortOf))];
    expect(grants).toHaveLength(5);
    expect(
      unshown(
        grants,
        oauth2.map(({ grant }) => shortOf(grant!)),
      ),
    ).toEqual([]);
    const clients = valuesOf('client_authentication');
    expect(
      unshown(
        clients,
        oauth2.map(({ client }) => client),
      ),
    ).toEqual([]);
    expect(oauth2.some(({ client }) => client === undefined)).toBe(true);
  });

  it('has a person connect what nobody can connect alone', () => {
    for (const { grant, needsPerson } of oauth2) expect(needsPerson).toBe(grant === 'authorization_code');
  });
});
