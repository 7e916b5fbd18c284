import { CreateTenants1795305600000 } from './1795305600000-create-tenants.js';
import { CreateKeys1795305600001 } from './1795305600001-create-keys.js';
import { CreateServers1795305600002 } from './1795305600002-create-servers.js';
import { CreateChanges1795651200000 } from './1795651200000-create-changes.js';
import { CreateAudit1795651200001 } from './1795651200001-create-audit.js';
import { CreateAccess1795651200002 } from './1795651200002-create-access.js';
import { CreateIssuers1795651200003 } from './1795651200003-create-issuers.js';
import { CreateAuthorizationServer1795651200004 } from './1795651200004-create-authorization-server.js';
import { CreateVirtualServers1795651200005 } from './1795651200005-create-virtual-servers.js';
import { CreateCredentials1795737600000 } from './1795737600000-create-credentials.js';
import { RotateKeys1795737600002 } from './1795737600002-rotate-keys.js';
import { MarkTakenCredentials1795737600003 } from './1795737600003-mark-taken-credentials.js';
import { CreateSessionRecords1795737600004 } from './1795737600004-create-session-records.js';

/** Every migration, oldest first. Append only: a released one is never edited. */
export const migrations = [
  CreateTenants1795305600000,
  CreateKeys1795305600001,
  CreateServers1795305600002,
  CreateChanges1795651200000,
  CreateAudit1795651200001,
  CreateAccess1795651200002,
  CreateIssuers1795651200003,
  CreateAuthorizationServer1795651200004,
  CreateVirtualServers1795651200005,
  CreateCredentials1795737600000,
  RotateKeys1795737600002,
  MarkTakenCredentials1795737600003,
  CreateSessionRecords1795737600004,
] as const;
