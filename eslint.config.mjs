import js from '@eslint/js';
import { defineConfig } from 'eslint/config';
import tseslint from 'typescript-eslint';

const TESTS = ['**/*.spec.ts', '**/*.e2e-spec.ts', '**/testing/**/*.ts', 'test/**/*.ts'];
/** Plain JavaScript that runs before anything is installed, and the tools' own settings. */
const TOOLING = ['**/*.mjs'];

const NETWORK = ['undici', 'axios', '@nestjs/axios'].concat(
  ['http', 'https', 'http2', 'net', 'tls', 'dns', 'dns/promises', 'dgram'].flatMap((name) => [name, `node:${name}`]),
);
const ONE_WAY_OUT = 'Nothing but libs/egress opens a connection: inject EgressHttp or EgressPools from #egress.';

/** Paths that go around a front door; they hold everywhere, tests included. */
const AROUND_THE_DOOR = [
  { regex: '^#[^/]+/(?!testing$)', message: 'A lib has one front door: import #name or, in tests, #name/testing.' },
  { regex: '^(\\.\\./){3}', message: 'Too far up: another lib is imported by its front door, #name.' },
];

const banned = (selector, message) => ({ selector, message });
const tooMany = (selector, most, what) =>
  banned(`${selector}[params.length>${most}]`, `${what}: at most ${most} parameters.`);

/** What style.md bans by its shape. One list, because a later setting of this rule replaces an earlier one. */
const SHAPES = [
  banned(
    'CallExpression[callee.name="forwardRef"], ImportSpecifier[imported.name="forwardRef"]',
    'forwardRef hides a cycle: make the lower half a class of its own, or pass a function down.',
  ),
  banned(
    'Decorator > CallExpression[callee.name="Global"], ImportSpecifier[imported.name="Global"]',
    '@Global hides a dependency: import the module where it is used.',
  ),
  banned(
    'MemberExpression[object.name="Scope"][property.name="REQUEST"]',
    'Request scope rebuilds the graph for every request: pass a MemberRef as first argument.',
  ),
  banned(
    'ClassDeclaration[id.name=/(Service|Manager|Helpers?|Utils?|Common|Base)$/]',
    'Say the job: TokenKeeper, ToolRouter, ServerRegistry.',
  ),
  tooMany('FunctionDeclaration', 3, 'Functions'),
  // A callback takes what its caller hands it: a row of a test's table, the answer of a lookup.
  tooMany(':not(CallExpression) > ArrowFunctionExpression', 3, 'Functions'),
  // Route handlers take what the framework hands them, one decorated parameter each.
  tooMany('MethodDefinition[kind!="constructor"][decorators.length=0] > FunctionExpression', 3, 'Methods'),
  tooMany('MethodDefinition[kind="constructor"] > FunctionExpression', 5, 'Constructors'),
];

const ENVIRONMENT = [
  'MemberExpression[object.name="process"][property.name="env"]',
  'MemberExpression[object.name="process"][property.value="env"]',
  'VariableDeclarator[init.name="process"] > ObjectPattern > Property[key.name="env"]',
  'ImportDeclaration[source.value=/^(node:)?process$/]',
].map((selector) => banned(selector, 'Only libs/config reads the environment: declare a configSlice.'));

const DYNAMIC_NETWORK = banned(
  `ImportExpression[source.value=/^(${NETWORK.join('|').replaceAll('/', '.')})$/]`,
  ONE_WAY_OUT,
);

/** Tables and pure functions that happen to live in a module of the network. */
const HARMLESS = { http: ['METHODS', 'STATUS_CODES'], net: ['BlockList', 'isIP', 'isIPv4', 'isIPv6'] };

const noImport = (name) => {
  const allowImportNames = HARMLESS[name.replace('node:', '')];
  return { name, message: ONE_WAY_OUT, allowTypeImports: true, ...(allowImportNames && { allowImportNames }) };
};

const noImports = (paths) => [
  'error',
  {
    paths: paths.map(noImport),
    patterns: AROUND_THE_DOOR,
  },
];

export default defineConfig(
  { ignores: ['dist/**', 'node_modules/**', 'coverage/**', '.data/**'] },
  { linterOptions: { reportUnusedDisableDirectives: 'error' } },
  js.configs.recommended,
  {
    files: ['**/*.ts'],
    extends: [tseslint.configs.recommendedTypeChecked],
    // One program for all files: a project service builds its answers anew as it opens one file after the other.
    languageOptions: { parserOptions: { project: './tsconfig.json', tsconfigRootDir: import.meta.dirname } },
    rules: {
      '@typescript-eslint/no-explicit-any': 'error',
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/no-misused-promises': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      '@typescript-eslint/no-restricted-imports': noImports(NETWORK),
      // An async method without await is how an implementation fits a port that may wait.
      '@typescript-eslint/require-await': 'off',
      'no-restricted-globals': [
        'error',
        ...['fetch', 'WebSocket', 'EventSource', 'XMLHttpRequest'].map((name) => ({ name, message: ONE_WAY_OUT })),
      ],
      'no-restricted-properties': [
        'error',
        ...['fetch', 'WebSocket', 'EventSource'].map((property) => ({
          object: 'globalThis',
          property,
          message: ONE_WAY_OUT,
        })),
      ],
      'no-restricted-syntax': ['error', ...SHAPES, ...ENVIRONMENT, DYNAMIC_NETWORK],
      'no-console': 'error',
      'max-lines': ['error', 350],
      eqeqeq: 'error',
    },
  },
  {
    files: ['libs/config/src/**/*.ts'],
    rules: { 'no-restricted-syntax': ['error', ...SHAPES, DYNAMIC_NETWORK] },
  },
  {
    files: ['libs/egress/src/**/*.ts'],
    rules: {
      '@typescript-eslint/no-restricted-imports': noImports([]),
      'no-restricted-globals': 'off',
      'no-restricted-properties': 'off',
      'no-restricted-syntax': ['error', ...SHAPES, ...ENVIRONMENT],
    },
  },
  {
    // The process that listens. It opens servers, never connections.
    files: ['apps/composer/src/**/*.ts'],
    rules: {
      '@typescript-eslint/no-restricted-imports': noImports(
        NETWORK.filter((name) => !/^(node:)?(http|net)$/.test(name)),
      ),
    },
  },
  {
    files: TESTS,
    rules: {
      '@typescript-eslint/no-restricted-imports': noImports([]),
      'no-restricted-globals': 'off',
      'no-restricted-properties': 'off',
      'no-restricted-syntax': ['error', ...SHAPES],
      'no-console': 'off',
      'max-lines': ['error', 500],
      // Tests read JSON answers of strangers all day: asserting on them is the check.
      '@typescript-eslint/no-unsafe-argument': 'off',
      '@typescript-eslint/no-unsafe-assignment': 'off',
      '@typescript-eslint/no-unsafe-call': 'off',
      '@typescript-eslint/no-unsafe-member-access': 'off',
      '@typescript-eslint/no-unsafe-return': 'off',
      '@typescript-eslint/unbound-method': 'off',
    },
  },
  {
    files: TOOLING,
    languageOptions: {
      globals: Object.fromEntries(
        ['Buffer', 'URL', 'clearInterval', 'clearTimeout', 'performance', 'process', 'setInterval', 'setTimeout']
          .concat(['AbortSignal', 'console', 'fetch'])
          .map((name) => [name, 'readonly']),
      ),
    },
    rules: { 'max-lines': ['error', 350], 'no-unused-vars': ['error', { varsIgnorePattern: '^_' }] },
  },
);
