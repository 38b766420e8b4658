import type { FastifyBaseLogger } from 'fastify';
import { type DataSource, type EntityManager, LessThan, LessThanOrEqual } from 'typeorm';
import { isDataException, isPassing, sqlStateOf } from '../database/availability.js';
import { Outage } from '../database/outage.js';
import { boundedTransaction } from '../database/repeated-transaction.js';
import { CodedError } from '../errors.js';
import type { Grants } from '../grants/grants.js';
import { type Application, applicationOf, markAloneOf } from './apply-event.js';
import { Delivery } from './delivery.entity.js';
import type { GithubJson } from './from-github.js';

export interface DeliveriesOptions {
  appId: string;
  /** Where they are written; `null`: nowhere for the moment. */
  dataSource: () => DataSource | null;
  /** Why not, with the remedy; `null`: it passes. */
  obstacle: () => string | null;
  /** Whether GitHub is asked about what is marked. */
  isAsked: boolean;
  grants: Grants;
  /** After the commit of a mark. */
  wake: () => void;
  log: FastifyBaseLogger;
}

/** What GitHub has sent, and signed. */
export interface ReceivedDelivery {
  /** Of the App that it is for. */
  targetId: string;
  event: string;
  guid: string;
  payload: GithubJson;
}

/** Days that a delivery is remembered; GitHub sends it again for 3, GitHub Enterprise Server for 7. */
const DELIVERY_DAYS = 14;
/** Milliseconds between two removals of older ones. */
const PRUNE_INTERVAL = 3_600_000;
const CHUNK = 500;
/** Applies each delivery once: its row and its effect are committed together. */
export class Deliveries {
  readonly #options: DeliveriesOptions;
  readonly #outage: Outage;
  #prunedAt = Number.NEGATIVE_INFINITY;

  constructor(options: DeliveriesOptions) {
    this.#options = options;
    this.#outage = new Outage(options.log);
  }

  /** @throws {CodedError} what a redelivery could mend */
  async apply(received: ReceivedDelivery): Promise<'applied' | 'seen' | 'ignored'> {
    const { appId, isAsked, grants, wake, log } = this.#options;
    const { targetId, event, payload } = received;
    const application =
      targetId === appId ? applicationOf(event, payload, { appId, isAsked, grants }) : null;
    if (!application) return 'ignored';
    const dataSource = this.#dataSource();
    const outcome = await this.#orUnavailable(async () => {
      const isNew = await boundedTransaction(dataSource, (manager) =>
        applyOnce(manager, received, application),
      );
      return isNew ? 'applied' : 'seen';
    }).catch(async (error) => {
      if (!isDataException(error)) throw error;
      log.error({ err: error }, 'a delivery holds what the database cannot: GitHub is asked');
      const marking = markAloneOf(payload, appId);
      if (marking) await this.#orUnavailable(() => limitedTransaction(dataSource, marking));
      return 'ignored' as const;
    });
    if (outcome === 'seen') return outcome;
    wake();
    this.#prune(dataSource);
    return outcome;
  }

  /** @throws {CodedError} where the database is away or fails; not for what it cannot hold */
  async #orUnavailable<Result>(work: () => Promise<Result>): Promise<Result> {
    try {
      const result = await work();
      this.#outage.end();
      return result;
    } catch (error) {
      if (isDataException(error) || (!isPassing(error) && sqlStateOf(error) === null)) throw error;
      this.#outage.report(error);
      throw new CodedError('SERVICE_UNAVAILABLE');
    }
  }

  #dataSource(): DataSource {
    const dataSource = this.#options.dataSource();
    if (dataSource) return dataSource;
    const message = this.#options.obstacle();
    throw new CodedError('SERVICE_UNAVAILABLE', message === null ? {} : { message });
  }

  /** In the background: where it fails, the next one does it. */
  #prune({ manager }: DataSource): void {
    if (performance.now() - this.#prunedAt < PRUNE_INTERVAL) return;
    this.#prunedAt = performance.now();
    void removeOld(manager).catch((error) =>
      this.#options.log.debug({ err: error }, 'old deliveries could not be removed'),
    );
  }
}

function limitedTransaction(dataSource: DataSource, work: Application): Promise<void> {
  return boundedTransaction(dataSource, async (manager) => {
    await work(manager);
  });
}

/** A twin waits here until the first is committed, or does its work where that fails. @returns whether it is new */
async function applyOnce(
  manager: EntityManager,
  { targetId, event, guid, payload }: ReceivedDelivery,
  application: Application,
): Promise<boolean> {
  const action = typeof payload.action === 'string' ? payload.action : null;
  const { raw } = await manager
    .createQueryBuilder()
    .insert()
    .into(Delivery)
    .values({ targetId, event, guid, action })
    .orIgnore()
    .returning('guid')
    .execute();
  if (raw.length === 0) return false;
  await application(manager);
  return true;
}

/** In chunks, each one statement, so that others have their turn. */
async function removeOld(manager: EntityManager): Promise<void> {
  const end = new Date(Date.now() - DELIVERY_DAYS * 86_400_000);
  let last: Delivery | undefined;
  do {
    [last] = await manager.find(Delivery, {
      where: { receivedAt: LessThan(end) },
      order: { receivedAt: 'ASC' },
      skip: CHUNK - 1,
      take: 1,
    });
    await manager.delete(Delivery, {
      receivedAt: last ? LessThanOrEqual(last.receivedAt) : LessThan(end),
    });
  } while (last);
}
