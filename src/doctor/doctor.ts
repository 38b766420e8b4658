import { type Config, VARIABLES } from '../config.js';
import { processEnvironment } from '../environment.js';
import { messageOf } from '../errors.js';
import { within } from '../timeouts.js';
import { checkClock } from './clock.js';
import { checkConfiguration } from './configuration.js';
import { connect } from './database.js';
import { type Finding, fault, writeFindings } from './finding.js';
import { checkSessionPassword } from './session-password.js';
import { checkTables } from './tables.js';

/** Milliseconds of one check: a table may be locked, a network dead. */
const CHECK_TIMEOUT = 10_000;

type Report = (title: string, findings: readonly Finding[]) => void;

/** Checks all that a server needs; changes nothing, and prints no secret. @returns whether nothing is wrong */
export async function doctor(say: (lines: string) => void): Promise<boolean> {
  let well = true;
  const report: Report = (title, findings) => {
    say(writeFindings(title, findings));
    well &&= findings.every(({ level }) => level !== 'fault');
  };
  const { config, faulty, findings } = checkConfiguration(processEnvironment(VARIABLES));
  report('Configuration', findings);
  if (config === null) return false;
  if (!faulty.some((name) => name.endsWith('SESSION_PASSWORD')))
    report('Session password', await attempt(checkSessionPassword(config)));
  if (config.github) {
    const { checkGithubApp } = await import('./github-app.js');
    report('GitHub App', await attempt(checkGithubApp(config.github)));
  }
  // Without them, the configuration names another embedded database than the one that is meant.
  const meant = !faulty.includes('DATABASE_URL') && !faulty.includes('DATA_DIR');
  if (meant || config.databaseUrl !== null) await reportDatabase(config, report);
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
  const timedOut = () => new Error(`no answer within ${CHECK_TIMEOUT / 1000} s`);
  return within(CHECK_TIMEOUT, check, timedOut).catch((error) => [fault(messageOf(error))]);
}
