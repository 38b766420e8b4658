import type { IncomingHttpHeaders } from 'node:http';
import { CodedError } from '../errors.js';

/** Of a page of this server, and of an address that a person has typed. No page can forge the header. */
const OWN_SITES: unknown[] = ['same-origin', 'none'];

type Origin = Pick<IncomingHttpHeaders, 'origin' | 'host' | 'sec-fetch-site'>;

/**
 * Refuses a change of state that a page of another site asks for (CSRF), whatever `SameSite` its cookie has. Programs
 * send none of these headers.
 *
 * @param origins those that may call with credentials
 * @throws {CodedError} `FORBIDDEN`
 */
export function refuseCrossSite(request: Origin, origins: readonly string[]): void {
  if (isCrossSite(request, origins)) throw new CodedError('FORBIDDEN');
}

export function isCrossSite(
  { origin, host, 'sec-fetch-site': site }: Origin,
  origins: readonly string[],
): boolean {
  if (origin !== undefined && origins.includes(origin)) return false;
  if (OWN_SITES.includes(site)) return false;
  // Older browsers name the origin alone; the scheme may be that of a proxy.
  return site !== undefined || (origin !== undefined && hostOf(origin) !== host);
}

function hostOf(origin: string): string | null {
  return URL.canParse(origin) ? new URL(origin).host : null;
}
