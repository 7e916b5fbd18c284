import { describe, expect, it } from '@jest/globals';
import { exportQueryOf, pageQueryOf } from './audit-query.schema.js';

describe('the query of the audit trail', () => {
  it('is taken as it is', () => {
    expect(pageQueryOf({ action: 'server.', cursor: '7' })).toEqual({
      action: 'server.',
      cursor: 7,
      order: 'newest',
      limit: 100,
    });
  });

  it.each(['action', 'actor', 'target'])('is refused where the %s is no text that an event could hold', (name) => {
    for (const value of ['', '\0', 'a\nb', '\ud800', 'x'.repeat(513)]) {
      for (const parse of [pageQueryOf, exportQueryOf]) {
        expect(() => parse({ [name]: value })).toThrow(expect.objectContaining({ status: 422 }));
      }
    }
  });
});
