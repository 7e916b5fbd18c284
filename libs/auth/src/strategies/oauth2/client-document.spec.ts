import { describe, expect, it } from '@jest/globals';
import type { ListenConfig } from '#config';
import { memberClientConfig } from '../../member-client.config.js';
import { ClientDocument } from './client-document.js';
import { ClientDocumentController } from './client-document.controller.js';

const OWN = 'https://composer.example/.well-known/mcp-composer-client.json';

function open(publicUrl: string, documentUrl?: string) {
  const listen: ListenConfig = { host: '127.0.0.1', port: 9000, publicUrl, isLoopback: true, aliases: [] };
  return new ClientDocumentController(new ClientDocument(listen, { documentUrl }));
}

describe('the document that names the composer', () => {
  it('is served where it says that it is, and holds no secret', () => {
    expect(open('https://composer.example').get()).toEqual({
      client_id: OWN,
      client_name: 'MCP Composer',
      client_uri: 'https://composer.example',
      redirect_uris: ['https://composer.example/connect/callback'],
      grant_types: ['authorization_code', 'refresh_token'],
      response_types: ['code'],
      token_endpoint_auth_method: 'none',
      application_type: 'web',
    });
  });

  it('carries the address that it is served at, also where nobody is sent to it', () => {
    const here = 'http://127.0.0.1:9000/.well-known/mcp-composer-client.json';
    expect(open('http://127.0.0.1:9000').get()).toMatchObject({ client_id: here });
    const elsewhere = open('https://composer.example', 'https://cdn.example/c.json');
    expect(elsewhere.get()).toMatchObject({ client_id: OWN });
  });

  it('is served for another name of the composer, if that is what it is called', () => {
    const elsewhere = 'https://www.example/.well-known/mcp-composer-client.json';
    expect(open('https://composer.example', elsewhere).get()).toMatchObject({ client_id: elsewhere });
  });

  it.each([
    ['https://cdn.example/client.json', []],
    ['http://cdn.example/client.json', ['is not an https URL']],
    ['https://cdn.example/', ['has no path']],
  ])('may be at %s: %j', (MEMBER_CLIENT_ID_URL, problems) => {
    const found = memberClientConfig.check({ MEMBER_CLIENT_ID_URL });
    expect(found).toEqual(problems.map((problem) => expect.stringContaining(problem)));
  });
});
