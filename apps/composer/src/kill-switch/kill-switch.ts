import { AuditTrail } from '#audit';
import type { JsonObject } from '#kernel';
import { Log } from '#observability';
import { ChangeFeed } from '#persistence';
import { type Actor, DEFAULT_TENANT } from '#tenancy';
import { Injectable } from '@nestjs/common';
import { CredentialWithdrawal } from './credential-withdrawal.js';
import { UntrustedIssuerError } from './kill-switch.errors.js';
import type { Cut, Remaining, RevocationReport, RevocationTarget } from './revocation.js';
import { Stops } from './stops.js';

/** How long the other processes have to say that they know. */
const CONFIRM_MS = 2_000;

const CALLS_UNDER_WAY: Remaining = {
  kind: 'calls_under_way',
  text: 'what a member had begun to do when this took effect cannot be called back',
};

/**
 * Stops the use of something on every replica, and tells what goes on in spite of it. Using it again changes nothing
 * and asks again whether it is in force.
 */
@Injectable()
export class KillSwitch {
  constructor(
    private readonly stops: Stops,
    private readonly credentials: CredentialWithdrawal,
    private readonly feed: ChangeFeed,
    private readonly trail: AuditTrail,
    private readonly log: Log,
  ) {}

  /**
   * Each change is recorded in its own transaction, the whole afterwards, in the trail of the tenant that it is about.
   *
   * @throws UnknownTenantError, UnknownServerError, UnknownPrincipalError, UntrustedIssuerError; then nothing has changed
   */
  async revoke(target: RevocationTarget, actor: Actor): Promise<RevocationReport> {
    const { cut, untrusted } = await this.cut(target, actor);
    const first = await this.confirmed();
    const withdrawn = await this.withdrawn(target, actor);
    const isMore = withdrawn.stopped.length + withdrawn.remaining.length > 0;
    if (untrusted && !isMore) throw untrusted;
    // Who knows of the withdrawal knows of the stop.
    const { tookMs, ...confirmed } = isMore ? await this.confirmed() : first;
    const stopped = [...cut.stopped, ...withdrawn.stopped];
    const remaining = [...cut.remaining, ...withdrawn.remaining, CALLS_UNDER_WAY];
    const report = { stopped, remaining, target, ...confirmed, tookMs: Math.max(first.tookMs, tookMs) };
    this.log.warn('the kill switch was used', { target: nameOf(target), stopped: stopped.length, ...confirmed });
    await this.record(report, actor);
    return report;
  }

  /** An issuer that nobody here signs in with may have given something for members all the same. */
  private async cut(
    target: RevocationTarget,
    actor: Actor,
  ): Promise<{ readonly cut: Cut; readonly untrusted?: UntrustedIssuerError }> {
    try {
      return { cut: await this.stops.stop(target, actor) };
    } catch (error) {
      if (error instanceof UntrustedIssuerError) return { cut: { stopped: [], remaining: [] }, untrusted: error };
      throw error;
    }
  }

  /** Comes after the stop, which must not wait for issuers. */
  private async withdrawn(target: RevocationTarget, actor: Actor): Promise<Cut> {
    try {
      return await this.credentials.of(target, actor);
    } catch (error) {
      this.log.error('credentials of members could not be withdrawn', { target: nameOf(target), err: error });
      const text =
        'what issuers have given for members could not be withdrawn: use the switch again, or revoke it there';
      return { stopped: [], remaining: [{ kind: 'member_credential', text }] };
    }
  }

  private async confirmed(): Promise<Pick<RevocationReport, 'notConfirmed' | 'unknown' | 'tookMs'>> {
    const committedAt = performance.now();
    const took = () => ({ tookMs: Math.ceil(performance.now() - committedAt) });
    try {
      return { notConfirmed: await this.feed.settled(CONFIRM_MS), ...took() };
    } catch (error) {
      const unknown = `the other processes could not be asked: ${(error as Error).message}`;
      return { notConfirmed: [], unknown, ...took() };
    }
  }

  /** What was stopped is recorded already: a failure here must not hide the report. */
  private async record(report: RevocationReport, actor: Actor): Promise<void> {
    const { target, notConfirmed, unknown } = report;
    const event = { action: 'kill_switch.used', actor, target: nameOf(target), detail: detailOf(report) };
    try {
      await this.trail.record(target.tenantId ?? DEFAULT_TENANT, event);
    } catch (error) {
      this.log.error('the use of the kill switch could not be recorded', {
        target: nameOf(target),
        notConfirmed,
        unknown,
        err: error,
      });
    }
  }
}

function nameOf(target: RevocationTarget): string {
  if (target.kind === 'tenant') return `tenant:${target.tenantId}`;
  return target.kind === 'issuer' ? `issuer:${target.issuer}` : `${target.kind}:${target.id}`;
}

function detailOf({ stopped, notConfirmed, unknown }: Cut & RevocationReport): JsonObject {
  const counts: Record<string, number> = {};
  for (const { kind } of stopped) counts[kind] = (counts[kind] ?? 0) + 1;
  return { stopped: counts, not_confirmed: notConfirmed.map(({ name }) => name), ...(unknown ? { unknown } : {}) };
}
