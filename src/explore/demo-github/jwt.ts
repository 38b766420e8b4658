import { verify } from 'node:crypto';
import { GithubError } from './github-error.js';
import type { App } from './model.js';

/** Seconds. */
const LONGEST_LIFETIME = 600;

/**
 * Verifies the JWT of an App (RFC 7519, RS256).
 *
 * @throws {GithubError} 401 or 404, with GitHub's own messages, by which Octokit knows a wrong clock
 */
export function appOfJwt(authorization: string, apps: readonly App[], now: Date): App {
  const [, signed = '', header = '', payload = '', signature = ''] =
    /^bearer (([\w-]+)\.([\w-]+))\.([\w-]+)$/i.exec(authorization) ?? [];
  const { alg } = decode(header);
  const { iss, exp, iat } = decode(payload);
  const app = apps.find(({ id, clientId }) => String(id) === String(iss) || clientId === iss);
  if (alg !== 'RS256') throw new GithubError(401, 'A JSON web token could not be decoded');
  if (!app) throw new GithubError(404, 'Integration not found');
  if (!verify('sha256', Buffer.from(signed), app.publicKey, Buffer.from(signature, 'base64url')))
    throw new GithubError(401, 'A JSON web token could not be decoded');
  const seconds = now.getTime() / 1000;
  if (!Number.isInteger(iat) || (iat as number) > seconds + 60)
    throw new GithubError(
      401,
      "'Issued at' claim ('iat') must be an Integer representing the time that the assertion was issued",
    );
  if (typeof exp !== 'number' || exp <= seconds)
    throw new GithubError(
      401,
      "'Expiration time' claim ('exp') must be a numeric value representing the future time at which the assertion expires",
    );
  if (exp > seconds + LONGEST_LIFETIME)
    throw new GithubError(401, "'Expiration time' claim ('exp') is too far in the future");
  return app;
}

function decode(part: string): Record<string, unknown> {
  try {
    return Object(JSON.parse(Buffer.from(part, 'base64url').toString()));
  } catch {
    return {};
  }
}
