import { pipeline } from 'node:stream/promises';
import type { AuditAnchor, AuditVerdict } from '#audit';
import { Command, InvalidArgumentError } from 'commander';
import { print } from './output.js';

interface VerifyOptions {
  readonly tenant?: string;
  readonly anchor?: AuditAnchor;
  readonly json?: boolean;
}

type Verified = AuditVerdict & { readonly tenant: string };

/** Looks for tampering in audit trails, and exports them. */
export function auditCommand(): Command {
  return new Command('audit')
    .description('Look for tampering in the audit trails, or export one.')
    .addCommand(verifyCommand())
    .addCommand(exportCommand());
}

function verifyCommand(): Command {
  return new Command('verify')
    .description('Follow the chain of every trail and name the first event that was tampered with. Exits with 1 then.')
    .option('--tenant <slug>', 'the trail of this tenant alone')
    .option('--anchor <seq:hash>', 'what the log said of the trail of --tenant at some time', anchorOf)
    .action(async ({ tenant, anchor, json }: VerifyOptions, command: Command) => {
      if (anchor && tenant === undefined) command.error('error: --anchor needs --tenant: an anchor is of one trail');
      const { AuditCheck, AuditedTenants } = await import('#audit');
      await withAudit(async (app) => {
        const known = app.get(AuditedTenants);
        const tenants = tenant === undefined ? await known.list() : [await known.bySlug(tenant)];
        const verified: Verified[] = [];
        for (const { id, slug } of tenants) {
          const verdict = { tenant: slug, ...(await app.get(AuditCheck).run(id, { anchor })) };
          verified.push(verdict);
          if (!json) print(told(verdict));
        }
        const intact = verified.every(({ fault }) => fault === undefined);
        if (json) print({ intact, trails: verified });
        if (!intact) process.exitCode = 1;
      });
    });
}

function exportCommand(): Command {
  return new Command('export')
    .description('Write the trail of a tenant to stdout, one line of JSON for each event, the oldest first.')
    .requiredOption('--tenant <slug>', 'whose trail')
    .action(async ({ tenant }: { tenant: string }) => {
      const { AuditExport, AuditedTenants } = await import('#audit');
      await withAudit(async (app) => {
        const { id } = await app.get(AuditedTenants).bySlug(tenant);
        const events = await app.get(AuditExport).open(id, { order: 'oldest' });
        await pipeline(events, process.stdout, { end: false });
      });
    });
}

function told({ tenant, checked, head, fault }: Verified): string {
  if (fault) {
    const column = fault.column === undefined ? '' : ` (${fault.column})`;
    return `${tenant}: event ${fault.seq}: ${fault.message}${column}`;
  }
  return head ? `${tenant}: ${checked} events, none altered; ends at ${head.seq}:${head.hash}` : `${tenant}: no events`;
}

function anchorOf(text: string): AuditAnchor {
  const [, seq, hash] = /^(\d{1,15}):([0-9a-f]{64})$/.exec(text) ?? [];
  if (seq === undefined || hash === undefined) {
    throw new InvalidArgumentError('It must be <seq>:<hash>, as an anchor in the log says.');
  }
  return { seq: Number(seq), hash };
}

type Context = Awaited<ReturnType<typeof open>>;

async function withAudit(work: (app: Context) => Promise<void>): Promise<void> {
  const app = await open();
  try {
    await work(app);
  } finally {
    await app.close();
  }
}

/** Only when it is needed: the database's libraries take half a second to load. */
async function open() {
  const [{ NestFactory }, { AuditModule }] = await Promise.all([import('@nestjs/core'), import('#audit')]);
  return NestFactory.createApplicationContext(AuditModule, { logger: false, abortOnError: false });
}
