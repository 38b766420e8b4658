import 'reflect-metadata';
import { loadConfig } from './src/config.js';
import { createPool } from './src/database/create-pool.js';
import { createDataSource } from './src/database/data-source.js';
import { ENTITIES } from './src/entities.js';

const pool = createPool(loadConfig(), console.error);

/** For the TypeORM command line: `npm run db:migrate`, `db:revert`, `db:show`. */
export default createDataSource(pool, ENTITIES, () => pool.end()).setOptions({
  logger: 'advanced-console',
});
