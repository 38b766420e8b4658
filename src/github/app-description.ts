import type { FastifyBaseLogger } from 'fastify';
import type { DataSource } from 'typeorm';
import { fetchApp, type GithubApp } from './app.js';
import { AppState } from './app-state.entity.js';
import type { GithubClients } from './client.js';
import { refreshRequests } from './installation-requests.js';

/** What users may know of the App. */
export interface DescribedApp {
  slug: string;
  name: string;
  /** Its public page. */
  url: string;
  /** GitHub's page on which it is installed. */
  installUrl: string;
  /** The level of each permission that it asks for; `null`: not known. */
  permissions: Readonly<Record<string, string>> | null;
}

export interface AppDescriptionOptions {
  appId: string;
  /** Of GitHub's pages. */
  githubUrl: string;
  dataSource: DataSource;
  /** `null`: GitHub is not asked. */
  clients: GithubClients | null;
  log: Pick<FastifyBaseLogger, 'warn'>;
}

/** Milliseconds between two questions: permissions change when a developer wants more. */
const INTERVAL = 5 * 60_000;

/** Payloads name the App as well. */
const SELECT_SLUG = `
  SELECT app_slug AS slug FROM github_fact_installation
  WHERE app_id = $1 AND app_slug IS NOT NULL ORDER BY updated_at DESC NULLS LAST LIMIT 1`;

/** What GitHub says of the App, kept for times when it does not answer. */
export class AppDescription {
  current: DescribedApp | null = null;
  readonly #options: AppDescriptionOptions;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: AppDescriptionOptions) {
    this.#options = options;
  }

  /** @returns the App as GitHub describes it now; `null`: it has not answered, or is not asked */
  async start(): Promise<GithubApp | null> {
    this.#timer = setInterval(() => void this.#refresh(), INTERVAL).unref();
    return this.#refresh();
  }

  close(): void {
    clearInterval(this.#timer);
  }

  /** GitHub tells nobody of requests: a user who comes from one wants to see it. */
  async refreshRequests(): Promise<void> {
    const { dataSource, clients, appId } = this.#options;
    if (clients) await refreshRequests(dataSource, clients, appId);
  }

  async #refresh(): Promise<GithubApp | null> {
    const { log } = this.#options;
    const failed = (error: unknown) => {
      log.warn({ err: error }, 'the App at GitHub could not be looked at');
      return null;
    };
    const app = await this.#fetch().catch(failed);
    await this.#read().catch(failed);
    await this.refreshRequests().catch(failed);
    return app;
  }

  async #fetch(): Promise<GithubApp | null> {
    const { clients, appId, dataSource } = this.#options;
    const app = clients && (await fetchApp(clients, appId));
    if (app) await storeApp(dataSource, appId, app);
    return app;
  }

  async #read(): Promise<void> {
    const { dataSource, appId, githubUrl } = this.#options;
    const state = await dataSource.manager.findOneBy(AppState, { appId });
    const named: { slug: string }[] = state?.slug
      ? [{ slug: state.slug }]
      : await dataSource.query(SELECT_SLUG, [appId]);
    const slug = named[0]?.slug;
    if (!slug) return;
    const url = state?.htmlUrl ?? `${githubUrl}/apps/${slug}`;
    this.current = {
      slug,
      name: state?.name ?? slug,
      url,
      installUrl: `${url}/installations/new`,
      permissions: state?.permissions ?? null,
    };
  }
}

async function storeApp(
  { manager }: DataSource,
  appId: string,
  { slug, name, htmlUrl, permissions }: GithubApp,
): Promise<void> {
  await manager.upsert(AppState, { appId, slug, name, htmlUrl, permissions }, ['appId']);
}
