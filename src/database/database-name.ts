import pg from 'pg';

/** Which database it is, for an operator: without user and password. */
export function databaseName({
  databaseUrl,
  dataDirectory,
}: {
  databaseUrl: string | null;
  dataDirectory: string;
}): string {
  if (databaseUrl === null) return `embedded in ${dataDirectory}`;
  // It reads the URL as the pool's clients do, and connects to nothing.
  const { host, port, database } = new pg.Client({ connectionString: databaseUrl });
  return `${host}:${port}/${database}`;
}
