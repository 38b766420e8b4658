import type { CompileList } from '../graphql/compile-query.js';
import type { Context } from '../session/context.js';
import type { GithubAppInstallation } from './github-app-installation.type.js';
import { inTurns } from './in-turns.js';
import type { UserInstallations } from './installation.reader.js';

/** One installation, in the documented shape: these five keys, in this order. */
interface InstallationItem {
  id: number;
  neptun_user_id: string;
  github_installation_id: string;
  /** ISO 8601, UTC, milliseconds. */
  created_at: string;
  updated_at: string;
}

/** One `InstallationItem` as the reader writes it. No value but a user's id needs escapes. */
const ITEM =
  /\{"id":(-?\d+),"neptun_user_id":("(?:[^"\\]|\\.)*"),"github_installation_id":"(-?\d+)","created_at":"([^"]*)","updated_at":"([^"]*)"\}/g;

/** What GraphQL answers of it, as a replacement for `ITEM`. */
const REPLACEMENTS: Record<string, string> = {
  id: '"$1"',
  neptunUserId: '$2',
  githubInstallationId: '"$3"',
  createdAt: '"$4"',
  updatedAt: '"$5"',
  __typename: '"GithubAppInstallation"',
} satisfies Record<keyof GithubAppInstallation | '__typename', string>;

/** The installations as GraphQL's objects. */
export function parseInstallations(
  user: UserInstallations,
  context: Context,
): GithubAppInstallation[] | Promise<GithubAppInstallation[]> {
  return inTurns(user, context, parse, (pieces) => pieces.flat());
}

function parse(array: string): GithubAppInstallation[] {
  return (JSON.parse(array) as InstallationItem[]).map((item) => ({
    id: item.id,
    neptunUserId: item.neptun_user_id,
    githubInstallationId: item.github_installation_id,
    createdAt: item.created_at,
    updatedAt: item.updated_at,
  }));
}

/** Writes those fields of the installations straight from the documented JSON: as text, without objects. */
export const compileInstallations: CompileList<UserInstallations> = (fields) => {
  const members = [...fields].map(([key, name]) => {
    if (!(name in REPLACEMENTS)) throw new Error(`${name} is not among the documented fields`);
    return `"${key}":${REPLACEMENTS[name]}`;
  });
  const item = `{${members.join(',')}}`;
  const write = (array: string) => array.replace(ITEM, item);
  return (user, context) => inTurns(user, context, write, concatenate);
};

function concatenate(written: string[]): string {
  return oneArray(written).reduce((text, piece) => text + piece);
}

/** @returns the texts that are one JSON array together, with the items of all */
export function oneArray(arrays: readonly string[]): string[] {
  const last = arrays.length - 1;
  return arrays.map(
    (array, at) => (at === 0 ? '[' : ',') + array.slice(1, at === last ? undefined : -1),
  );
}
