import type { JsonObject } from '#kernel';
import { type Remaining, type RevocationReport, type Stopped, isConfirmed } from './revocation.js';

/** A report as the API gives it. */
export function reportBody(report: RevocationReport): JsonObject {
  const { stopped, remaining, notConfirmed, unknown, tookMs } = report;
  return {
    confirmed: isConfirmed(report),
    took_ms: tookMs,
    stopped: stopped.map(({ kind, id, tenantId, isOld }) => ({ kind, id, tenant_id: tenantId, was_stopped: isOld })),
    remaining: remaining.map(({ kind, id, tenantId, text }) => ({
      kind,
      ...(id === undefined ? {} : { id }),
      ...(tenantId === undefined ? {} : { tenant_id: tenantId }),
      text,
    })),
    not_confirmed: notConfirmed.map(({ id, name, silentMs }) => ({ id, name, silent_ms: silentMs })),
    ...(unknown === undefined ? {} : { unknown }),
  };
}

/** The same for people, a line for each thing. */
export function reportText(report: Omit<RevocationReport, 'target'>): string {
  const { stopped, remaining, notConfirmed, unknown, tookMs } = report;
  return [
    ...stopped.map(stoppedLine),
    ...(isConfirmed(report) ? [`in force on every process after ${tookMs} ms`] : []),
    ...(unknown === undefined ? [] : [`NOT CONFIRMED: ${unknown}`]),
    ...notConfirmed.map(
      ({ name, silentMs }) =>
        `NOT CONFIRMED by ${name}, silent for ${Math.round(silentMs / 1000)} s: make sure that it is not running`,
    ),
    ...remaining.map(remainingLine),
  ].join('\n');
}

const stoppedLine = ({ kind, id, isOld }: Stopped): string =>
  `${isOld ? 'was stopped already' : 'stopped'}: ${kind} ${id}`;

const remainingLine = ({ kind, id, text }: Remaining): string =>
  `goes on: ${kind}${id === undefined ? '' : ` ${id}`}: ${text}`;
