import type { GithubApp } from './app.js';
import type { GithubClients } from './client.js';
import { textOf } from './from-github.js';

/** Without it GitHub lists no repositories. */
const NEEDED_PERMISSIONS = ['metadata'];
/** What they tell would else be seen at the next sync. Events about installations always come. */
const USEFUL_EVENTS = ['installation_target', 'meta', 'organization', 'public', 'repository'];
/** GitHub offers the event only with the permission. */
const PERMISSION_OF_EVENT: Record<string, string> = { organization: 'members' };

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

/** @returns what of the App’s settings does not fit, with what to change; one text each */
export function findMisfits(
  { permissions, events, settingsUrl }: GithubApp,
  webhook: Webhook | null,
  receivesWebhooks: boolean,
): string[] {
  const where = settingsUrl ? ` at ${settingsUrl}` : ' in the settings of the App';
  const misfits = NEEDED_PERMISSIONS.filter((name) => !permissions[name]).map(
    (name) =>
      `the App lacks the permission ${name}: read, without which it sees no repository: grant it${where}`,
  );
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
  if (webhook && !webhook.url)
    misfits.push('the App has no webhook URL: set it to this server’s /api/github/webhooks');
  if (webhook?.url && !webhook.hasSecret)
    misfits.push(
      'the App’s webhook has no secret, so that all deliveries are refused: set it to GITHUB_WEBHOOK_SECRET',
    );
  return misfits;
}
