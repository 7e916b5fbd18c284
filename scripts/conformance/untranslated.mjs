/*
 * What no translation can carry when the fixture speaks one era alone, by `leg revision` and scenario: these checks are
 * neither wanted nor held against the run. The reasons are printed with the result.
 */
export const UNTRANSLATED = {
  both: {},
  legacy: {
    'server 2026-07-28': {
      'server-stateless': {
        checks: ['sep-2575-server-rejects-undeclared-capability', 'sep-2575-missing-capability-http-400'],
        reason:
          'the error -32021 is of the new era alone: a server of the old one runs the tool, and fails in it for want of ' +
          'the capability',
      },
      'input-required-result-basic-elicitation': {
        checks: ['sep-2322-elicitation-incomplete', 'sep-2322-elicitation-complete'],
        reason:
          'the scenario wants the key "user_name" in inputRequests: requests of a server of the old era have no names, ' +
          'so the keys are of the composer; what is asked and answered under them, other scenarios and our own tests show',
      },
    },
  },
  modern: {},
};
