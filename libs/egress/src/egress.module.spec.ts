import { setEnvironment } from '#config';
import { afterEach, describe, expect, it } from '@jest/globals';
import { Test } from '@nestjs/testing';
import { originServer } from '../testing/index.js';
import { EgressGuard } from './egress-guard.js';
import { EgressHttp } from './egress-http.js';
import { EgressPools } from './egress-pools.js';
import { EgressDeniedError } from './egress.errors.js';
import { EgressModule } from './egress.module.js';

describe('EgressModule', () => {
  afterEach(() => setEnvironment(undefined));

  it('offers guard, pools and http under the rules of the environment, and closes them at shutdown', async () => {
    const server = await originServer();
    setEnvironment({ COMPOSER_STAGE: 'production', EGRESS_ALLOW: `127.0.0.1:${server.port}`, LOG_LEVEL: 'fatal' });
    const module = await Test.createTestingModule({ imports: [EgressModule] }).compile();
    await module.init();

    const pools = module.get(EgressPools);
    const pool = pools.open(server.url);
    await expect(pool.request({ method: 'GET', path: '/' })).resolves.toMatchObject({ status: 200 });
    await expect(module.get(EgressHttp).request({ method: 'GET', url: server.url })).resolves.toMatchObject({
      status: 200,
    });
    await expect(module.get(EgressHttp).request({ method: 'GET', url: 'http://127.0.0.1:1/' })).rejects.toThrow(
      EgressDeniedError,
    );
    expect(() => module.get(EgressGuard).judge('http://127.0.0.1:1/')).toThrow(EgressDeniedError);

    await module.close();
    expect(pools.size).toBe(0);
    await server.close();
  });
});
