import { Log, SecretValues } from '#observability';
import { HttpService } from '@nestjs/axios';
import axios from 'axios';
import { AllowList } from '../src/allow-list.js';
import { EgressGuard } from '../src/egress-guard.js';
import { EgressHttp, axiosSettings } from '../src/egress-http.js';
import { EgressPools } from '../src/egress-pools.js';
import { GuardedAgents } from '../src/guarded-agents.js';
import { NameResolver, type NameResolverOptions } from '../src/name-resolver.js';

export interface Egress {
  readonly guard: EgressGuard;
  readonly pools: EgressPools;
  readonly http: EgressHttp;
  /** Closes every connection. */
  close(): Promise<void>;
}

export interface EgressOptions extends NameResolverOptions {
  /** Receives the log lines; they are dropped unless given. */
  readonly write?: (line: string) => void;
}

/**
 * The real parts without Nest.
 *
 * @param allow entries as in `EGRESS_ALLOW`; nothing but public HTTPS can be called beyond them
 */
export function egressFor(allow: readonly string[], { write = () => undefined, ...names }: EgressOptions = {}): Egress {
  const list = AllowList.parse(allow.join(','), (problem) => {
    throw new Error(problem);
  });
  const log = Log.open({ level: 'debug', format: 'json' }, new SecretValues(), write);
  const guard = new EgressGuard({ allow: list }, new NameResolver(names), log);
  const pools = new EgressPools(guard);
  const agents = new GuardedAgents(guard);
  const http = new EgressHttp(guard, new HttpService(axios.create(axiosSettings(agents))));
  return {
    guard,
    pools,
    http,
    async close() {
      await pools.onApplicationShutdown();
      agents.onApplicationShutdown();
    },
  };
}
