import { spawnSync } from 'node:child_process';
import { describe, expect, it } from '@jest/globals';
import { ROOT } from './house.js';

const EGRESS = 'libs/egress/src/x.ts';
const AUTH = 'libs/auth/src/x.ts';
const APP = 'apps/composer/src/x.ts';
const CONFIG = 'libs/config/src/x.ts';
const SPEC = 'libs/auth/src/x.spec.ts';
const SUPPORT = 'test/support/x.ts';

/** What the rules forbid: the code, a place where it is refused, and the rule that says so. */
const REFUSED: readonly (readonly [code: string, path: string, rule: string])[] = [
  ...[
    'undici',
    'axios',
    '@nestjs/axios',
    'node:http',
    'https',
    'node:net',
    'node:tls',
    'node:dns',
    'node:dns/promises',
  ].map(
    (name) =>
      [`import { request } from '${name}'; request();`, AUTH, '@typescript-eslint/no-restricted-imports'] as const,
  ),
  [`import { request } from 'undici'; request();`, APP, '@typescript-eslint/no-restricted-imports'],
  [`import { connect } from 'node:tls'; connect();`, APP, '@typescript-eslint/no-restricted-imports'],
  [`await import('undici');`, AUTH, 'no-restricted-syntax'],
  [`await import('node:dns/promises');`, AUTH, 'no-restricted-syntax'],
  [`await fetch('https://example.com');`, AUTH, 'no-restricted-globals'],
  [`await globalThis.fetch('https://example.com');`, AUTH, 'no-restricted-properties'],
  [`import { X } from '#config/src/x.js'; X();`, AUTH, '@typescript-eslint/no-restricted-imports'],
  [`import { X } from '#config/src/x.js'; X();`, SPEC, '@typescript-eslint/no-restricted-imports'],
  [`import { X } from '../../../config/src/x.js'; X();`, SUPPORT, '@typescript-eslint/no-restricted-imports'],
  [`import { forwardRef } from '@nestjs/common'; forwardRef(() => 1);`, AUTH, 'no-restricted-syntax'],
  [`import { Global } from '@nestjs/common'; @Global() export class XModule {}`, AUTH, 'no-restricted-syntax'],
  [`import { Scope } from '@nestjs/common'; export const x = Scope.REQUEST;`, AUTH, 'no-restricted-syntax'],
  [`export const x = process.env.X;`, AUTH, 'no-restricted-syntax'],
  [`export const x = process['env'];`, EGRESS, 'no-restricted-syntax'],
  [`export const { env } = process;`, APP, 'no-restricted-syntax'],
  [`import { env } from 'node:process'; export const x = env;`, AUTH, 'no-restricted-syntax'],
  [`export class TokenService {}`, AUTH, 'no-restricted-syntax'],
  [`export class StoreBase {}`, SPEC, 'no-restricted-syntax'],
  [`export function f(a: 1, b: 1, c: 1, d: 1) { return [a, b, c, d]; }`, AUTH, 'no-restricted-syntax'],
  [`export const f = (a: 1, b: 1, c: 1, d: 1) => [a, b, c, d];`, AUTH, 'no-restricted-syntax'],
  [`export class X { f(a: 1, b: 1, c: 1, d: 1) { return [a, b, c, d]; } }`, AUTH, 'no-restricted-syntax'],
  [
    `export class X { constructor(a: 1, b: 1, c: 1, d: 1, e: 1, f: 1) { void [a, b, c, d, e, f]; } }`,
    AUTH,
    'no-restricted-syntax',
  ],
  [`export const x: any = 1;`, AUTH, '@typescript-eslint/no-explicit-any'],
  [`console.log(1);`, AUTH, 'no-console'],
  [`export const x = 1;\n` + '\n'.repeat(350), AUTH, 'max-lines'],
  [`export const x = 1;\n` + '\n'.repeat(500), SPEC, 'max-lines'],
  [`/* eslint-disable no-console -- nothing to disable */\nexport const x = 1;`, AUTH, 'unused directive'],
];

/** What they must leave alone. */
const ALLOWED: readonly (readonly [code: string, path: string])[] = [
  [`import { Pool } from 'undici'; export const x = new Pool('https://example.com');`, EGRESS],
  [`import { connect } from 'node:net'; export const x = connect(1);`, EGRESS],
  [`export const x = await fetch('https://example.com');`, EGRESS],
  [`import type { IncomingMessage } from 'node:http'; export type X = IncomingMessage;`, AUTH],
  [`import { createServer } from 'node:http'; export const x = createServer();`, APP],
  [`import { STATUS_CODES } from 'node:http'; export const x = STATUS_CODES;`, AUTH],
  [`declare function on(f: unknown): void; on((a: 1, b: 1, c: 1, d: 1) => [a, b, c, d]);`, AUTH],
  [`import { createServer } from 'node:http'; export const x = createServer();`, SPEC],
  [`export const x = await fetch('http://127.0.0.1');`, SUPPORT],
  [`export const x = process.env;`, CONFIG],
  [`export const x = process.env;`, SPEC],
  [`import { X } from '#egress/testing'; X();`, SPEC],
  [`export class X { constructor(a: 1, b: 1, c: 1, d: 1, e: 1) { void [a, b, c, d, e]; } }`, AUTH],
  [
    `export class X { f(@P() a: 1, @P() b: 1, @P() c: 1) { return [a, b, c]; } }\nfunction P() { return () => undefined; }`,
    AUTH,
  ],
  [
    `import { Get } from '@nestjs/common'; export class X { @Get() f(a: 1, b: 1, c: 1, d: 1) { return [a, b, c, d]; } }`,
    AUTH,
  ],
  [`export const x = 1;\n` + '\n'.repeat(400), SPEC],
];

/** The typed rules need files that exist; they are the type checker's and not tried here. */
const RUNNER = `
  import { ESLint } from 'eslint';
  import tseslint from 'typescript-eslint';
  const typed = { ...tseslint.configs.disableTypeChecked, files: ['**/*.ts'] };
  const eslint = new ESLint({ overrideConfig: [typed] });
  let input = '';
  for await (const chunk of process.stdin) input += chunk;
  const found = [];
  for (const [code, filePath] of JSON.parse(input)) {
    const [result] = await eslint.lintText(code, { filePath });
    found.push(result.messages.map(({ ruleId, message }) => ruleId ?? (/^Unused eslint-disable/.test(message) ? 'unused directive' : message)));
  }
  console.log(JSON.stringify(found));
`;

function lint(cases: readonly (readonly [code: string, path: string, ...rest: string[]])[]): string[][] {
  const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', RUNNER], {
    cwd: ROOT,
    input: JSON.stringify(cases),
    encoding: 'utf8',
    timeout: 60_000,
  });
  if (stdout === '') throw new Error(stderr);
  return JSON.parse(stdout) as string[][];
}

describe('the linter', () => {
  const found = lint([...REFUSED, ...ALLOWED]);

  it.each(
    REFUSED.map(([code, path, rule], index) => ({
      code: code.trim().slice(0, 80),
      path,
      rule,
      messages: found[index],
    })),
  )('refuses $code in $path by $rule', ({ rule, messages }) => {
    expect(messages).toContain(rule);
  });

  it.each(
    ALLOWED.map(([code, path], index) => ({
      code: code.trim().slice(0, 80),
      path,
      messages: found[REFUSED.length + index],
    })),
  )('allows $code in $path', ({ messages }) => {
    expect(messages).toEqual([]);
  });
});
