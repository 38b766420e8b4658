import type { GithubApp } from './app.js';
import type { GithubClients } from './client.js';
import { textOf } from './from-github.js';

/** Without it GitHub lists no repositories. */
const NEEDED_PERMISSIONS = ['metadata'];
/** What they tell would else be seen at the next sync. Events about installations always come. */
const USEFUL_EVENTS = ['installation_target', 'meta', 'organization', 'public', 'repository'];
/** GitHub offers the event only with the permission. */
const PERMISSION_OF_EVENT: Record<string, string> = { organization: 'members' };

const WEBHOOK_PATH = '/api/github/webhooks';

interface Webhook {
  url: string | null;
  hasSecret: boolean;
}

/** @returns `null`: this GitHub does not say */
export async function fetchWebhook({ app }: GithubClients): Promise<Webhook | null> {
  const answer = await app.request('GET /app/hook/config').catch((error) => {
    if (error.status === 404) return null;
    throw error;
  });
  if (!answer) return null;
  const { url, secret } = Object(answer.data);
  return { url: textOf(url), hasSecret: textOf(secret) !== null };
}

/** What the settings of the App at GitHub have to fit. */
export interface ExpectedSettings {
  receivesWebhooks: boolean;
  /** `null`: not configured, as the next one. */
  clientId: string | null;
  /** This server's own URL. */
  publicUrl: string | null;
}

/** @returns what of the App’s settings does not fit, with what to change; one text each */
export function findMisfits(
  app: GithubApp,
  webhook: Webhook | null,
  { receivesWebhooks, clientId, publicUrl }: ExpectedSettings,
): string[] {
  const { permissions, events, settingsUrl } = app;
  const where = settingsUrl ? ` at ${settingsUrl}` : ' in the settings of the App';
  const isOther = clientId !== null && app.clientId !== null && clientId !== app.clientId;
  const misfits = isOther
    ? [`GITHUB_CLIENT_ID is not that of the App, which is ${app.clientId}: users cannot connect`]
    : [];
  const missing = NEEDED_PERMISSIONS.filter((name) => !permissions[name]).map(
    (name) =>
      `the App lacks the permission ${name}: read, without which it sees no repository: grant it${where}`,
  );
  misfits.push(...missing);
  if (!receivesWebhooks) {
    if (webhook?.url)
      misfits.push(
        'the App has a webhook, and GITHUB_WEBHOOK_SECRET is not set: its deliveries are refused',
      );
    return misfits;
  }
  const lacking = USEFUL_EVENTS.filter((name) => !events.includes(name)).map((name) => {
    const permission = PERMISSION_OF_EVENT[name];
    return permission && !permissions[permission] ? `${name} (needs ${permission}: read)` : name;
  });
  if (lacking.length > 0)
    misfits.push(
      `the App does not subscribe to ${lacking.join(', ')}, which are seen at the next sync only: subscribe${where}`,
    );
  const ownUrl = publicUrl && `${publicUrl}${WEBHOOK_PATH}`;
  if (webhook && !webhook.url)
    misfits.push(
      `the App has no webhook URL: set it to ${ownUrl ?? `this server’s ${WEBHOOK_PATH}`}`,
    );
  if (webhook?.url && ownUrl && webhook.url !== ownUrl)
    misfits.push(
      `the App’s webhook URL is ${webhook.url}, and by PUBLIC_URL it should be ${ownUrl}`,
    );
  if (webhook?.url && !webhook.hasSecret)
    misfits.push(
      'the App’s webhook has no secret, so that all deliveries are refused: set it to GITHUB_WEBHOOK_SECRET',
    );
  return misfits;
}
