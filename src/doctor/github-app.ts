import type { GithubConfig } from '../config.js';
import { messageOf } from '../errors.js';
import { AppRefusedError, fetchApp } from '../github/app.js';
import { fetchWebhook, findMisfits } from '../github/app-settings.js';
import { createGithubClient, type GithubClients } from '../github/client.js';
import { CALLBACK_PATH, SETUP_PATH } from '../github/connect/pages.js';
import { type Finding, fault, ok, warning } from './finding.js';

/** Seconds between this clock and GitHub’s, which has whole seconds; it takes JWTs that are a minute off. */
const NOTABLE = 10;
const WRONG = 60;

/** Of commands, which do not wait for a rate limit. */
export function clientsOf(config: GithubConfig, longestWait = 0): GithubClients | null {
  const { privateKey, ...rest } = config;
  if (privateKey === null) return null;
  return createGithubClient({ ...rest, privateKey, longestWait, log: { warn() {} } });
}

/** What an operator enters at GitHub, which does not tell it. */
export function describeConnecting({
  clientId,
  clientSecret,
  publicUrl,
  allowedAccounts,
}: GithubConfig): Finding[] {
  const accounts =
    allowedAccounts === null
      ? []
      : [ok(`accounts: only those of ${allowedAccounts.join(', ')} are linked`)];
  const missing = [
    ...(clientId === null ? ['GITHUB_CLIENT_ID'] : []),
    ...(clientSecret === null ? ['GITHUB_CLIENT_SECRET'] : []),
  ];
  if (missing.length > 0)
    return [warning(`users cannot connect: ${missing.join(' and ')} not set`), ...accounts];
  const base = publicUrl ?? 'http://127.0.0.1:4000';
  return [
    ok(`callback URL, to be entered at GitHub: ${base}${CALLBACK_PATH}`),
    ok(`setup URL, to be entered at GitHub: ${base}${SETUP_PATH}`),
    ok('at GitHub, “Request user authorization (OAuth) during installation” may be on or off'),
    ...accounts,
  ];
}

export async function checkGithubApp(config: GithubConfig): Promise<Finding[]> {
  const clients = clientsOf(config);
  if (!clients)
    return [
      warning('without a private key GitHub is not asked, and deliveries alone are believed'),
    ];
  try {
    const app = await fetchApp(clients, config.appId);
    const { webhookSecrets, clientId, publicUrl } = config;
    const expected = { receivesWebhooks: webhookSecrets.length > 0, clientId, publicUrl };
    const misfits = findMisfits(app, await fetchWebhook(clients), expected);
    return [
      ok(`${app.name} (${app.slug}): GitHub accepts the private key`),
      ok(`permissions: ${list(Object.entries(app.permissions).map((pair) => pair.join(': ')))}`),
      ok(`events: ${list(app.events)}`),
      ...checkDate(app.date),
      ...misfits.map((text) => warning(text)),
    ];
  } catch (error) {
    const isRefused = error instanceof AppRefusedError;
    const text = isRefused ? error.message : `GitHub cannot be asked: ${messageOf(error)}`;
    return [fault(text)];
  }
}

function checkDate(date: Date): Finding[] {
  const seconds = Math.abs(Date.now() - date.getTime()) / 1000;
  const text = `${seconds.toFixed(0)} s between this clock and GitHub’s`;
  if (seconds > WRONG) return [fault(`${text}: set the clock, GitHub refuses keys by it`)];
  return [seconds > NOTABLE ? warning(text) : ok(text)];
}

function list(names: readonly string[]): string {
  return [...names].sort().join(', ') || 'none';
}
