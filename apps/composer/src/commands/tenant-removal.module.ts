import { AccessManagementModule } from '#access';
import { AuthModule } from '#auth';
import { Module } from '@nestjs/common';
import { TenantCredentials } from '../tenant-credentials.js';

/** What removing a tenant takes, its credentials at other places included. */
@Module({ imports: [AccessManagementModule, AuthModule], providers: [TenantCredentials] })
export class TenantRemovalModule {}
