import { type GithubClient, rateLimitOf } from '../client.js';
import {
  type GithubJson,
  idOf,
  installationFactsOf,
  objectsOf,
  repositoryFactsOf,
  textOf,
} from '../from-github.js';
import { mapBounded } from '../map-bounded.js';
import type { ProvedInstallation } from '../proofs.js';

/** Items of one page, as many as GitHub gives. */
const PAGE_SIZE = 100;
/** Pages that are asked for at once. */
const AT_ONCE = 6;
/** Of a list; beyond any that a person could see. */
const LAST_PAGE = 10_000;
const INSTALLATIONS = '/user/installations';
/** Answers for an installation whose repositories GitHub does not list: suspended, or not there any more. */
const NOT_LISTED = [403, 404, 451];

export interface Listed {
  installations: readonly ProvedInstallation[];
  /** Whether all pages of installations have arrived. */
  complete: boolean;
}

interface PageOf {
  path: string;
  page: number;
}

/** @returns `null`: GitHub's answer has no id or login */
export async function fetchUser(
  client: GithubClient,
): Promise<{ id: string; login: string } | null> {
  const { data } = await client.request('GET /user');
  const json = Object(data) as GithubJson;
  const id = idOf(json.id);
  const login = textOf(json.login);
  return id && login ? { id, login } : null;
}

/**
 * Asks GitHub for all that it lists to the user of a token: installations of this App, and their repositories.
 *
 * @param onPage is called with each page that has arrived
 */
export async function fetchListed(
  client: GithubClient,
  appId: string,
  onPage: () => void,
  signal: AbortSignal,
): Promise<Listed> {
  const ask = async ({ path, page }: PageOf): Promise<GithubJson> => {
    const { data } = await client.request(`GET ${path}`, {
      per_page: PAGE_SIZE,
      page,
      request: { signal },
    });
    onPage();
    return Object(data);
  };
  /** The pages of each list: the first ones, then all others. */
  const askAll = async (paths: readonly string[], key: string): Promise<GithubJson[][]> => {
    const first = await mapBounded(paths, AT_ONCE, (path) =>
      ask({ path, page: 1 }).catch((error) => {
        if (path !== INSTALLATIONS && isNotListed(error)) return {};
        throw error;
      }),
    );
    const others = first.flatMap((page, list) =>
      pagesAfter(page, key).map((number) => ({ list, path: paths[list] ?? '', page: number })),
    );
    const later = await mapBounded(others, AT_ONCE, ask);
    return first.map((page, list) => [
      page,
      ...later.filter((_page, index) => others[index]?.list === list),
    ]);
  };

  const [pages = []] = await askAll([INSTALLATIONS], 'installations');
  const listed = new Map(
    pages
      .flatMap((page) => objectsOf(page.installations))
      .map((json) => [idOf(json.id), installationFactsOf(json)]),
  );
  const installations = [...listed.values()]
    .filter((facts) => facts !== null)
    .filter((facts) => facts.appId === appId);
  const lists = await askAll(
    installations.map(({ id }) => `${INSTALLATIONS}/${id}/repositories`),
    'repositories',
  );
  return {
    complete: pages.every(({ total_count }) => total_count === listed.size),
    installations: installations.map((facts, index) => ({
      facts,
      repositories: (lists[index] ?? [])
        .flatMap((page) => objectsOf(page.repositories))
        .map(repositoryFactsOf)
        .filter((repository) => repository !== null),
    })),
  };
}

/** GitHub may give fewer items than are asked for. */
function pagesAfter(first: GithubJson, key: string): number[] {
  const size = objectsOf(first[key]).length;
  const total = Number(first.total_count);
  const last = size > 0 && total > size ? Math.min(Math.ceil(total / size), LAST_PAGE) : 1;
  return Array.from({ length: last - 1 }, (_, index) => index + 2);
}

/** Not the rate limit, which says 403 as well. */
function isNotListed(error: { status?: number }): boolean {
  return NOT_LISTED.includes(error.status ?? 0) && rateLimitOf(error) === null;
}
