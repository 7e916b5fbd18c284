import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { type CloudantServer, cloudantEnvironment, injectBadDay, openCloudantServer } from '#persistence/testing';
import { describeConsent } from '../fixtures/consent-scenario.js';
import { ConsentStage } from '../fixtures/consent-stage.js';

const stage = new ConsentStage();
let server: CloudantServer;

beforeAll(async () => {
  server = await openCloudantServer();
  await stage.open(cloudantEnvironment(server.database()));
}, 180_000);
afterEach(() => server.front.faults.clear());
afterAll(async () => {
  await stage.close();
  await server?.close();
}, 60_000);

describeConsent(stage);

describe('a person who connects a member while Cloudant is at its worst', () => {
  it('is connected, and another process that takes over knows it', async () => {
    injectBadDay(server.front.faults);
    stage.issuer.person = 'hopper';
    const page = await stage.browserOf('bob').connect(stage.linkTo('own'));
    expect([page.status, page.text]).toEqual([200, expect.stringContaining('is connected')]);
    expect(JSON.parse(await stage.call('bob', 'own')).who).toBe('hopper');
    server.front.faults.clear();
    await stage.killAndStart();
    expect(JSON.parse(await stage.call('bob', 'own')).who).toBe('hopper');
  });
});
