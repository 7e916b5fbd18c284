import { Injectable } from '@nestjs/common';
import type { DataSource } from 'typeorm';
import { UnsafeRoleError } from '../persistence.errors.js';
import { DatabaseConnection } from './database-connection.js';

/** The role that transactions switch to where the connecting role owns the tables. Nobody can log in as it. */
const SWITCHED_ROLE = 'composer_app';
const IN_USE = ['42710', '23505']; // duplicate_object, and unique_violation when two create it at the same moment
const ATTEMPTS = 5;
const CONCURRENT_GRANT = 'XX000'; // "tuple concurrently updated": another process granted at the same moment

interface RoleFacts {
  readonly name: string;
  readonly is_unbound: boolean;
  readonly owns_tables: boolean;
}

/**
 * Sees to it that the application works as a role that row-level security binds: not the owner of a table, not a
 * superuser, no BYPASSRLS. The connecting role itself if it is like that, else `composer_app` by SET LOCAL ROLE.
 */
@Injectable()
export class ApplicationRole {
  private switched: string | undefined;

  constructor(private readonly connection: DatabaseConnection) {}

  /** What every transaction must switch to; undefined where the connecting role is safe itself. */
  get switchTo(): string | undefined {
    return this.switched;
  }

  /**
   * Chooses the role and has the owner grant it what it lacks. Run after migrating.
   *
   * @throws UnsafeRoleError when no safe role can be had
   */
  async establish(owner: DataSource): Promise<void> {
    const connecting = await this.factsOf('current_user');
    if (!connecting.is_unbound && !connecting.owns_tables) {
      this.switched = undefined;
      await this.grant(owner, connecting.name);
      return;
    }
    await this.ensureSwitchedRole(owner, connecting.name);
    await this.grant(owner, SWITCHED_ROLE);
    await this.refuseUnsafe(connecting.name);
    this.switched = SWITCHED_ROLE;
  }

  private async factsOf(role: string): Promise<RoleFacts> {
    const rows = await this.connection.dataSource.query<RoleFacts[]>(
      `SELECT r.rolname AS name, r.rolsuper OR r.rolbypassrls AS is_unbound,
              EXISTS (SELECT FROM pg_class c WHERE c.relnamespace = current_schema()::regnamespace
                        AND c.relkind IN ('r', 'p') AND pg_has_role(r.oid, c.relowner, 'MEMBER')) AS owns_tables
         FROM pg_roles r WHERE r.rolname = ${role}`,
    );
    return rows[0]!;
  }

  private async ensureSwitchedRole(owner: DataSource, connecting: string): Promise<void> {
    const maySwitch = async (): Promise<boolean> => {
      const [row] = await owner.query<{ allowed: boolean }[]>(
        // From version 16 on a member may lack the right to switch, and whoever created a role is such a member.
        `SELECT pg_has_role($1, oid, CASE WHEN current_setting('server_version_num')::int >= 160000
                                          THEN 'SET' ELSE 'MEMBER' END) AS allowed
           FROM pg_roles WHERE rolname = $2`,
        [connecting, SWITCHED_ROLE],
      );
      return row?.allowed === true;
    };
    if (await maySwitch()) return;
    try {
      await this.createSwitchedRole(owner);
      if (!(await maySwitch())) await repeated(() => owner.query(`GRANT ${SWITCHED_ROLE} TO ${quoted(connecting)}`));
    } catch (error) {
      throw new UnsafeRoleError(
        `role "${connecting}" owns the tables and row-level security does not bind it; either give DATABASE_URL a role of its own ` +
          `and MIGRATION_DATABASE_URL the owner, or run: CREATE ROLE ${SWITCHED_ROLE} NOLOGIN; GRANT ${SWITCHED_ROLE} TO ${quoted(connecting)};`,
        error,
      );
    }
  }

  private async createSwitchedRole(owner: DataSource): Promise<void> {
    const [existing] = await owner.query<unknown[]>(`SELECT FROM pg_roles WHERE rolname = $1`, [SWITCHED_ROLE]);
    if (existing) return;
    try {
      await owner.query(`CREATE ROLE ${SWITCHED_ROLE} NOLOGIN NOSUPERUSER NOBYPASSRLS NOINHERIT`);
    } catch (error) {
      if (!IN_USE.includes((error as { code?: string }).code ?? '')) throw error;
    }
  }

  /** Grants what is missing and nothing else: a start that changes nothing writes nothing. */
  private async grant(owner: DataSource, role: string): Promise<void> {
    const missing = await owner.query<{ statement: string }[]>(
      `SELECT format('GRANT USAGE ON SCHEMA %I TO %I', current_schema(), $1::text) AS statement
        WHERE NOT has_schema_privilege($1, current_schema(), 'USAGE')
       UNION ALL
       SELECT format('GRANT %s ON %I.%I TO %I', p.wanted, current_schema(), c.relname, $1::text)
         FROM pg_class c
         CROSS JOIN LATERAL (SELECT CASE c.relname WHEN 'composer_migrations' THEN 'SELECT'
                                               WHEN 'audit_events' THEN 'SELECT, INSERT'
                                               WHEN 'audit_chains' THEN 'SELECT, INSERT, UPDATE'
                                               ELSE 'SELECT, INSERT, UPDATE, DELETE' END AS wanted) p
        WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p')
          AND EXISTS (SELECT FROM unnest(string_to_array(p.wanted, ', ')) w
                       WHERE NOT has_table_privilege($1, c.oid, w))`,
      [role],
    );
    try {
      for (const { statement } of missing) await owner.query(statement);
    } catch (error) {
      throw new UnsafeRoleError(
        `role "${role}" lacks rights on the tables and this process may not grant them; run the migrations with MIGRATION_DATABASE_URL of the role that owns the tables`,
        error,
      );
    }
  }

  private async refuseUnsafe(connecting: string): Promise<void> {
    const facts = await this.factsOf(`'${SWITCHED_ROLE}'`);
    if (facts.is_unbound || facts.owns_tables) {
      throw new UnsafeRoleError(
        `row-level security does not bind role "${SWITCHED_ROLE}"; it must be neither superuser nor BYPASSRLS nor own a table`,
      );
    }
    try {
      await this.connection.dataSource.transaction((tx) => tx.query(`SET LOCAL ROLE ${SWITCHED_ROLE}`));
    } catch (error) {
      throw new UnsafeRoleError(
        `role "${connecting}" may not switch to "${SWITCHED_ROLE}"; run: GRANT ${SWITCHED_ROLE} TO ${quoted(connecting)};`,
        error,
      );
    }
  }
}

async function repeated(work: () => Promise<unknown>, attempt = 1): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (attempt === ATTEMPTS || (error as { code?: string }).code !== CONCURRENT_GRANT) throw error;
    await repeated(work, attempt + 1);
  }
}

const quoted = (name: string): string => `"${name.replaceAll('"', '""')}"`;
