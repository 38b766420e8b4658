import { randomUUID } from 'node:crypto';
import { createAppAuth } from '@octokit/auth-app';
import { Octokit } from '@octokit/core';
import { paginateRest } from '@octokit/plugin-paginate-rest';
import { retry } from '@octokit/plugin-retry';
import { throttling } from '@octokit/plugin-throttling';
import { request } from '@octokit/request';
import type { FastifyBaseLogger } from 'fastify';
import { VERSION } from '../package.js';

const USER_AGENT = `installations-server/${VERSION}`;
const GithubOctokit = Octokit.plugin(paginateRest, retry, throttling);

/** Octokit, for the endpoints of the App or, with its token, of one installation. */
export type GithubClient = InstanceType<typeof GithubOctokit>;

export interface GithubClientOptions extends RequestOptions {
  appId: string;
  /** PEM, PKCS #8. */
  privateKey: string;
}

interface RequestOptions {
  /** Without a trailing slash. */
  apiUrl: string;
  log: Pick<FastifyBaseLogger, 'warn'>;
  /** Seconds that a request waits for a rate limit; one that would wait longer fails. */
  longestWait?: number;
  /** Milliseconds that a second of the pauses between tries takes: less in tests. */
  second?: number;
}

/** Milliseconds of one HTTP request. */
const REQUEST_TIMEOUT = 30_000;
/** Tries of a request that a rate limit has refused; the header of each refusal says how long to wait. */
const RATE_LIMIT_TRIES = 3;
/** Seconds: the longest that a limit lasts. */
const RATE_LIMIT_WINDOW = 3600;
/** What another try does not mend, and 429, whose header tells when to try. */
const NOT_RETRIED = [400, 401, 403, 404, 410, 422, 429, 451];

/** @returns clients that share tokens and rate limits: the App's own, and one for each installation */
export function createGithubClient({ appId, privateKey, ...rest }: GithubClientOptions) {
  const options = { ...optionsOf(rest), authStrategy: createAppAuth };
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
    /** GitHub may withdraw a token before it expires. */
    async renewToken(installationId: string): Promise<void> {
      await app.auth({
        type: 'installation',
        installationId: Number(installationId),
        refresh: true,
      });
    },
  };
}

/** For what a user may see, by the user's own token. */
export function createUserClient(options: RequestOptions, token: string): GithubClient {
  const { throttle, ...rest } = optionsOf(options);
  // Users do not wait for each other.
  return new GithubOctokit({ ...rest, throttle: { ...throttle, id: randomUUID() }, auth: token });
}

/** One request alone, without tries and turns: changes would be a second apart. */
export const requestOnce = request.defaults({
  headers: { 'user-agent': USER_AGENT },
  request: { fetch: fetchFromGithub },
});

function optionsOf({
  apiUrl,
  log,
  longestWait = Number.POSITIVE_INFINITY,
  second = 1000,
}: RequestOptions) {
  const waits = (
    retryAfter: number,
    { url }: { url: string },
    _octokit: unknown,
    tries: number,
  ) => {
    if (tries >= RATE_LIMIT_TRIES || retryAfter > longestWait) return false;
    log.warn({ url, seconds: retryAfter }, 'GitHub’s rate limit is reached: the request waits');
    return true;
  };
  return {
    baseUrl: apiUrl,
    userAgent: USER_AGENT,
    retry: { retryAfterBaseValue: second, doNotRetry: NOT_RETRIED },
    throttle: { onRateLimit: waits, onSecondaryRateLimit: waits, retryAfterBaseValue: second },
    request: { fetch: fetchFromGithub },
    log: { debug() {}, info() {}, warn() {}, error() {} },
  };
}

export type GithubClients = ReturnType<typeof createGithubClient>;

/** @returns the seconds that GitHub wants to be left alone; `null`: the error is no rate limit */
export function rateLimitOf(error: unknown): number | null {
  const { status, response } = error as {
    status?: unknown;
    response?: { headers?: Record<string, unknown> };
  };
  if (status !== 403 && status !== 429) return null;
  const headers = response?.headers ?? {};
  const reset = headers['x-ratelimit-remaining'] === '0' ? headers['x-ratelimit-reset'] : 0;
  // A second more, as the reset has whole ones.
  const seconds = Number(headers['retry-after'] ?? Number(reset) + 1 - Date.now() / 1000);
  return seconds > 0 ? Math.min(seconds, RATE_LIMIT_WINDOW) : null;
}

/** Whether GitHub refused the App itself, not one of its installations, whose rate limits are their own. */
export function isOfApp(error: unknown): boolean {
  const { url = '' } = (error as { request?: { url?: string } }).request ?? {};
  return /\/app(\/|$)/.test(url);
}

/** A redirect might lead the App's token to another host. */
function fetchFromGithub(url: string, init: RequestInit): Promise<Response> {
  const signals = [init.signal, AbortSignal.timeout(REQUEST_TIMEOUT)].filter((signal) => !!signal);
  return fetch(url, { ...init, redirect: 'error', signal: AbortSignal.any(signals) });
}
