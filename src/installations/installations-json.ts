import { setImmediate } from 'node:timers/promises';
import type { CompileList } from '../compile-query.js';
import type { GithubAppInstallation } from './github-app-installation.type.js';
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
export function parseInstallations({ installationsJson }: UserInstallations) {
  return (JSON.parse(installationsJson.join('')) as InstallationItem[]).map((item) => ({
    id: item.id,
    neptunUserId: item.neptun_user_id,
    githubInstallationId: item.github_installation_id,
    createdAt: item.created_at,
    updatedAt: item.updated_at,
  }));
}

/** Writes those fields of the installations straight from the documented JSON: as text, without objects. */
export const compileInstallations: CompileList<UserInstallations> = (fields) => {
  const members = [...fields].map(([key, name]) => `"${key}":${REPLACEMENTS[name]}`);
  const item = `{${members.join(',')}}`;
  const write = (piece: string) => piece.replace(ITEM, item);
  return ({ installationsJson: pieces }) =>
    pieces.length === 1 ? write(pieces[0] as string) : inTurns(pieces, write);
};

/** Very many take milliseconds, and others are not to wait for all of them. */
async function inTurns(pieces: readonly string[], write: (piece: string) => string) {
  let text = '';
  for (const piece of pieces) {
    text += write(piece);
    await setImmediate();
  }
  return text;
}
