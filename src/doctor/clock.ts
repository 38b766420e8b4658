import type { Queryable } from '../database/catalog.js';
import { type Finding, fault, ok, warning } from './finding.js';

/** Seconds between this clock and that of the database. Sessions expire by this one, with 60 s of tolerance. */
const NOTABLE = 5;
const WRONG = 60;

export async function checkClock(database: Queryable): Promise<Finding[]> {
  const before = Date.now();
  const [row] = (await database.query(
    'SELECT (extract(epoch FROM clock_timestamp()) * 1000)::float8 AS now',
  )) as { now: number }[];
  const here = (before + Date.now()) / 2;
  const difference = Math.abs(here - (row as { now: number }).now) / 1000;
  const text = `${difference.toFixed(1)} s between this clock and the database’s`;
  if (difference > WRONG) return [fault(`${text}: set the clock, sessions expire by it`)];
  return [difference > NOTABLE ? warning(text) : ok(text)];
}
