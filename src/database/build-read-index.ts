import { type CatalogTable, type Queryable, readCatalog } from './catalog.js';
import type { DirectConnection } from './direct-connection.js';
import { createReadIndex, findReadIndex, READ_INDEX, readIndexAdvice } from './read-index.js';

/** Milliseconds. */
const PROGRESS_INTERVAL = 1_000;

/** Builds the read index on another program's table without blocking writers; drops an invalid leftover first. */
export async function buildReadIndex(
  connection: DirectConnection,
  observer: Queryable,
  say: (line: string) => void,
): Promise<void> {
  const { tables } = await readCatalog(connection, ['github_app_installation']);
  const table = tables.get('github_app_installation') as CatalogTable;
  const usable = findReadIndex(table, 'other');
  if (usable !== null) return say(`Reads have an index: ${usable}.`);
  if (table.kind !== 'table' && table.kind !== 'materialized view')
    return say(
      readIndexAdvice(table, 'other') ?? `${table.qualified} is a ${table.kind}: it has no index.`,
    );
  if (table.indexes.some(({ name, valid }) => name === READ_INDEX && !valid)) {
    say(`Removing ${READ_INDEX}, whose build was interrupted.`);
    await connection.query(`DROP INDEX CONCURRENTLY ${inSchemaOf(table)}`);
  }
  say(`Making ${READ_INDEX}: it waits for older transactions, and holds up no writer.`);
  const stop = reportProgress(connection.processId, observer, say);
  try {
    await connection.query(createReadIndex(table));
  } finally {
    stop();
  }
  say(`Made ${READ_INDEX}.`);
}

function inSchemaOf({ qualified }: CatalogTable): string {
  return qualified.replace(/[^.]+$/, READ_INDEX);
}

/** Prints each phase of the build, and the process it waits for, read by a second connection. @returns ends it */
function reportProgress(
  processId: number,
  observer: Queryable,
  say: (line: string) => void,
): () => void {
  let last = '';
  const look = async () => {
    const [row] = (await observer.query(
      `SELECT phase || coalesce(' (process ' || nullif(current_locker_pid, 0) || ')', '') AS progress
       FROM pg_stat_progress_create_index WHERE pid = $1`,
      [processId],
    )) as { progress: string | null }[];
    const progress = row?.progress ?? last;
    if (progress !== last) say(`  ${progress}`);
    last = progress;
  };
  const timer = setInterval(() => look().catch(() => {}), PROGRESS_INTERVAL);
  return () => clearInterval(timer);
}
