// Creates the secrets that docker-compose.yml mounts, once, in ./secrets. What is there already is never replaced:
// `composer_keys` opens every stored credential, so losing it loses them all.
import { randomBytes } from 'node:crypto';
import { chmodSync, chownSync, existsSync, linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The user `node` of the image. Docker mounts a secret with the owner and the mode of its file. */
const CONTAINER_USER = 1000;
const asRoot = process.getuid?.() === 0;
// Somebody with another uid cannot give files away: theirs are readable in the container, and the folder, which is
// not mounted, keeps everybody else on this machine out.
const mode = asRoot || process.getuid?.() === CONTAINER_USER ? 0o600 : 0o644;

const root = process.argv[2] ?? fileURLToPath(new URL('..', import.meta.url));
const folder = join(root, 'secrets');
mkdirSync(folder, { recursive: true });
chmodSync(folder, 0o700);
once('.gitignore', () => '*\n');

const password = () => randomBytes(24).toString('base64url');
once('postgres_password', password);
const owner = once('postgres_owner_password', password);
const application = once('postgres_application_password', password);
once('migration_database_url', () => `postgres://composer_owner:${owner}@postgres:5432/composer`);
once('database_url', () => `postgres://composer_application:${application}@postgres:5432/composer`);
const today = new Date().toISOString().slice(0, 10).replaceAll('-', '');
once('composer_keys', () => `k${today}:${randomBytes(32).toString('base64')}`);

process.stderr.write(`secrets are in ${folder}: keep a copy of composer_keys where the database backup is not\n`);

function once(name, make) {
  const file = join(folder, name);
  if (!existsSync(file)) create(file, make());
  return readFileSync(file, 'utf8');
}

/** A link appears whole or not at all, and never over what another run has just created. */
function create(file, content) {
  const draft = `${file}.${process.pid}`;
  try {
    writeFileSync(draft, content, { mode: 0o600, flag: 'wx', flush: true });
    chmodSync(draft, mode);
    if (asRoot) chownSync(draft, CONTAINER_USER, CONTAINER_USER);
    linkSync(draft, file);
  } catch (error) {
    if (error.code !== 'EEXIST') throw error;
  } finally {
    rmSync(draft, { force: true });
  }
}
