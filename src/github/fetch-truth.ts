import type { GithubClient, GithubClients } from './client.js';
import {
  type GithubJson,
  installationFactsOf,
  objectsOf,
  repositoryFactsOf,
} from './from-github.js';
import type { RepositoryList, Truth } from './truth.js';

/** Repositories of one page, as many as GitHub gives. */
const PAGE_SIZE = 100;

/**
 * Asks GitHub for an installation and all its repositories.
 *
 * @returns `null`: GitHub does not know it, at least not by this App's key
 * @throws {RequestError} of Octokit, for any answer but 404
 */
export async function fetchTruth(clients: GithubClients, id: string): Promise<Truth | null> {
  const json = await fetchInstallation(clients, id);
  const installation = json && installationFactsOf(json);
  if (!installation) return null;
  if (installation.suspendedAt) return { installation, repositories: null };
  const client = await clients.ofInstallation(id);
  const repositories = await listRepositories(client).catch(async (error) => {
    if (error.status !== 401) throw error;
    await clients.renewToken(id);
    return listRepositories(client);
  });
  return { installation, repositories };
}

async function fetchInstallation({ app }: GithubClients, id: string): Promise<GithubJson | null> {
  try {
    const { data } = await app.request('GET /app/installations/{installation_id}', {
      installation_id: Number(id),
    });
    return data as unknown as GithubJson;
  } catch (error) {
    if ((error as { status?: unknown }).status === 404) return null;
    throw error;
  }
}

/** Each page says how many there are: where pages disagree with each other or with the list, something has moved. */
async function listRepositories(client: GithubClient): Promise<RepositoryList> {
  const totals = new Set<unknown>();
  const listed = new Map<string, ReturnType<typeof repositoryFactsOf>>();
  for await (const { data } of client.paginate.iterator('GET /installation/repositories', {
    per_page: PAGE_SIZE,
  })) {
    const page = data as unknown as GithubJson & { total_count?: unknown };
    totals.add(page.total_count);
    for (const json of objectsOf(page)) {
      const facts = repositoryFactsOf(json);
      if (facts) listed.set(facts.id, facts);
    }
  }
  const [total] = totals;
  return {
    listed: [...listed.values()].filter((facts) => facts !== null),
    complete: totals.size === 1 && total === listed.size,
  };
}
