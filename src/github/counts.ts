import type { DataSource } from 'typeorm';
import { InstallationFact } from '../installations/installation-fact.entity.js';
import { KNOWN_BY } from '../installations/known.js';
import { AppState } from './app-state.entity.js';
import { Delivery } from './delivery.entity.js';

/** What is kept of an App, in numbers. */
export interface Counts {
  installations: Record<Status, number>;
  /** Those that are to be fetched. */
  dirty: number;
  /** Seconds since the oldest mark; 0: there is none. */
  dirtyAge: number;
  lastDelivery: Date | null;
  /** `null`: no sync has begun. */
  state: AppState | null;
}

type Status = keyof typeof CONDITIONS;

/** The first that is true. */
const CONDITIONS = {
  deleted: 'deleted_at IS NOT NULL',
  missing: 'missing_since IS NOT NULL',
  suspended: 'suspended_at IS NOT NULL',
  active: KNOWN_BY.map((name) => `fact.${name} IS NOT NULL`).join(' OR '),
  unknown: 'true',
};

const STATUS = `CASE ${Object.entries(CONDITIONS)
  .map(([status, condition]) => `WHEN ${condition} THEN '${status}'`)
  .join(' ')} END`;

interface Row {
  status: Status;
  count: number;
  dirty: number;
  age: number | null;
}

export async function readCounts({ manager }: DataSource, appId: string): Promise<Counts> {
  const rows = await manager
    .createQueryBuilder(InstallationFact, 'fact')
    .select(STATUS, 'status')
    .addSelect('count(*)::integer', 'count')
    .addSelect('(count(dirty_since) FILTER (WHERE deleted_at IS NULL))::integer', 'dirty')
    .addSelect(
      'extract(epoch FROM now() - min(dirty_since) FILTER (WHERE deleted_at IS NULL))::float8',
      'age',
    )
    .where('app_id = :appId OR app_id IS NULL', { appId })
    .groupBy('1')
    .getRawMany<Row>();
  const last = await manager.find(Delivery, {
    where: { targetId: appId },
    order: { receivedAt: 'DESC' },
    take: 1,
  });
  const none = Object.fromEntries(Object.keys(CONDITIONS).map((status) => [status, 0]));
  return {
    installations: {
      ...none,
      ...Object.fromEntries(rows.map((row) => [row.status, row.count])),
    } as Counts['installations'],
    dirty: rows.reduce((sum, row) => sum + row.dirty, 0),
    dirtyAge: Math.max(0, ...rows.map((row) => row.age ?? 0)),
    lastDelivery: last[0]?.receivedAt ?? null,
    state: await manager.findOneBy(AppState, { appId }),
  };
}
