export default {
  testEnvironment: 'node',
  testRegex: '\\.(spec|e2e-spec)\\.ts$',
  modulePathIgnorePatterns: ['<rootDir>/dist/'],
  extensionsToTreatAsEsm: ['.ts'],
  workerIdleMemoryLimit: '700MB',
  // Many tests wait for other processes: one more than the two cores that the tests are meant for.
  maxWorkers: 3,
  globalSetup: '<rootDir>/test/support/real-postgres-setup.mjs',
  globalTeardown: '<rootDir>/test/support/real-postgres-teardown.mjs',
  testTimeout: 90_000,
  testEnvironmentOptions: { customExportConditions: ['composer-src', 'node', 'node-addons'] },
  moduleNameMapper: { '^(\\.{1,2}/.*)\\.js$': '$1' },
  transform: {
    '^.+\\.ts$': [
      '@swc/jest',
      {
        jsc: {
          target: 'es2022',
          parser: { syntax: 'typescript', decorators: true, dynamicImport: true },
          transform: { legacyDecorator: true, decoratorMetadata: true },
          keepClassNames: true,
        },
        module: { type: 'es6' },
      },
    ],
  },
};
