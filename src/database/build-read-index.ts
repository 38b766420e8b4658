import { setTimeout as sleep } from 'node:timers/promises';
import { type CatalogTable, type Queryable, readCatalog } from './catalog.js';
import type { DirectConnection } from './direct-connection.js';
import { createReadIndex, findReadIndex, READ_INDEX, readIndexAdvice } from './read-index.js';
import type { Tables } from './tables.js';
import type { WaitOptions } from './wait-options.js';

/** Milliseconds. */
const PROGRESS_INTERVAL = 1_000;
/** SQLSTATE of an index that somebody else has begun to build in between. */
const ALREADY_EXISTS = '42P07';

/** A table may be hidden from a role that may not see what others do. */
const SELECT_OTHER_BUILD = `
  SELECT pid FROM pg_stat_progress_create_index
  WHERE datname = current_database() AND coalesce(relid = $1::regclass, true)`;

const SELECT_PROGRESS = `
  SELECT phase || coalesce(' (process ' || nullif(current_locker_pid, 0) || ')', '') AS progress
  FROM pg_stat_progress_create_index WHERE pid = $1`;

export interface BuildOptions extends Pick<WaitOptions, 'say' | 'signal'> {
  /** By whom the table was made. */
  origin: Tables['origin'];
}

/** Builds the read index without blocking writers; drops what an interrupted build has left first. */
export async function buildReadIndex(
  connection: DirectConnection,
  observer: Queryable,
  options: BuildOptions,
): Promise<void> {
  const { origin, say, signal } = options;
  for (let refused: unknown = null; ; ) {
    const { tables } = await readCatalog(connection, ['github_app_installation']);
    const table = tables.get('github_app_installation') as CatalogTable;
    const usable = findReadIndex(table, origin);
    if (usable !== null) return say(`reads have an index: ${usable}`);
    if (table.kind !== 'table' && table.kind !== 'materialized view')
      return say(
        readIndexAdvice(table, origin) ?? `${table.qualified} is a ${table.kind}: it has no index`,
      );
    const invalid = table.indexes.some(({ name, valid }) => name === READ_INDEX && !valid);
    // The name is that of something else.
    if (refused !== null && !invalid) throw refused;
    const other = invalid ? await findOtherBuild(connection, table) : null;
    if (other !== null) {
      say(`waiting for process ${other}, which builds an index`);
      await sleep(PROGRESS_INTERVAL, undefined, { signal });
      continue;
    }
    if (invalid) await removeLeftover(connection, table, say);
    refused = await build(connection, observer, table, say);
    if (refused === null) return;
  }
}

/** @returns the error that the name is taken; `null`: it is made */
async function build(
  connection: DirectConnection,
  observer: Queryable,
  table: CatalogTable,
  say: WaitOptions['say'],
): Promise<unknown> {
  const what = `${READ_INDEX} on ${table.qualified}`;
  say(`making ${what}: it waits for older transactions, and holds up no writer`);
  const stop = reportProgress(connection.processId, observer, (phase) =>
    say(`making ${what}: ${phase}`),
  );
  try {
    await connection.query(createReadIndex(table));
  } catch (error) {
    if ((error as { code?: string }).code === ALREADY_EXISTS) return error;
    throw error;
  } finally {
    stop();
  }
  say(`made ${READ_INDEX}`);
  return null;
}

async function removeLeftover(
  connection: DirectConnection,
  { qualified }: CatalogTable,
  say: WaitOptions['say'],
): Promise<void> {
  say(`removing ${READ_INDEX}, whose build was interrupted`);
  const index = qualified.replace(/[^.]+$/, READ_INDEX);
  await connection.query(`DROP INDEX CONCURRENTLY ${index}`);
}

async function findOtherBuild(
  connection: DirectConnection,
  { qualified }: CatalogTable,
): Promise<number | null> {
  const [other] = (await connection.query(SELECT_OTHER_BUILD, [qualified])) as { pid: number }[];
  return other?.pid ?? null;
}

/** Reports each phase of the build, and the process it waits for, read by a second connection. @returns ends it */
function reportProgress(
  processId: number,
  observer: Queryable,
  say: (phase: string) => void,
): () => void {
  let last = '';
  const look = async () => {
    const [row] = (await observer.query(SELECT_PROGRESS, [processId])) as {
      progress: string | null;
    }[];
    const progress = row?.progress ?? last;
    if (progress !== last) say(progress);
    last = progress;
  };
  const timer = setInterval(() => look().catch(() => {}), PROGRESS_INTERVAL);
  return () => clearInterval(timer);
}
