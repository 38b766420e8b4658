import type { GithubClients } from './client.js';
import { type GithubJson, idOf, objectOf, textOf } from './from-github.js';

/** The App of the configured key, as GitHub describes it. */
export interface GithubApp {
  name: string;
  slug: string | null;
  /** Of its public page. */
  htmlUrl: string | null;
  /** `null`: this GitHub does not say. */
  clientId: string | null;
  permissions: Record<string, string>;
  /** Those that it subscribes to; others always come. */
  events: readonly string[];
  /** The page on which its owner changes permissions and events; `null`: not known. */
  settingsUrl: string | null;
  /** GitHub's clock. */
  date: Date;
}

/** What an operator must set right before GitHub can be asked at all. */
export class AppRefusedError extends Error {}

const REFUSALS: Record<number, string> = {
  401: 'GitHub refuses the private key: GITHUB_APP_PRIVATE_KEY is not one of the App in GITHUB_APP_ID, or this clock is wrong',
  404: 'GitHub knows no App by GITHUB_APP_ID, at least not at GITHUB_API_URL',
};

/** @throws {AppRefusedError} where the key is not the App's */
export async function fetchApp({ app }: GithubClients, appId: string): Promise<GithubApp> {
  const { data, headers } = await app.request('GET /app').catch((error) => {
    throw refusalOf(error) ?? error;
  });
  const json = Object(data) as GithubJson;
  if (idOf(json.id) !== appId)
    throw new AppRefusedError('The private key is that of another App than GITHUB_APP_ID names');
  const slug = textOf(json.slug);
  return {
    name: textOf(json.name) ?? slug ?? '(no name)',
    slug,
    htmlUrl: textOf(json.html_url),
    clientId: textOf(json.client_id),
    permissions: (objectOf(json.permissions) ?? {}) as Record<string, string>,
    events: Array.isArray(json.events) ? json.events : [],
    settingsUrl: slug && settingsUrlOf(slug, json),
    date: new Date(headers.date ?? Date.now()),
  };
}

/** @param error of a request as the App itself. @returns `null`: it has another reason */
export function refusalOf(error: { status?: unknown }): AppRefusedError | null {
  const message = REFUSALS[Number(error.status)];
  return message ? new AppRefusedError(message, { cause: error }) : null;
}

function settingsUrlOf(slug: string, json: GithubJson): string | null {
  const page = textOf(json.html_url);
  if (!page || !URL.canParse(page)) return null;
  const owner = objectOf(json.owner);
  const folder = owner?.type === 'Organization' ? `organizations/${owner.login}/` : '';
  return `${new URL(page).origin}/${folder}settings/apps/${slug}/permissions`;
}
