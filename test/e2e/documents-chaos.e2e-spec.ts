import { fileURLToPath } from 'node:url';
import { expect, it } from '@jest/globals';
import { RunningChild } from '../support/child-process.js';

const SCRIPT = fileURLToPath(new URL('../../scripts/documents-chaos.mjs', import.meta.url));
const RUN_MS = 120_000;

it(
  'documents that were changed at random, or that reach beyond themselves, hold up nothing and reach nothing',
  async () => {
    const command: [string, ...string[]] = [
      process.execPath,
      SCRIPT,
      '--documents',
      '60',
      '--seed',
      '7',
      '--bombs',
      'beyond',
    ];
    const { code, stdout, stderr } = await new RunningChild(command, { cwd: process.cwd(), env: {} }).end(RUN_MS);
    expect([code, stdout, stderr]).toEqual([0, expect.stringMatching(/good\n$/), '60 of 60\n']);
    expect(stdout).toContain('62 documents, 2 of them made to do harm, seed 7\n');
    expect(stdout).toContain(', 0 crashed or hung\n0 connections to the server that documents name\n');
    expect(stdout).toContain('\n0 doors to files, the network and other processes were opened\n');
    const [, imported] = /^(\d+) imported/m.exec(stdout) ?? [];
    expect(Number(imported)).toBeGreaterThan(20);
  },
  RUN_MS + 10_000,
);
