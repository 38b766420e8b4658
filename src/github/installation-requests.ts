import { type DataSource, In, Not } from 'typeorm';
import { GithubInstallationRequest } from '../grants/installation-request.entity.js';
import type { GithubClients } from './client.js';
import {
  accountFactsOf,
  type GithubJson,
  idOf,
  objectOf,
  objectsOf,
  timeOf,
} from './from-github.js';

/** Keeps which owners have been asked to install the App, and have not answered: no event tells of it. */
export async function refreshRequests(
  dataSource: DataSource,
  { app }: GithubClients,
  appId: string,
): Promise<void> {
  const listed: GithubJson[] = [];
  for await (const { data } of app.paginate.iterator('GET /app/installation-requests', {
    per_page: 100,
  }))
    listed.push(...objectsOf(data));
  const requests = listed.map((json) => requestOf(json, appId)).filter((row) => row !== null);
  await dataSource.transaction(async (manager) => {
    const ids = requests.map(({ requestId }) => requestId);
    await manager.delete(GithubInstallationRequest, { appId, requestId: Not(In(ids)) });
    if (requests.length > 0)
      await manager.upsert(GithubInstallationRequest, requests, ['requestId']);
  });
}

function requestOf(json: GithubJson, appId: string): GithubInstallationRequest | null {
  const requestId = idOf(json.id);
  const requesterId = idOf(objectOf(json.requester)?.id);
  const { accountId, ...account } = accountFactsOf(objectOf(json.account));
  const requestedAt = timeOf(json.created_at);
  if (!requestId || !requesterId || !accountId || !requestedAt) return null;
  return { requestId, appId, requesterId, accountId, ...account, requestedAt };
}
