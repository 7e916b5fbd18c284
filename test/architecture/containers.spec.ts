import { spawnSync } from 'node:child_process';
import { describe, expect, it } from '@jest/globals';
import { parse } from 'yaml';
import { filesUnder, readText } from './house.js';

interface Service {
  readonly image: string;
  readonly build?: string;
  readonly environment: Readonly<Record<string, string>>;
  readonly secrets: readonly string[];
  readonly ports?: readonly string[];
  readonly volumes?: readonly string[];
  readonly networks: readonly string[];
  readonly healthcheck: { readonly test: readonly string[] };
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>;
  readonly read_only?: boolean;
  readonly privileged?: boolean;
  readonly cap_drop?: readonly string[];
  readonly security_opt?: readonly string[];
}

interface Compose {
  readonly services: Readonly<Record<'postgres' | 'composer', Service>>;
  readonly secrets: Readonly<Record<string, { readonly file: string }>>;
  readonly networks: Readonly<Record<string, { readonly internal?: boolean }>>;
  readonly volumes: Readonly<Record<string, unknown>>;
}

const compose = parse(readText('docker-compose.yml')) as Compose;
const { postgres, composer } = compose.services;
const services = Object.values(compose.services);

describe('docker-compose.yml', () => {
  it('runs the production stage on Postgres, with authentication', () => {
    expect(composer.environment).toMatchObject({
      COMPOSER_STAGE: 'production',
      COMPOSER_AUTH: 'required',
      DATABASE_TYPE: 'postgres',
      HOST: '0.0.0.0',
    });
    expect(Object.keys(composer.environment)).toEqual(expect.arrayContaining(['PUBLIC_URL', 'ALLOWED_HOSTS']));
    expect(postgres.image).toMatch(/^postgres:1[5-9]/);
  });

  it('gives every secret as a file, none as a value', () => {
    for (const name of ['DATABASE_URL', 'MIGRATION_DATABASE_URL', 'COMPOSER_KEYS']) {
      expect(composer.environment[`${name}_FILE`]).toMatch(/^\/run\/secrets\//);
      expect(composer.environment[name]).toBeUndefined();
    }
    const values = services.flatMap(({ environment }) => Object.entries(environment));
    const bare = values.filter(
      ([name]) => /PASSWORD|KEY|SECRET|TOKEN|DATABASE_URL/.test(name) && !name.endsWith('_FILE'),
    );
    expect(bare).toEqual([]);
  });

  it('declares every secret, volume and network that a service uses, and mounts those that it reads', () => {
    for (const { environment, secrets, networks, volumes = [] } of services) {
      const read = Object.values(environment).flatMap(
        (value) => /^\/run\/secrets\/(.+)$/.exec(String(value))?.[1] ?? [],
      );
      expect(secrets).toEqual(expect.arrayContaining(read));
      expect(Object.keys(compose.secrets)).toEqual(expect.arrayContaining([...secrets]));
      expect(Object.keys(compose.networks)).toEqual(expect.arrayContaining([...networks]));
      const named = volumes.map((volume) => volume.split(':')[0] ?? '').filter((volume) => !volume.startsWith('.'));
      expect(Object.keys(compose.volumes)).toEqual(expect.arrayContaining(named));
    }
  });

  it('publishes the composer on loopback only, and the database not at all', () => {
    expect(composer.ports).toEqual(['127.0.0.1:9000:9000']);
    expect(postgres.ports).toBeUndefined();
    expect(postgres.networks).toEqual(['database']);
    expect(compose.networks['database']?.internal).toBe(true);
  });

  it('waits for a healthy database, and is healthy when it is ready', () => {
    expect(composer.depends_on?.['postgres']?.condition).toBe('service_healthy');
    expect(postgres.healthcheck.test).toContain('pg_isready');
    expect(composer.healthcheck.test.join(' ')).toContain('/health/ready');
  });

  it('lets the composer write nowhere and gain nothing', () => {
    expect(composer.read_only).toBe(true);
    expect(composer.cap_drop).toEqual(['ALL']);
    expect(composer.security_opt).toContain('no-new-privileges:true');
    expect(services.some(({ privileged }) => privileged)).toBe(false);
  });

  it('mounts only files that are there', () => {
    const mounted = services.flatMap(({ volumes = [] }) => volumes.map((volume) => volume.split(':')[0] ?? ''));
    const scripts = filesUnder('scripts/compose', () => true).map(({ path }) => `./${path}`);
    expect(mounted.filter((path) => path.startsWith('./') && !scripts.includes(path))).toEqual([]);
  });

  it.each(filesUnder('scripts/compose', (path) => path.endsWith('.sh')).map(({ path, text }) => [path, text]))(
    '%s is a script that bash can read',
    (_path, text) => {
      const { status, stderr } = spawnSync('bash', ['-n'], { input: text, encoding: 'utf8' });
      expect(stderr).toBe('');
      expect(status).toBe(0);
    },
  );
});

describe('Dockerfile', () => {
  const dockerfile = readText('Dockerfile');
  const stages = dockerfile.split(/^FROM /m).slice(1);
  const last = stages.at(-1) ?? '';

  it('installs from the lock file, without install scripts', () => {
    const installs = dockerfile.match(/npm (?:ci|install)\b.*/g) ?? [];
    expect(installs.length).toBe(2);
    for (const install of installs) expect(install).toMatch(/^npm ci --ignore-scripts\b/);
  });

  it('leaves the tools of the build out of the image', () => {
    expect(stages.length).toBe(3);
    expect(stages[1]).toContain('--omit=dev');
    expect(last).not.toMatch(/npm (?:ci|run|install)/);
  });

  it('runs without rights, in the production stage, and reports its readiness', () => {
    expect(last).toMatch(/^USER node$/m);
    expect(last).toMatch(/COMPOSER_STAGE=production/);
    expect(last).toMatch(/HEALTHCHECK[\s\S]*\/health\/ready/);
  });

  it('starts the compiled composer as its own first process', () => {
    expect(last).toMatch(/^CMD \["node", "dist\/apps\/composer\/src\/main\.js"\]$/m);
    expect(dockerfile).not.toMatch(/^ENTRYPOINT/m);
  });

  it('has the command line as `composer`, for the user that it runs as', () => {
    expect(last).toContain('exec node /app/dist/apps/composer/src/cli.js "$@"');
    expect(last).toMatch(/> (\/usr\/local\/bin\/composer) \\\n +&& chmod 0755 \1/);
  });

  it('copies only what .dockerignore lets through, which starts from nothing', () => {
    const rules = readText('.dockerignore')
      .split('\n')
      .filter((line) => line !== '' && !line.startsWith('#'));
    expect(rules[0]).toBe('*');
    const copied = [...dockerfile.matchAll(/^COPY (?!--from)(.+) \S+$/gm)].flatMap(([, names]) =>
      (names ?? '').split(' '),
    );
    expect(copied.length).toBeGreaterThan(0);
    expect(copied.filter((name) => !rules.includes(`!${name}`))).toEqual([]);
    expect(rules.filter((rule) => /^!.*(secrets|\.env|\.data|node_modules|dist)/.test(rule))).toEqual([]);
  });
});
