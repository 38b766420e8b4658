import type { Database } from '../../src/database/database.js';
import { InstallationReader } from '../../src/installations/installation.reader.js';

/** Reads everybody apart, as users of very many installations are: what reads several at once is refused. */
export function readerApart(database: Pick<Database, 'query'>): InstallationReader {
  let shared: string | undefined;
  return new InstallationReader({
    async query(text, values, options) {
      shared ??= text;
      if (text === shared) throw new Error('refused');
      return database.query(text, values, options);
    },
  });
}
