import { createHash } from 'node:crypto';
import type { FastifyBaseLogger } from 'fastify';
import { createUserClient, type GithubClient, requestOnce } from '../client.js';
import { textOf } from '../from-github.js';

export interface OAuthOptions {
  /** Of GitHub's API and of its pages, without a trailing slash. */
  apiUrl: string;
  url: string;
  clientId: string;
  clientSecret: string;
  log: Pick<FastifyBaseLogger, 'warn'>;
}

/** GitHub has not given a token. */
export class CodeRefusedError extends Error {
  /** GitHub's own word. */
  readonly reason: string;

  constructor(reason: string) {
    super(`GitHub gives no token: ${reason}`);
    this.reason = reason;
  }
}

/** Seconds that a request waits for a rate limit. */
const LONGEST_WAIT = 10;

/** How a user authorizes the App at GitHub: the web application flow, with PKCE. */
export class OAuth {
  readonly #options: OAuthOptions;

  constructor(options: OAuthOptions) {
    this.#options = options;
  }

  /** GitHub's page. It sends the user to `redirectUri`, with `state` and a code. */
  authorizeUrl(state: string, verifier: string, redirectUri: string): string {
    const page = new URL(`${this.#options.url}/login/oauth/authorize`);
    page.search = String(
      new URLSearchParams({
        client_id: this.#options.clientId,
        redirect_uri: redirectUri,
        state,
        code_challenge: createHash('sha256').update(verifier).digest('base64url'),
        code_challenge_method: 'S256',
      }),
    );
    return page.href;
  }

  /** @returns a token of the user. @throws {CodeRefusedError} */
  async exchange(code: string, verifier: string, redirectUri: string): Promise<string> {
    const { url, clientId, clientSecret } = this.#options;
    const { data } = await requestOnce('POST /login/oauth/access_token', {
      baseUrl: url,
      headers: { accept: 'application/json' },
      client_id: clientId,
      client_secret: clientSecret,
      code,
      code_verifier: verifier,
      redirect_uri: redirectUri,
    });
    const { access_token: token, error } = Object(data);
    if (typeof token === 'string' && token) return token;
    throw new CodeRefusedError(textOf(error) ?? 'no token');
  }

  clientOf(token: string): GithubClient {
    return createUserClient({ ...this.#options, longestWait: LONGEST_WAIT }, token);
  }

  /** The token alone: without the authorization, tokens of the web application would end as well. */
  async deleteToken(token: string): Promise<void> {
    const { apiUrl, clientId, clientSecret } = this.#options;
    const credentials = Buffer.from(`${clientId}:${clientSecret}`).toString('base64');
    await requestOnce('DELETE /applications/{client_id}/token', {
      baseUrl: apiUrl,
      headers: { authorization: `basic ${credentials}` },
      client_id: clientId,
      access_token: token,
    });
  }
}
