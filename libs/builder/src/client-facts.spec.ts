import { describe, expect, it } from '@jest/globals';
import { CLIENT_FLAGS, type ClientFlag, declarationOf, flagsIn, modernFacts } from './client-facts.js';

describe('the facts of a client', () => {
  it('are the capabilities that are known, and no others', () => {
    const capabilities = {
      sampling: { tools: {}, other: {} },
      roots: { listChanged: true },
      elicitation: { url: {} },
      tasks: { list: {} },
      experimental: { anything: {} },
    };
    expect(flagsIn(capabilities)).toEqual(['elicitation.url', 'roots', 'sampling', 'sampling.tools']);
  });

  it('take elicitation without a mode for the one of forms', () => {
    expect(flagsIn({ elicitation: {} })).toEqual(['elicitation.form']);
    expect(flagsIn({ elicitation: { form: {}, url: {} } })).toEqual(['elicitation.form', 'elicitation.url']);
  });

  it.each([undefined, null, 'sampling', ['sampling'], { sampling: true, roots: 'yes', elicitation: null }])(
    'are none in %j',
    (capabilities) => {
      expect(flagsIn(capabilities)).toEqual([]);
    },
  );

  it('are declared as they were read', () => {
    const some: ClientFlag[] = ['elicitation.form', 'sampling', 'sampling.context'];
    expect(declarationOf(some)).toEqual({ elicitation: { form: {} }, sampling: { context: {} } });
    for (const flags of [CLIENT_FLAGS, some, []]) expect(flagsIn(declarationOf(flags))).toEqual(flags);
  });

  it('are in the metadata of a modern request', () => {
    const _meta = { 'io.modelcontextprotocol/clientCapabilities': { roots: {} } };
    expect(modernFacts({ _meta })).toEqual({ era: 'modern', version: '2026-07-28', capabilities: ['roots'] });
    expect(modernFacts({}).capabilities).toEqual([]);
  });
});
