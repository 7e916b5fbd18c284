import { describe, expect, it } from '@jest/globals';
import { CLIENT_FLAGS, type ClientFlag, declarationOf, flagsIn, modernFacts, profileOf } from './client-facts.js';

describe('the facts of a client', () => {
  it('are the capabilities that are known, and no others', () => {
    const capabilities = {
      sampling: { tools: {}, other: {} },
      roots: { listChanged: true },
      elicitation: { url: {} },
      tasks: { list: {} },
      experimental: { anything: {} },
    };
    expect(flagsIn(capabilities, 'modern')).toEqual(['elicitation.url', 'roots', 'sampling', 'sampling.tools']);
  });

  it('take elicitation without a mode for the one of forms', () => {
    expect(flagsIn({ elicitation: {} }, 'legacy')).toEqual(['elicitation.form']);
    expect(flagsIn({ elicitation: { form: {}, url: {} } }, 'modern')).toEqual(['elicitation.form', 'elicitation.url']);
  });

  it.each([undefined, null, 'sampling', ['sampling'], { sampling: true, roots: 'yes', elicitation: null }])(
    'are none in %j',
    (capabilities) => {
      expect(flagsIn(capabilities, 'modern')).toEqual([]);
    },
  );

  it('are declared as they were read', () => {
    const some: ClientFlag[] = ['elicitation.form', 'sampling', 'sampling.context'];
    expect(declarationOf(some)).toEqual({ elicitation: { form: {} }, sampling: { context: {} } });
    for (const flags of [CLIENT_FLAGS, some, []]) expect(flagsIn(declarationOf(flags), 'modern')).toEqual(flags);
  });

  it('hold the extensions that are carried, and of those the ones that the era has', () => {
    const apps = { mimeTypes: ['text/html;profile=mcp-app'], other: 1 };
    const extensions = {
      'io.modelcontextprotocol/tasks': {},
      'io.modelcontextprotocol/ui': apps,
      'io.modelcontextprotocol/oauth-client-credentials': {},
      'com.example/other': {},
    };
    expect(flagsIn({ extensions }, 'modern')).toEqual(['extensions.tasks', 'extensions.ui']);
    expect(flagsIn({ extensions }, 'legacy')).toEqual(['extensions.ui']);
    for (const ui of [{}, { mimeTypes: [] }, { mimeTypes: 'text/html;profile=mcp-app' }, true])
      expect(flagsIn({ extensions: { 'io.modelcontextprotocol/ui': ui } }, 'modern')).toEqual([]);
    expect(declarationOf(['elicitation.form', 'extensions.tasks', 'extensions.ui'])).toEqual({
      elicitation: { form: {} },
      extensions: {
        'io.modelcontextprotocol/tasks': {},
        'io.modelcontextprotocol/ui': { mimeTypes: ['text/html;profile=mcp-app'] },
      },
    });
  });

  it('are a profile of sessions, in which there are no tasks', () => {
    expect(profileOf([])).toBe('');
    expect(profileOf(['extensions.tasks'])).toBe('');
    expect(profileOf(['extensions.tasks', 'extensions.ui', 'roots'])).toBe('extensions.ui roots');
  });

  it('are in the metadata of a modern request', () => {
    const _meta = { 'io.modelcontextprotocol/clientCapabilities': { roots: {} } };
    expect(modernFacts({ _meta })).toEqual({ era: 'modern', version: '2026-07-28', capabilities: ['roots'] });
    expect(modernFacts({}).capabilities).toEqual([]);
  });
});
