import pg from 'pg';
import {
  ConnectionError,
  DatabaseBusyError,
  isPassing,
  isTimeout,
  StatementTimeoutError,
  sqlStateOf,
} from './availability.js';
import { TablesNotServableError } from './servable.js';

/** By SQLSTATE or its class: https://www.postgresql.org/docs/current/errcodes-appendix.html */
const CONDITIONS: Record<string, string> = {
  '08': 'connection exception',
  '22': 'data exception',
  '25': 'invalid transaction state',
  '25006': 'it is read-only',
  '28': 'this role may not log in from here',
  '28P01': 'wrong password',
  '3D': 'no such database',
  '40': 'conflict with another transaction, or with recovery',
  '42': 'a table, column or function is missing, or is another',
  '42501': 'a right is missing',
  '53': 'memory or disk space is used up',
  '53300': 'too many connections',
  '55': 'it does not accept them for the moment',
  '57': 'ended by an administrator, or by a limit',
  '57P03': 'starting, stopping or recovering',
  '58': 'system error',
  XX: 'internal error',
};

export const NO_ANSWER = 'the database does not answer in time';

/** What is wrong, for `/ready`, which is public: a database's messages may quote data, and those of Node.js addresses. */
export function reasonOf(error: unknown): string {
  if (error instanceof TablesNotServableError) return error.message;
  if (error instanceof DatabaseBusyError) return 'reads wait too long for the database';
  if (error instanceof StatementTimeoutError || isTimeout(error)) return NO_ANSWER;
  const state = sqlStateOf(error);
  const connecting = error instanceof ConnectionError;
  if (state !== null)
    return `the database refuses ${connecting ? 'connections' : 'statements'}: ${conditionOf(state)}`;
  if (connecting) return `the database cannot be reached: ${failureOf(error.cause)}`;
  return isPassing(error)
    ? 'the connection to the database was lost'
    : 'the database cannot be used: the log says why';
}

function conditionOf(state: string): string {
  const words = CONDITIONS[state] ?? CONDITIONS[state.slice(0, 2)];
  return words === undefined ? `SQLSTATE ${state}` : `${words} (SQLSTATE ${state})`;
}

/** What ends the attempt to connect: of a host with several addresses, at the first of them. */
function failureOf(error: unknown): string {
  if (error instanceof AggregateError) return failureOf(error.errors[0]);
  const { code, message } = error as NodeJS.ErrnoException;
  if (/timeout/.test(message)) return 'no answer in time';
  if (code === undefined)
    // Those of `pg` itself quote nothing.
    return error instanceof pg.DatabaseError ? 'it answers without a SQLSTATE' : message;
  return /CERT|SIGNATURE/.test(code) ? `its certificate is not trusted (${code})` : code;
}
