import { Command } from 'commander';
import { reportText } from '../kill-switch/report-body.js';
import { type RevocationReport, isConfirmed } from '../kill-switch/revocation.js';
import { withContext } from './application-context.js';
import { print } from './output.js';

interface RevokeOptions {
  readonly tenant?: string;
  readonly server?: string;
  readonly principal?: string;
  readonly issuer?: string;
  readonly json?: boolean;
}

/** The kill switch. Asks nothing: whoever types this is in a hurry. */
export function revokeCommand(): Command {
  return new Command('revoke')
    .description('Stop the use of a tenant, a server, a principal or an issuer at once, on every process.')
    .option('--tenant <slug>', 'the tenant to stop; with one of the others, where that is')
    .option('--server <id>', 'a member server of the tenant')
    .option('--principal <id>', 'a user or service account of the tenant, with its keys and tokens')
    .option('--issuer <url>', 'an issuer of tokens, as it spells itself; everywhere, or in the tenant')
    .addHelpText('after', '\nExits with 1 if a process has not confirmed within two seconds that it is in force.')
    .action(async ({ json, ...request }: RevokeOptions, command: Command) => {
      if (Object.keys(request).length === 0)
        command.error('error: say what to stop: --tenant, --server, --principal or --issuer');
      if ((request.server ?? request.principal) !== undefined && request.tenant === undefined)
        command.error('error: --server and --principal need --tenant: which one is meant depends on it');
      const { target: _target, ...report } = await revoke(request);
      const confirmed = isConfirmed(report);
      print(json ? { confirmed, ...report } : reportText(report));
      if (!confirmed) process.exitCode = 1;
    });
}

async function revoke(request: Omit<RevokeOptions, 'json'>): Promise<RevocationReport> {
  const [{ ServerRegistry }, { CLI }, { KillSwitch }, { KillSwitchModule }, { NoMembers }, { RevocationTargets }] =
    await Promise.all([
      import('#registry'),
      import('#tenancy'),
      import('../kill-switch/kill-switch.js'),
      import('../kill-switch/kill-switch.module.js'),
      import('../kill-switch/no-members.js'),
      import('../kill-switch/revocation-targets.js'),
    ]);
  return withContext(KillSwitchModule, async (app) => {
    app.get(ServerRegistry, { strict: false }).useGate(new NoMembers());
    const target = await app.get(RevocationTargets).targetOf(request);
    return app.get(KillSwitch).revoke(target, CLI);
  });
}
