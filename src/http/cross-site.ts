import type { IncomingHttpHeaders } from 'node:http';
import { CodedError } from '../errors.js';

/** Of a page of this server, and of an address that a person has typed. No page can forge the header. */
const OWN_SITES: unknown[] = ['same-origin', 'none'];

/**
 * Refuses a change of state that a page of another site asks for (CSRF), whatever `SameSite` its cookie has. Programs
 * send none of these headers.
 *
 * @param origins those that may call with credentials
 * @throws {CodedError} `FORBIDDEN`
 */
export function refuseCrossSite(
  {
    origin,
    host,
    'sec-fetch-site': site,
  }: Pick<IncomingHttpHeaders, 'origin' | 'host' | 'sec-fetch-site'>,
  origins: readonly string[],
): void {
  if (origin !== undefined && origins.includes(origin)) return;
  if (OWN_SITES.includes(site)) return;
  // Older browsers name the origin alone; the scheme may be that of a proxy.
  if (site === undefined && (origin === undefined || hostOf(origin) === host)) return;
  throw new CodedError('FORBIDDEN');
}

function hostOf(origin: string): string | null {
  return URL.canParse(origin) ? new URL(origin).host : null;
}
