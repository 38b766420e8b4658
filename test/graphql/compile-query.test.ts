import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { createCompiledSchema, ExecutionComparison, SCALARS } from '../helpers/compiled-schema.js';
import { isValid, randomDocuments, randomOperations } from '../helpers/random-operations.js';

describe('x', () => {
  const schema = createCompiledSchema();
  test('valid', () => {
    const all = fc.sample(randomDocuments(schema, { scalars: SCALARS }), 3000);
    const started = performance.now();
    const valid = all.filter(({ query }) => isValid(schema, query)).length;
    console.log(
      valid / all.length,
      performance.now() - started,
      all.reduce((s, q) => s + q.query.length, 0) / all.length,
    );
    for (const o of all.slice(0, 8)) console.log(o.query, o.variables, o.operationName);
    expect(valid).toBeGreaterThan(0.7 * all.length);
  });
  test('same', async () => {
    const c = new ExecutionComparison(schema);
    const started = performance.now();
    try {
      await fc.assert(
        fc.asyncProperty(randomOperations(schema, { scalars: SCALARS }), (o) => c.compare(o)),
        { numRuns: 2000 },
      );
    } finally {
      console.log(c.coverage.counts, performance.now() - started);
    }
  });
});
