import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { isoInstant } from '../src/date-time.js';
import { describeOnEachDatabase } from './helpers/databases.js';
import { useServer } from './helpers/server.js';

const DAY = 86_400_000;

function daysAndMilliseconds(date: Date) {
  const days = Math.floor(date.getTime() / DAY);
  return { days, milliseconds: date.getTime() - days * DAY };
}

describeOnEachDatabase('An instant', (kind) => {
  const server = useServer(kind);

  test.each([
    ['2024-03-20T10:00:00', '2024-03-20T10:00:00.000Z'],
    ['2024-03-20T10:00:00.1', '2024-03-20T10:00:00.100Z'],
    ['2024-03-20T10:00:00.999999', '2024-03-20T10:00:00.999Z'],
    ['0099-03-20T10:00:00', '0099-03-20T10:00:00.000Z'],
    ['12024-03-20T10:00:00.12', '+012024-03-20T10:00:00.120Z'],
    ['0001-12-31T23:59:59.123 BC', '0000-12-31T23:59:59.123Z'],
    ['0044-03-15T10:00:00 BC', '-000043-03-15T10:00:00.000Z'],
    ['infinity', null],
    ['-infinity', null],
    ['294276-01-01T00:00:00', null],
  ])('that PostgreSQL writes as %s is %s', (text, iso) => {
    expect(isoInstant(text)).toBe(iso);
  });

  test('is the same for PostgreSQL and JavaScript', async () => {
    const { sql } = server();
    const dates = fc.date({
      min: new Date('-004000-01-01T00:00:00Z'),
      max: new Date('+200000-01-01T00:00:00Z'),
      noInvalidDate: true,
    });
    await fc.assert(
      fc.asyncProperty(fc.array(dates, { minLength: 50, maxLength: 50 }), async (dates) => {
        const rows = await sql<{ text: string }>(
          `SELECT to_json(date '1970-01-01' + days::int + milliseconds * INTERVAL '1 ms')::text AS text
           FROM ROWS FROM (json_to_recordset($1::json) AS (days int, milliseconds int)) WITH ORDINALITY AS t(days, milliseconds, place)
           ORDER BY place`,
          [JSON.stringify(dates.map(daysAndMilliseconds))],
        );
        const instants = rows.map(({ text }) => isoInstant(JSON.parse(text)));
        expect(instants).toEqual(dates.map((date) => date.toISOString()));
      }),
      { numRuns: 20 },
    );
  });
});
