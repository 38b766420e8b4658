import { createHmac, randomUUID } from 'node:crypto';
import { createRequire } from 'node:module';
import type { WebhookDefinition } from '@octokit/webhooks-examples';
import { until } from '../cli/process.js';

export const WEBHOOK_SECRET = 'a webhook secret for tests';
export const WEBHOOK_PATH = '/api/github/webhooks';
export const APP_ID = '1000001';

/** Of a server that believes payloads, as it has no private key. */
export const WEBHOOKS_ALONE = { GITHUB_APP_ID: APP_ID, GITHUB_WEBHOOK_SECRET: WEBHOOK_SECRET };

export interface SentDelivery {
  event: string;
  payload?: unknown;
  /** Default: the payload as JSON. */
  body?: string | Buffer;
  guid?: string;
  targetId?: string;
  secret?: string;
  /** `undefined`: not sent. */
  headers?: Record<string, string | undefined>;
}

export const signatureOf = (body: string | Buffer, secret = WEBHOOK_SECRET, hash = 'sha256') =>
  `${hash}=${createHmac(hash, secret).update(body).digest('hex')}`;

/** Delivers as GitHub does. */
export function deliver({ url }: { url: string }, delivery: SentDelivery): Promise<Response> {
  const { event, payload, guid = randomUUID(), targetId = APP_ID, secret, headers = {} } = delivery;
  const body = delivery.body ?? JSON.stringify(payload);
  const all: Record<string, string | undefined> = {
    'content-type': 'application/json',
    'x-github-delivery': guid,
    'x-github-event': event,
    'x-github-hook-installation-target-id': targetId,
    'x-github-hook-installation-target-type': 'integration',
    'x-hub-signature': signatureOf(body, secret, 'sha1'),
    'x-hub-signature-256': signatureOf(body, secret),
    ...headers,
  };
  const sent = Object.entries(all).filter((entry): entry is [string, string] => !!entry[1]);
  return fetch(`${url}${WEBHOOK_PATH}`, { method: 'POST', headers: sent, body: body as string });
}

/** Until the tables for what GitHub says are there. */
export function acceptsDeliveries(server: { url: string }): Promise<void> {
  return until(async () => (await deliver(server, { event: 'ping', payload: {} })).status === 200);
}

interface Examples {
  name: string;
  examples: any[];
}

/** GitHub's example payloads, as of this App. */
export function examplesOf(names: RegExp): Examples[] {
  const all: WebhookDefinition[] = createRequire(import.meta.url)('@octokit/webhooks-examples');
  const chosen: Examples[] = structuredClone(all.filter(({ name }) => names.test(name)));
  for (const { installation } of chosen.flatMap(({ examples }) => examples))
    if (installation?.app_id) installation.app_id = Number(APP_ID);
  return chosen;
}
