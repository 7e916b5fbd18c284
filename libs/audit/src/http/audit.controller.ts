import { AllowRoles, CurrentPrincipal, type Principal } from '#tenancy';
import { Controller, Get, Query, StreamableFile } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiQuery, ApiTags } from '@nestjs/swagger';
import { AuditCheck } from '../audit-check.js';
import { AuditExport } from '../audit-export.js';
import type { AuditFault } from '../audit-fault.js';
import type { AuditRecord } from '../audit-event.js';
import { AuditReader } from '../audit-reader.js';
import { AuditBusyError } from '../audit.errors.js';
import { exportQueryOf, pageQueryOf, verificationQueryOf } from './audit-query.schema.js';

/** What one request for a verification looks at; `next` tells where to go on. */
const STEP = { atMost: 50_000, withinMs: 10_000 };
/** Verifications that a process makes at the same time. */
const SIDE_BY_SIDE = 2;

interface Verification {
  /** False if there is a fault; true says so only of what was looked at. */
  readonly intact: boolean;
  readonly checked: number;
  readonly head?: { readonly seq: number; readonly hash: string };
  readonly fault?: AuditFault;
  /** The cursor to go on with; absent if the end was reached. */
  readonly next?: string;
}

const selectionParameters: readonly [name: string, description: string][] = [
  ['action', 'What the action begins with: `server.`, `tool.called`'],
  ['actor', '`<kind>:<id>`, such as `principal:ada`'],
  ['target', '`<thing>:<id>`, such as `server:crm`'],
  ['from', 'Events that happened then or later, RFC 3339'],
  ['to', 'Events that happened before then, RFC 3339'],
  ['cursor', '`next` of the page before; in an export, the number of the last event that was received'],
  ['order', '`newest` or `oldest` first'],
];

/** The audit trail of the caller's own tenant. */
@ApiTags('audit')
@Controller('api/v1/audit')
export class AuditController {
  private verifying = 0;

  constructor(
    private readonly reader: AuditReader,
    private readonly exports: AuditExport,
    private readonly check: AuditCheck,
  ) {}

  @Get()
  @AllowRoles('admin', 'operator')
  @ApiOperation({
    summary: 'A page of the audit trail',
    description: 'The newest events first, unless told otherwise.',
  })
  @WithSelection()
  @ApiQuery({ name: 'limit', required: false, description: '1 to 1000, 100 unless given' })
  async page(
    @CurrentPrincipal() { tenantId }: Principal,
    @Query() query: unknown,
  ): Promise<{ items: readonly AuditRecord[]; next?: string }> {
    const { items, next } = await this.reader.page(tenantId, pageQueryOf(query));
    return { items, ...(next === undefined ? {} : { next: String(next) }) };
  }

  @Get('export')
  @AllowRoles('admin', 'operator')
  @ApiOperation({
    summary: 'The audit trail as JSON lines',
    description: 'Oldest first, up to where the trail ends now. One that breaks off in the middle was not finished.',
  })
  @WithSelection()
  @ApiOkResponse({ content: { 'application/x-ndjson': { schema: { type: 'string' } } } })
  async export(@CurrentPrincipal() { tenantId }: Principal, @Query() query: unknown): Promise<StreamableFile> {
    const stream = await this.exports.open(tenantId, exportQueryOf(query));
    return new StreamableFile(stream, {
      type: 'application/x-ndjson',
      disposition: 'attachment; filename="audit.ndjson"',
    });
  }

  @Get('verification')
  @AllowRoles('admin', 'operator')
  @ApiOperation({
    summary: 'Look for tampering in the audit trail',
    description: 'Looks at 50,000 events at most and names the first fault. Go on with `cursor` where `next` is given.',
  })
  @ApiQuery({ name: 'cursor', required: false, description: '`next` of the step before' })
  @ApiQuery({ name: 'anchor', required: false, description: '`<seq>:<hash>` of an anchor that was kept elsewhere' })
  async verify(@CurrentPrincipal() { tenantId }: Principal, @Query() query: unknown): Promise<Verification> {
    const options = verificationQueryOf(query);
    if (this.verifying >= SIDE_BY_SIDE) throw new AuditBusyError();
    this.verifying += 1;
    try {
      const { next, ...verdict } = await this.check.run(tenantId, { ...options, ...STEP });
      const intact = verdict.fault === undefined;
      return { intact, ...verdict, ...(next === undefined ? {} : { next: String(next) }) };
    } finally {
      this.verifying -= 1;
    }
  }
}

function WithSelection(): MethodDecorator {
  const decorators = selectionParameters.map(([name, description]) => ApiQuery({ name, required: false, description }));
  return (target, key, descriptor) => {
    for (const decorate of decorators) decorate(target, key, descriptor);
  };
}
