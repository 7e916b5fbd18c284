import { randomBytes } from 'node:crypto';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type TwoRoles, openTwoRoles } from '../fixtures/two-roles.js';
import { type Ended, RunningChild } from './child-process.js';
import { freePorts } from './free-ports.js';

/** What documents call what a command has answered, for the commands after it. */
const ANSWERS: readonly [name: string, pattern: RegExp][] = [
  ['KEY', /^(mcpc_\S+)$[\s\S]+ as admin\b/m],
  ['OPERATOR_KEY', /^(mcpc_\S+)$[\s\S]+ as operator\b/m],
  ['PRINCIPAL', /"id":"(svc-[^"]+)"/],
  ['CLIENT_ID', /"client_id":"([^"]+)"/],
  ['CLIENT_SECRET', /"client_secret":"([^"]+)"/],
  ['TOKEN', /"access_token":"([^"]+)"/],
];
const UP = /ready on/;
const LONG = 60_000;

/**
 * A composer of a checkout in the production stage, on a Postgres that was empty, and a shell on its host. What runs in
 * the container runs here: the image's `composer` is the command line of the same build.
 */
export class ProductionShell {
  private readonly answers = new Map<string, string>();

  private constructor(
    private readonly root: string,
    private readonly port: string,
    private readonly database: TwoRoles,
    private readonly env: Readonly<Record<string, string>>,
    private readonly composer: RunningChild,
  ) {}

  static async open(root: string): Promise<ProductionShell> {
    const [database, [number = 0]] = await Promise.all([openTwoRoles(), freePorts(1)]);
    const port = String(number);
    const keys = join(root, 'secrets', 'composer_keys');
    mkdirSync(dirname(keys), { recursive: true });
    writeFileSync(keys, `k20261126:${randomBytes(32).toString('base64')}`, { mode: 0o600 });
    chmodSync(dirname(keys), 0o500); // as a mounted secret, which can be written into and not be replaced
    const env = {
      ...database.env,
      COMPOSER_STAGE: 'production',
      COMPOSER_AUTH: 'required',
      COMPOSER_KEYS_FILE: keys,
      PORT: port,
      LOG_FORMAT: 'json',
    };
    const main = [process.execPath, join(root, 'dist/apps/composer/src/main.js')] as const;
    const composer = new RunningChild([...main], { cwd: root, env });
    await composer.waitFor('stdout', UP, LONG);
    return new ProductionShell(root, port, database, env, composer);
  }

  /** Everything that the composer has logged. */
  get log(): string {
    return this.composer.stderr;
  }

  /** Runs a block as it stands, but for its port, and remembers what it has answered. */
  async run(text: string): Promise<Ended> {
    const script = text
      .replaceAll('docker compose exec composer composer', `'${process.execPath}' dist/apps/composer/src/cli.js`)
      .replaceAll('127.0.0.1:9000', `127.0.0.1:${this.port}`);
    const child = new RunningChild(['bash', '-euo', 'pipefail', '-c', script], {
      cwd: this.root,
      env: { ...this.env, ...Object.fromEntries(this.answers) },
      isGroup: true,
    });
    const ended = await child.end(LONG);
    for (const [name, pattern] of ANSWERS) {
      const [, answer] = pattern.exec(ended.stdout) ?? [];
      if (answer !== undefined) this.answers.set(name, answer);
    }
    return ended;
  }

  async close(): Promise<void> {
    if (!this.composer.hasEnded) await this.composer.kill('SIGTERM');
    await this.database.remove();
    chmodSync(join(this.root, 'secrets'), 0o700);
  }
}
