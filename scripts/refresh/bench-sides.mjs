import { setTimeout as pause } from 'node:timers/promises';
import { startComposer, startMember } from './composers.mjs';
import { startWorker } from './workers.mjs';

/*
 * The two sides from which the bench calls: processes with a keeper of credentials, and whole composers. A credential is
 * renewed ahead of time from half of its life on, which would be one more request: the calls of a round are answered by
 * then.
 */

const KEEPER_LIFETIME_S = 6;
const COMPOSER_LIFETIME_S = 16;
const FOLLOW_MS = 10_000;
/** What is stored is offered at once, and built soon after. */
const BUILD_MS = 2_000;

export async function startKeepers(ground, issuer, count) {
  issuer.settings.expiresIn = KEEPER_LIFETIME_S;
  const processes = await started(count, () => startWorker(ground, issuer));
  const tenants = new Map();
  return {
    processes,
    async begin(name, tokens) {
      tenants.set(name, await ground.tenant(name));
      await processes[0].ask('put', { tenant: tenants.get(name), name, tokens });
    },
    calls: (at, name, calls) => processes[at].ask('calls', { tenant: tenants.get(name), name, count: calls }),
    stop: () => Promise.all(processes.map((worker) => worker.kill('SIGTERM'))),
  };
}

export async function startComposers(ground, issuer, count) {
  issuer.settings.expiresIn = COMPOSER_LIFETIME_S;
  const member = await startMember(issuer);
  const processes = await started(count, () => startComposer(ground));
  return {
    processes,
    async begin(id, { refresh_token: refreshToken }) {
      await processes[0].register(id, { member, issuer, refreshToken });
      for (const composer of processes) await followed(composer, id);
      await processes[0].calls({ id, count: 1 });
    },
    calls: (at, id, calls) => processes[at].calls({ id, count: calls }),
    stop: () => Promise.all([member, ...processes].map((each) => each.stop())),
  };
}

/** One after the other: the first one migrates. */
async function started(count, start) {
  const processes = [];
  while (processes.length < count) processes.push(await start());
  return processes;
}

async function followed(composer, id) {
  const deadline = performance.now() + FOLLOW_MS;
  while (!(await composer.offers(id))) {
    if (performance.now() > deadline) throw new Error('a composer does not follow the others');
    await pause(50);
  }
  await pause(BUILD_MS);
}
