import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { DataSource } from 'typeorm';
import type { Config } from '../config.js';
import { createPool } from '../database/create-pool.js';
import { createDataSource } from '../database/data-source.js';
import { addressOf } from '../database/database-url.js';
import { DirectoryInUseError } from '../database/directory-lock.js';
import { ENTITIES } from '../entities.js';
import { messageOf } from '../errors.js';
import { DATABASE_DRAIN_TIMEOUT } from '../timeouts.js';
import { type Finding, fault, ok, warning } from './finding.js';

/** The oldest PostgreSQL that is tested. */
const OLDEST = 13;

interface Connection {
  findings: Finding[];
  /** `null`: there is nothing more to check. */
  dataSource: DataSource | null;
  close(): Promise<void>;
}

/** Connects to the configured database; creates no embedded one. */
export async function connect(config: Config): Promise<Connection> {
  const { databaseUrl, dataDirectory } = config;
  const none = { dataSource: null, close: async () => {} };
  if (databaseUrl === null && !existsSync(join(dataDirectory, 'postgres')))
    return {
      ...none,
      findings: [warning(`embedded, none yet: the start makes it in ${dataDirectory}`)],
    };
  const pool = createPool(config, () => {});
  const close = async () => {
    await Promise.race([pool.end(), sleep(DATABASE_DRAIN_TIMEOUT, undefined, { ref: false })]);
  };
  try {
    const dataSource = await createDataSource(pool, ENTITIES).initialize();
    return { findings: await describe(dataSource, config), dataSource, close };
  } catch (error) {
    await close();
    // A running server has reported its faults already.
    const inUse = error instanceof DirectoryInUseError;
    const where = databaseUrl === null ? '' : `${addressOf(databaseUrl)} `;
    return { ...none, findings: [(inUse ? warning : fault)(`${where}${messageOf(error)}`)] };
  }
}

async function describe(dataSource: DataSource, config: Config): Promise<Finding[]> {
  if (config.databaseUrl === null) return [ok(`embedded, in ${config.dataDirectory}`)];
  const start = performance.now();
  const [{ role, version }] = await dataSource.query(
    `SELECT current_user AS role, current_setting('server_version') AS version`,
  );
  const latency = (performance.now() - start).toFixed(1);
  const findings = [
    ok(`${addressOf(config.databaseUrl)} as ${role}: PostgreSQL ${version}, ${latency} ms`),
  ];
  if (Number.parseInt(version, 10) < OLDEST)
    findings.push(fault(`PostgreSQL ${OLDEST} or newer is needed`));
  return findings;
}
