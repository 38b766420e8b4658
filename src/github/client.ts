import { createAppAuth } from '@octokit/auth-app';
import { Octokit } from '@octokit/core';
import { paginateRest } from '@octokit/plugin-paginate-rest';
import { retry } from '@octokit/plugin-retry';
import { throttling } from '@octokit/plugin-throttling';
import type { FastifyBaseLogger } from 'fastify';
import { VERSION } from '../package.js';

const GithubOctokit = Octokit.plugin(paginateRest, retry, throttling);

/** Octokit, for the endpoints of the App or, with its token, of one installation. */
export type GithubClient = InstanceType<typeof GithubOctokit>;

export interface GithubClientOptions {
  appId: string;
  /** PEM, PKCS #8. */
  privateKey: string;
  /** Without a trailing slash. */
  apiUrl: string;
  log: Pick<FastifyBaseLogger, 'warn'>;
  /** Milliseconds that a second of the pauses between tries takes: less in tests. */
  second?: number;
}

/** Milliseconds of one HTTP request. */
const REQUEST_TIMEOUT = 30_000;
/** Tries of a request that a rate limit has refused; the header of each refusal says how long to wait. */
const RATE_LIMIT_TRIES = 3;

/** @returns clients that share tokens and rate limits: the App's own, and one for each installation */
export function createGithubClient({
  appId,
  privateKey,
  apiUrl,
  log,
  second = 1000,
}: GithubClientOptions) {
  const waits = (
    retryAfter: number,
    { url }: { url: string },
    _octokit: unknown,
    tries: number,
  ) => {
    log.warn({ url, seconds: retryAfter }, 'GitHub’s rate limit is reached: the request waits');
    return tries < RATE_LIMIT_TRIES;
  };
  const options = {
    baseUrl: apiUrl,
    userAgent: `installations-server/${VERSION}`,
    authStrategy: createAppAuth,
    retry: { retryAfterBaseValue: second },
    throttle: { onRateLimit: waits, onSecondaryRateLimit: waits, retryAfterBaseValue: second },
    request: { fetch: fetchFromGithub },
    log: { debug() {}, info() {}, warn() {}, error() {} },
  };
  const app = new GithubOctokit({ ...options, auth: { appId, privateKey } });
  return {
    app,
    /** Its token is fetched with the first request, and again before it expires. */
    ofInstallation: async (installationId: string): Promise<GithubClient> =>
      (await app.auth({
        type: 'installation',
        installationId: Number(installationId),
        factory: (auth: object) => new GithubOctokit({ ...options, auth }),
      })) as GithubClient,
  };
}

export type GithubClients = ReturnType<typeof createGithubClient>;

/** A redirect might lead the App's token to another host. */
function fetchFromGithub(url: string, init: RequestInit): Promise<Response> {
  const signals = [init.signal, AbortSignal.timeout(REQUEST_TIMEOUT)].filter((signal) => !!signal);
  return fetch(url, { ...init, redirect: 'error', signal: AbortSignal.any(signals) });
}
