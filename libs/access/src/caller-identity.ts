import type { IncomingHttpHeaders } from 'node:http';
import { principalId } from '#kernel';
import { DEFAULT_TENANT, NO_PERMISSIONS, type Principal, SCOPES } from '#tenancy';
import { Inject, Injectable } from '@nestjs/common';
import { type AccessConfig, accessConfig } from './access.config.js';

const LOCAL: Principal = {
  id: principalId('local'),
  tenantId: DEFAULT_TENANT,
  roles: ['admin', 'operator'],
  scopes: SCOPES,
  permissions: NO_PERMISSIONS,
  credential: { kind: 'none', id: 'local' },
};

/**
 * From the credential of a request to its principal, and through it to its tenant. Nothing else of a request says who
 * calls. With `COMPOSER_AUTH=none` everybody is the local administrator; otherwise a request without a credential that
 * can be verified has no principal, and is served nothing but public routes.
 */
@Injectable()
export class CallerIdentity {
  constructor(@Inject(accessConfig.KEY) private readonly config: AccessConfig) {}

  identify(_headers: IncomingHttpHeaders): Principal | undefined {
    return this.config.mode === 'none' ? LOCAL : undefined;
  }
}
