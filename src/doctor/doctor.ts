import { type Config, processEnvironment } from '../config.js';
import { messageOf } from '../errors.js';
import { within } from '../timeouts.js';
import { checkClock } from './clock.js';
import { checkConfiguration } from './configuration.js';
import { connect } from './database.js';
import { type Finding, fault, writeFindings } from './finding.js';
import { checkSessionPassword } from './session-password.js';
import { checkTables } from './tables.js';

/** Milliseconds for each part of the database, which may be locked or out of reach. */
const PATIENCE = 10_000;

type Report = (title: string, findings: readonly Finding[]) => void;

/**
 * Looks at everything that a server needs, as far as it can, and changes nothing. No secret is said.
 *
 * @param say prints lines for a person
 * @returns whether nothing is wrong
 */
export async function doctor(say: (lines: string) => void): Promise<boolean> {
  let well = true;
  const report: Report = (title, findings) => {
    say(writeFindings(title, findings));
    well &&= findings.every(({ level }) => level !== 'fault');
  };
  const { config, faulty, findings } = checkConfiguration(processEnvironment());
  report('Configuration', findings);
  if (!faulty.some((name) => name.endsWith('SESSION_PASSWORD')))
    report('Session password', await attempt(checkSessionPassword(config)));
  // Another database than the one that is meant would tell nothing.
  if (!faulty.includes('DATABASE_URL')) await reportDatabase(config, report);
  return well;
}

async function reportDatabase(config: Config, report: Report): Promise<void> {
  const { findings, dataSource, close } = await connect(config);
  report('Database', findings);
  if (dataSource) {
    report('Tables', await attempt(checkTables(dataSource)));
    if (config.databaseUrl !== null) report('Clock', await attempt(checkClock(dataSource)));
  }
  await close();
}

async function attempt(check: Promise<Finding[]>): Promise<Finding[]> {
  const late = () => new Error(`no answer within ${PATIENCE / 1000} s`);
  return within(PATIENCE, check, late).catch((error) => [fault(messageOf(error))]);
}
