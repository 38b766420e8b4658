import type { CatalogTable } from './catalog.js';
import type { Tables } from './tables.js';

type Origin = Tables['origin'];

export const READ_INDEX = 'github_app_installation_read_idx';
const COLUMNS = '(neptun_user_id, id) INCLUDE (github_installation_id, created_at, updated_at)';

export function createReadIndex({ qualified }: CatalogTable): string {
  return `CREATE INDEX CONCURRENTLY ${READ_INDEX} ON ${qualified} ${COLUMNS}`;
}

/** Name of the valid index by which a user's installations are found; of our own tables, only the one we make. */
export function findReadIndex({ indexes }: CatalogTable, origin: Origin): string | null {
  const usable = indexes.filter(
    ({ valid, findsAll, column }) => valid && findsAll && column === 'neptun_user_id',
  );
  const ours = usable.find(({ name }) => name === READ_INDEX);
  return (ours ?? (origin === 'own' ? undefined : usable[0]))?.name ?? null;
}

/** What remedies the lack of an index; `null`: it is there, or belongs to what is no table. */
export function readIndexAdvice(table: CatalogTable, origin: Origin): string | null {
  const { kind, qualified, indexes } = table;
  if (findReadIndex(table, origin) !== null || kind === 'view' || kind === 'foreign table')
    return null;
  const missing = `${qualified} has no index for reads`;
  if (kind === 'partitioned table')
    return (
      `${missing}: run CREATE INDEX ${READ_INDEX} ON ONLY ${qualified} ${COLUMNS}, then for each partition ` +
      'CREATE INDEX CONCURRENTLY on the same columns, and ALTER INDEX … ATTACH PARTITION'
    );
  if (indexes.some(({ name }) => name === READ_INDEX))
    return `${missing}: the build of ${READ_INDEX} goes on, or was interrupted; ${origin === 'other' ? 'npm run cli -- migrate --adopt' : 'the next start'} makes it anew`;
  const adopt = origin === 'other' ? ', or npm run cli -- migrate --adopt' : '';
  return `${missing}: run ${createReadIndex(table)}${adopt}`;
}
