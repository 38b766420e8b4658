export interface Query {
  text: string;
  values?: unknown[] | undefined;
  /** Prepares the statement under this name, once a connection. */
  name?: string | undefined;
  /** Milliseconds after which the client gives up. */
  query_timeout?: number;
}

/** The part of `pg.Pool` that this project uses; the embedded database offers the same. */
export interface Pool {
  query<Row>(query: Query): Promise<{ rows: Row[] }>;
  connect(callback: ConnectCallback): void;
  end(): Promise<void>;
  /** All connections, and the idle ones. The embedded database has no such counts. */
  readonly totalCount?: number;
  readonly idleCount?: number;
  readonly waitingCount?: number;
}

export type ConnectCallback = (
  error: Error | undefined,
  client: unknown,
  release: (error?: Error | boolean) => void,
) => void;
