import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { isoInstant } from '../src/date-time.js';
import { describeOnEachDatabase } from './helpers/databases.js';
import { json, useServer } from './helpers/server.js';

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

  test.each([
    ['0044-03-15 10:00:00.5+00 BC', '-000043-03-15T10:00:00.500Z'],
    ['4713-01-01 00:00:00+00 BC', '-004712-01-01T00:00:00.000Z'],
    ['0002-12-31 23:59:59.999+00 BC', '-000001-12-31T23:59:59.999Z'],
    ['0001-02-29 00:00:00+00 BC', '0000-02-29T00:00:00.000Z'],
    ['0001-01-01 00:00:00+00', '0001-01-01T00:00:00.000Z'],
    ['9999-12-31 23:59:59.999+00', '9999-12-31T23:59:59.999Z'],
    ['10000-01-01 00:00:00+00', '+010000-01-01T00:00:00.000Z'],
    ['9999-12-31 23:30:00-01', '+010000-01-01T00:30:00.000Z'],
    ['275760-09-13 00:00:00+00', '+275760-09-13T00:00:00.000Z'],
  ])('of %s is %s in both APIs', async (timestamp, iso) => {
    const me = await server().addUser(['1']);
    for (const [table, key] of [
      ['neptun_user', 'id'],
      ['github_app_installation', 'neptun_user_id'],
    ]) {
      await server().sql(
        `UPDATE ${table} SET created_at = $1, updated_at = now() WHERE ${key} = $2`,
        [timestamp, me],
      );
    }
    expect(await json(await server().rest(me))).toMatchObject([{ created_at: iso }]);
    const query = '{ viewer { createdAt installations { createdAt } } }';
    // Executed by Apollo Server, then compiled.
    for (const sent of [{ query: `${query} # ${me}` }, { query }, { query }]) {
      expect(await json(await server().graphql(sent, { as: me }))).toEqual({
        data: { viewer: { createdAt: iso, installations: [{ createdAt: iso }] } },
      });
    }
    expect(new Date(iso).toISOString()).toBe(iso);
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
