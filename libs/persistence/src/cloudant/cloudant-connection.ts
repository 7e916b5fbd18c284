import { setTimeout as pause } from 'node:timers/promises';
import type { CloudantV1 } from '@ibm-cloud/cloudant';
import { Inject, Injectable } from '@nestjs/common';
import { SecretValues } from '#observability';
import { type CloudantConfig, type DatabaseConfig, databaseConfig } from '../persistence.config.js';
import { DatabaseUnavailableError } from '../persistence.errors.js';
import { CloudantFault, faultOf } from './cloudant-fault.js';
import { CloudantSession, type Send } from './cloudant-session.js';
import { OutageBreaker } from './outage-breaker.js';
import { RefusedRequest } from './refused-request.js';

/** For an operation, however many requests it takes. */
const OPERATION_MS = 10_000;
const ATTEMPT_MS = 5_000;
const PING_MS = 2_000;
/** For the one request that finds out whether the server answers again. */
const PROBE_MS = 2_000;
const FIRST_PAUSE_MS = 50;
const LONGEST_PAUSE_MS = 1_000;

export interface Answer<T> {
  /** 202: carried out, but not on as many nodes as it takes to be sure. */
  readonly status: number;
  readonly result: T;
}

export interface SendOptions {
  /** `performance.now()` by when everything is over; in 10 seconds unless given. */
  readonly deadline?: number;
  /** For one try, in milliseconds. */
  readonly attemptMs?: number;
}

/**
 * The one way to the Cloudant of this process: logs in, tries again what passes, and keeps to a deadline. Where nothing
 * has been answered for a while, whoever asks is told so at once.
 */
@Injectable()
export class CloudantConnection {
  private session: CloudantSession | undefined;
  private renewing: Promise<void> | undefined;
  private partitioned = false;
  private readonly breaker = new OutageBreaker();

  constructor(
    @Inject(databaseConfig.KEY) private readonly config: DatabaseConfig,
    private readonly secrets: SecretValues,
  ) {}

  /** Whether the server keeps the documents of a partition together. Known once it is open. */
  get isPartitioned(): boolean {
    return this.partitioned;
  }

  /** Logs in, and makes the database if there is none. @throws DatabaseUnavailableError */
  async open(): Promise<void> {
    for (const secret of secretsOf(this.own)) this.secrets.remember(secret);
    this.session = await CloudantSession.open(this.own, this.secrets);
    const found = await this.describe();
    if (!found) await this.create();
    const { props } = found ?? (await this.describe()) ?? {};
    this.partitioned = props?.partitioned === true;
  }

  /** Safe to call twice. */
  async close(): Promise<void> {
    if (!this.session) return;
    this.session.close();
    this.session = undefined;
    for (const secret of secretsOf(this.own)) this.secrets.forget(secret);
  }

  /** Comes back within 2 seconds. @throws DatabaseUnavailableError */
  async ping(): Promise<void> {
    const deadline = performance.now() + PING_MS;
    await told(this.send((client, db, signal) => client.headDatabase({ db, signal }), { deadline }));
  }

  /**
   * Sends a request until it is answered, with pauses.
   *
   * @throws RefusedRequest for an answer that another try would not change
   * @throws DatabaseUnavailableError
   */
  async send<T>(send: Send<T>, options: SendOptions = {}): Promise<Answer<T>> {
    const deadline = options.deadline ?? deadlineIn(OPERATION_MS);
    let isInDoubt = false;
    let hasLoggedIn = false;
    for (let tries = 0; ; tries++) {
      const session = this.opened();
      const admission = this.breaker.admit();
      if (admission === 'shut') throw this.silent();
      try {
        const most = admission === 'probe' ? PROBE_MS : (options.attemptMs ?? ATTEMPT_MS);
        const { status, result } = await this.attempt(session, send, Math.min(most, deadline - performance.now()));
        this.breaker.answered();
        return { status, result };
      } catch (error) {
        const fault = faultOf(error);
        this.breaker.note(admission, fault);
        if (!fault) throw error;
        isInDoubt ||= fault.isOpen;
        if (fault.status === 401 && !hasLoggedIn) {
          hasLoggedIn = true; // a session may end before its time
          await this.renew(session);
          continue;
        }
        if (!fault.isPassing) throw refusal(fault, isInDoubt);
        const ms = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** tries) * (0.5 + Math.random() / 2);
        if (performance.now() + ms >= deadline) throw unavailable(fault);
        await pause(ms);
      }
    }
  }

  private silent(): DatabaseUnavailableError {
    const { ms = 0, fault } = this.breaker.outage ?? {};
    return new DatabaseUnavailableError(`does not do it (${fault?.message ?? 'no answer'})`, fault, ms / 1000);
  }

  private get own(): CloudantConfig {
    if (this.config.type !== 'cloudant') throw new Error('this database is reached another way');
    return this.config;
  }

  /** Of many who find out at once that a session has ended, one begins the next. */
  private async renew(ended: CloudantSession): Promise<void> {
    if (this.session !== ended) return;
    this.renewing ??= this.replace(ended).finally(() => (this.renewing = undefined));
    await this.renewing;
  }

  private async replace(ended: CloudantSession): Promise<void> {
    const next = await CloudantSession.open(this.own, this.secrets);
    if (this.session !== ended) return next.close(); // the connection was closed meanwhile
    this.session = next;
    ended.end();
  }

  private opened(): CloudantSession {
    if (!this.session) throw new Error('the connection to Cloudant is not open');
    return this.session;
  }

  /** A request includes what it takes to log in, so the whole has a deadline. */
  private async attempt<T>(session: CloudantSession, send: Send<T>, ms: number): Promise<CloudantV1.Response<T>> {
    const controller = new AbortController();
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(
        () => {
          controller.abort();
          reject(new CloudantFault(undefined, 'ETIMEDOUT'));
        },
        Math.max(1, ms),
      );
    });
    try {
      const answer = session.send(send, controller.signal);
      answer.catch(() => undefined); // after the deadline nobody listens any more
      return await Promise.race([answer, late]);
    } finally {
      clearTimeout(timer);
    }
  }

  private async describe(): Promise<CloudantV1.DatabaseInformation | undefined> {
    try {
      const { result } = await this.send((client, db, signal) => client.getDatabaseInformation({ db, signal }));
      return result;
    } catch (error) {
      if (error instanceof RefusedRequest && error.fault.status === 404) return undefined;
      throw toldFault(error);
    }
  }

  private async create(): Promise<void> {
    for (const partitioned of [true, false]) {
      try {
        await this.send((client, db, signal) => client.putDatabase({ db, partitioned, signal }));
        return;
      } catch (error) {
        const status = error instanceof RefusedRequest ? error.fault.status : undefined;
        if (status === 412) return; // somebody else was faster
        if (status === 400 && partitioned) continue; // a server that knows of no partitions
        throw toldFault(error);
      }
    }
  }
}

export const deadlineIn = (ms: number): number => performance.now() + ms;

/** Turns a refusal that nobody handles into what people are told. */
export function toldFault(error: unknown): unknown {
  return error instanceof RefusedRequest ? unavailable(error.fault) : error;
}

export function told<T>(work: Promise<T>): Promise<T> {
  return work.catch((error: unknown) => {
    throw toldFault(error);
  });
}

function refusal(fault: CloudantFault, isInDoubt: boolean): Error {
  if (fault.isLogin || fault.status === 401 || fault.status === 403) return unavailable(fault);
  return new RefusedRequest(fault, isInDoubt);
}

function unavailable(fault: CloudantFault): DatabaseUnavailableError {
  const { status, message } = fault;
  if (status === undefined) return new DatabaseUnavailableError(`cannot be reached (${message})`, fault);
  if (fault.isLogin) {
    return new DatabaseUnavailableError(
      `gave no token for the credential of its CLOUDANT_ variables (${message})`,
      fault,
    );
  }
  if (status === 401) return new DatabaseUnavailableError('refuses the credential of its CLOUDANT_ variables', fault);
  if (status === 403)
    return new DatabaseUnavailableError('does not allow this with the credential of its CLOUDANT_ variables', fault);
  if (status === 404) return new DatabaseUnavailableError('that CLOUDANT_DATABASE names does not exist', fault);
  return new DatabaseUnavailableError(`does not do it (${message})`, fault);
}

function secretsOf({ authentication }: CloudantConfig): readonly string[] {
  return [authentication.type === 'iam' ? authentication.apikey : authentication.password];
}
