import type { DataSource } from 'typeorm';
import type { Config, GithubConfig } from './config.js';
import { createPool } from './database/create-pool.js';
import { createDataSource } from './database/data-source.js';
import { Database } from './database/database.js';
import { repeatedTransaction } from './database/repeated-transaction.js';
import { inspectTables } from './database/tables.js';
import { type Finding, fault, warning, writeFindings } from './doctor/finding.js';
import { checkGithubApp, clientsOf, describeConnecting } from './doctor/github-app.js';
import { checkDeliveries, checkKept } from './doctor/github-status.js';
import { ENTITIES } from './entities.js';
import { messageOf } from './errors.js';
import { explain } from './github/explain.js';
import { findObstacle } from './github/fact-tables.js';
import { sync } from './github/sync.js';
import { summaryText } from './github/sync-summary.js';
import { Grants } from './grants/grants.js';
import { WRITE_CONNECTIONS } from './server.js';
import { syncReport } from './sync-report.js';

interface SyncCommandOptions {
  installation?: string;
  dryRun?: true;
  force?: true;
  otherApp?: true;
}

const SILENT = { info: () => {}, warn: () => {} };
/** Seconds that a request of a sync waits for a rate limit. */
const LONGEST_WAIT = 3600;

/** @returns whether all could be checked */
export async function syncCommand(
  config: Config,
  options: SyncCommandOptions,
  signal: AbortSignal,
): Promise<boolean> {
  const github = configured(config);
  const clients = clientsOf(github, LONGEST_WAIT);
  if (!clients)
    throw new Error('sync: GITHUB_APP_PRIVATE_KEY is not set, so that GitHub cannot be asked');
  const pool = createPool(config, SILENT.warn, WRITE_CONNECTIONS);
  const database = new Database(pool, SILENT, ENTITIES);
  const { dataSource } = database;
  const report = syncReport();
  try {
    // As each start, it migrates tables of this program; a dry run makes none.
    if (options.dryRun) await dataSource.initialize();
    else await database.open({ wait: false });
    const { origin } = await inspectTables(dataSource);
    const obstacle = await findObstacle(dataSource, origin);
    if (obstacle) throw new Error(`sync: ${obstacle}`);
    const redelivers = github.webhookSecrets.length > 0;
    const { appId } = github;
    const summary = await sync({
      ...options,
      dataSource,
      clients,
      grants: new Grants(github),
      appId,
      redelivers,
      signal,
      report,
    });
    const done = options.dryRun ? 'Nothing was written. A sync would have: ' : 'Synced: ';
    report.end(`${done}${summaryText(summary)}`);
    return summary.failed === 0;
  } catch (error) {
    report.end(null);
    throw error;
  } finally {
    await database.close();
  }
}

/** @returns whether nothing is wrong */
export async function statusCommand(config: Config): Promise<boolean> {
  const github = configured(config);
  const sections: [string, () => Promise<Finding[]>][] = [
    ['App', () => checkGithubApp(github)],
    ['Connecting', async () => describeConnecting(github)],
    ['Deliveries at GitHub', () => checkDeliveries(github)],
    ['Kept here', () => inspected(config, (dataSource) => checkKept(dataSource, github))],
  ];
  let well = true;
  for (const [title, check] of sections) {
    const findings = await check().catch((error) => [fault(messageOf(error))]);
    console.log(writeFindings(title, findings));
    well &&= findings.every(({ level }) => level !== 'fault');
  }
  return well;
}

function inspected(
  config: Config,
  check: (dataSource: DataSource) => Promise<Finding[]>,
): Promise<Finding[]> {
  return withDataSource(config, async (dataSource, obstacle) =>
    obstacle ? [warning(obstacle)] : check(dataSource),
  );
}

export async function explainCommand(
  config: Config,
  whom: { user: string; installation?: string },
): Promise<void> {
  const sentences = await withDataSource(config, (dataSource, obstacle) =>
    explain(dataSource, whom, {
      hasFacts: obstacle === null,
      allowedAccounts: config.github?.allowedAccounts ?? null,
    }),
  );
  for (const sentence of sentences) console.log(sentence);
}

/** An operator says which GitHub account a user has. */
export async function bindCommand(
  config: Config,
  { user, githubId }: { user: string; githubId: string },
): Promise<void> {
  const github = configured(config);
  await withDataSource(config, async (dataSource, obstacle) => {
    if (obstacle) throw new Error(`github bind: ${obstacle}`);
    const users: unknown[] = await dataSource.query(
      'SELECT 1 FROM neptun_user WHERE id::text = $1',
      [user],
    );
    if (users.length === 0) throw new Error(`github bind: neptun_user has no user ${user}`);
    await repeatedTransaction(dataSource, (manager) =>
      new Grants(github).rebind(manager, user, { id: githubId, login: null }),
    );
  });
  console.log(
    `${user} is bound to the GitHub account ${githubId}. What rested on another one has ended.`,
  );
}

async function withDataSource<Result>(
  config: Config,
  work: (dataSource: DataSource, obstacle: string | null) => Promise<Result>,
): Promise<Result> {
  const pool = createPool(config, SILENT.warn);
  try {
    const dataSource = await createDataSource(pool, ENTITIES).initialize();
    const { origin } = await inspectTables(dataSource);
    return await work(dataSource, await findObstacle(dataSource, origin));
  } finally {
    await pool.end();
  }
}

function configured({ github }: Config): GithubConfig {
  if (!github)
    throw new Error(
      'No GitHub App is configured: set GITHUB_APP_ID, and its key or webhook secret',
    );
  return github;
}
