import { pipeline } from 'node:stream/promises';
import type { AuditAnchor, AuditVerdict } from '#audit';
import { Command, InvalidArgumentError } from 'commander';
import { print } from './output.js';

interface VerifyOptions {
  readonly tenant?: string;
  readonly anchor?: AuditAnchor;
  readonly after?: number;
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
    .option(
      '--after <seq>',
      'begin behind this event of the trail of --tenant, for trails whose beginning was deleted',
      numberOf,
    )
    .action(async ({ tenant, anchor, after, json }: VerifyOptions, command: Command) => {
      if ((anchor ?? after) !== undefined && tenant === undefined)
        command.error('error: --anchor and --after need --tenant: they are of one trail');
      const { AuditCheck, AuditedTenants } = await import('#audit');
      await withAudit(async (app) => {
        const known = app.get(AuditedTenants);
        const tenants = tenant === undefined ? await known.list() : [await known.bySlug(tenant)];
        const verified: Verified[] = [];
        for (const { id, slug } of tenants) {
          const verdict = {
            tenant: slug,
            ...(await app.get(AuditCheck).run(id, { anchor, ...(after === undefined ? {} : { after }) })),
          };
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

function numberOf(text: string): number {
  if (!/^\d{1,15}$/.test(text)) throw new InvalidArgumentError('It must be the number of an event.');
  return Number(text);
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
