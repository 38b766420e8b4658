import { createHmac, randomUUID } from 'node:crypto';
import { timeText } from './json.js';
import type { App, Installation } from './model.js';

/** One try to deliver an event to an App. */
export interface Delivery {
  /** Digits: beyond 2^53. */
  id: string;
  /** The same for all tries of an event, and for all Apps that hear of it. */
  guid: string;
  event: string;
  action: string | null;
  app: App;
  installationId: number | null;
  body: string;
  redelivery: boolean;
  deliveredAt: Date;
  /** Milliseconds. */
  duration: number;
  /** `null`: not sent yet; 0: no answer came. */
  statusCode: number | null;
}

/** GitHub waits for so many milliseconds. */
const TIMEOUT = 10_000;
const FIRST_ID = 2n ** 53n + 12_345n;
const HOOK_ID = 471_100_000;

/** Signs and sends what the Apps hear, and keeps what became of it, the oldest first. */
export class Deliveries {
  readonly log: Delivery[] = [];
  /** How a delivery goes its way: tests lose, hold back and double it here. */
  carry: (delivery: Delivery, send: () => Promise<void>) => void = (_delivery, send) => void send();
  readonly #underWay = new Set<Promise<void>>();
  readonly #now: () => Date;

  constructor(now: () => Date) {
    this.#now = now;
  }

  /** Tells the Apps of these installations, except what they do not subscribe to. */
  emit(
    event: string,
    installations: readonly Installation[],
    payloadOf: (installation: Installation) => object,
  ): void {
    const guid = randomUUID();
    for (const installation of installations.filter((one) => hears(one, event)))
      this.tell(installation.app, event, payloadOf(installation), guid, installation.id);
  }

  tell(
    app: App,
    event: string,
    payload: object,
    guid: string = randomUUID(),
    installationId: number | null = null,
  ): void {
    const action = 'action' in payload ? String(payload.action) : null;
    const body = JSON.stringify(payload);
    this.#deliver({ guid, event, action, app, installationId, body, redelivery: false });
  }

  /** @returns whether there is such a delivery of this App */
  redeliver(app: App, id: string): boolean {
    const known = this.log.find((delivery) => delivery.id === id && delivery.app === app);
    if (known) this.#deliver({ ...known, redelivery: true });
    return known !== undefined;
  }

  /** Waits for the answers to what was sent. */
  async settled(): Promise<void> {
    while (this.#underWay.size > 0) await Promise.all(this.#underWay);
  }

  #deliver(event: Omit<Delivery, 'id' | 'deliveredAt' | 'duration' | 'statusCode'>): void {
    if (!event.app.webhook) return;
    const delivery: Delivery = {
      ...event,
      id: String(FIRST_ID + BigInt(this.log.length)),
      deliveredAt: this.#now(),
      duration: 0,
      statusCode: null,
    };
    this.log.push(delivery);
    this.carry(delivery, () => {
      const sending = this.#send(delivery).finally(() => this.#underWay.delete(sending));
      this.#underWay.add(sending);
      return sending;
    });
  }

  async #send(delivery: Delivery): Promise<void> {
    const { app, event, guid, body } = delivery;
    if (!app.webhook) return;
    const { url, secret } = app.webhook;
    const signature = (hash: string) =>
      `${hash}=${createHmac(hash, secret).update(body).digest('hex')}`;
    const started = performance.now();
    try {
      const { status, body: answer } = await fetch(url, {
        method: 'POST',
        body,
        redirect: 'manual',
        signal: AbortSignal.timeout(TIMEOUT),
        headers: {
          accept: '*/*',
          'content-type': 'application/json',
          'user-agent': 'GitHub-Hookshot/044aadd',
          'x-github-delivery': guid,
          'x-github-event': event,
          'x-github-hook-id': String(HOOK_ID + app.id),
          'x-github-hook-installation-target-id': String(app.id),
          'x-github-hook-installation-target-type': 'integration',
          'x-hub-signature': signature('sha1'),
          'x-hub-signature-256': signature('sha256'),
        },
      });
      await answer?.cancel();
      delivery.statusCode = status;
    } catch {
      delivery.statusCode = 0;
    }
    delivery.duration = performance.now() - started;
  }
}

/** A suspended one hears of itself alone. */
function hears({ suspendedAt, events }: Installation, event: string): boolean {
  if (event === 'installation') return true;
  return !suspendedAt && (event === 'installation_repositories' || events.includes(event));
}

/** As `GET /app/hook/deliveries` lists it, but its id. */
export function deliveryJson(delivery: Delivery): object {
  const { guid, event, action, installationId, redelivery, statusCode } = delivery;
  return {
    guid,
    delivered_at: timeText(delivery.deliveredAt),
    redelivery,
    duration: Math.round(delivery.duration / 10) / 100,
    status: isSuccess(delivery) ? 'OK' : 'failed to connect to host',
    status_code: statusCode ?? 0,
    event,
    action,
    installation_id: installationId,
    repository_id: null,
    throttled_at: null,
  };
}

export function isSuccess({ statusCode }: Delivery): boolean {
  return statusCode !== null && statusCode >= 200 && statusCode < 300;
}
