import { isDeepStrictEqual } from 'node:util';
import { type DataSource, type EntityManager, MoreThan } from 'typeorm';
import type { Grants } from '../grants/grants.js';
import { markMembersDue, markMembersListable } from '../grants/members.js';
import type { InstallationFact } from '../installations/installation-fact.entity.js';
import { RepositoryFact } from '../repositories/repository-fact.entity.js';
import { isOlder } from './effect.js';
import {
  chunksOf,
  lockInstallation,
  lockKnown,
  removeRepositories,
  updateInstallation,
  writeRepositories,
} from './fact-store.js';
import { type ListedRepository, mergeRepository } from './merge-repository.js';
import type { RepositoryList, Truth } from './truth.js';

/** How what GitHub says is written. */
export interface Writer {
  dataSource: DataSource;
  grants: Grants;
  /** A transaction; the truth of a large installation takes several. */
  transact<Result>(work: (manager: EntityManager) => Promise<Result>): Promise<Result>;
  /** Nothing is written; only the changes are counted. */
  isDry?: boolean;
}

/** Rows that a write has changed. */
export interface Changes {
  installations: number;
  repositories: number;
  /** Those of both that a delivery should have told: not what a push changes. */
  repairs: number;
  /** Whether nothing is left to be asked for: else the mark stays. */
  isDone: boolean;
}

/** Repositories of one transaction: deliveries wait for the lock of the installation's row meanwhile. */
const BATCH = 100;
/** Rows of one read. The process serves others between two of them. */
const PAGE = 25;
/** Refetches in a row, with growing pauses, after which GitHub's caches are believed to be up to date. */
const SETTLING_TRIES = 3;

/**
 * Writes GitHub's answer. Rows that do not change are not written, nor are those of which something newer is known.
 *
 * @param known the row before GitHub was asked; `null`: there was none
 * @returns `null`: something newer is known, or the installation is deleted for good; not all was written
 */
export async function writeTruth(
  { dataSource, grants, transact, isDry = false }: Writer,
  { installation, repositories }: Truth,
  known: InstallationFact | null,
): Promise<Changes | null> {
  const { id } = installation;
  const updatedAt = installation.updatedAt ?? known?.updatedAt ?? null;
  if (known?.deletedAt || isOlder(updatedAt, known?.updatedAt ?? null)) return null;
  const isSettled = !known?.dirtySince || known.refetchFailures >= SETTLING_TRIES - 1;
  const { gone, unwritten, kept, pushed } = repositories
    ? await compare(dataSource.manager, id, repositories, isSettled)
    : NO_DIFFERENCE;
  /** @param kept repositories that stay as they are, whatever GitHub says */
  const endOf = (row: InstallationFact | null, kept: number) => {
    const isDone = repositories?.complete !== false && (isSettled || kept === 0);
    const facts = {
      ...installation,
      updatedAt,
      missingSince: null,
      ...(isDone && { dirtySince: null, refetchAfter: null, refetchFailures: 0 }),
    };
    const installations = Number(!row || differs(row, facts));
    const count = gone.length + unwritten.length;
    const changes = {
      installations,
      repositories: count,
      repairs: count - pushed + Number(!row || differs(row, facts, ['updatedAt'])),
      isDone,
    };
    return { facts, changes };
  };
  if (isDry) return endOf(known, kept).changes;

  const lock = async (manager: EntityManager, version: number) => {
    if (!known) await lockInstallation(manager, id);
    const row = await lockKnown(manager, id);
    return row?.version === version ? row : null;
  };
  const steps = stepsOf(id, gone, unwritten, isSettled);
  const last = steps.pop();
  let version = known?.version ?? 0;
  let keptBefore = kept;
  for (const step of steps) {
    const keptHere = await transact(async (manager) => {
      const row = await lock(manager, version);
      if (!row) return null;
      await updateInstallation(manager, row, {});
      return step(manager);
    });
    if (keptHere === null) return null;
    version += 1;
    keptBefore += keptHere;
  }
  return transact(async (manager) => {
    const row = await lock(manager, version);
    if (!row) return null;
    const { facts, changes } = endOf(row, keptBefore + ((await last?.(manager)) ?? 0));
    if (changes.installations + changes.repositories > 0 || !row.fetchedAt) {
      const fetched = changes.isDone && { fetchedAt: new Date() };
      await updateInstallation(manager, row, { ...facts, ...fetched });
    }
    await grants.settle(manager, { installations: [id] });
    const { accountId, accountType, permissions, suspendedAt } = installation;
    const isListable = accountType === 'Organization' && permissions?.members && !suspendedAt;
    // Of a suspended one, no event tells who has left meanwhile.
    const mark = row.suspendedAt ? markMembersDue : markMembersListable;
    if (accountId && isListable) await mark(manager, accountId);
    return changes;
  });
}

/** Each is for a transaction of its own; what hides is first. */
function stepsOf(
  id: string,
  gone: readonly string[],
  unwritten: readonly ListedRepository[],
  isSettled: boolean,
): ((manager: EntityManager) => Promise<number>)[] {
  const removals = [...chunksOf(gone, BATCH)].map((ids) => async (manager: EntityManager) => {
    await removeRepositories(manager, id, ids);
    return 0;
  });
  const writes = [...chunksOf(unwritten, BATCH)].map(
    (rows) => (manager: EntityManager) => writeRepositories(manager, id, rows, isSettled),
  );
  return [...removals, ...writes];
}

/**
 * Hides an installation that GitHub does not know, until it does.
 *
 * @param version of the row before GitHub was asked
 * @returns whether it was written: nothing newer was written meanwhile
 */
export async function writeMissing(
  { transact, isDry }: Writer,
  { id, version }: InstallationFact,
): Promise<boolean> {
  if (isDry) return true;
  return transact(async (manager) => {
    const known = await lockKnown(manager, id);
    if (known?.version !== version) return false;
    await updateInstallation(manager, known, {
      missingSince: known.missingSince ?? new Date(),
      dirtySince: null,
      refetchAfter: null,
      refetchFailures: 0,
    });
    return true;
  });
}

interface Difference {
  gone: string[];
  unwritten: ListedRepository[];
  /** Those of which something newer is known, or that stay hidden. */
  kept: number;
  /** Of the unwritten ones, those that only a push may have changed. */
  pushed: number;
}

const NO_DIFFERENCE: Difference = { gone: [], unwritten: [], kept: 0, pushed: 0 };
/** What a push may change; no event about a repository tells of it. */
const BY_PUSHES = ['pushedAt', 'updatedAt', 'size', 'language', 'license'];

/** Without a lock: if another writes meanwhile, the version of the installation says so. */
async function compare(
  manager: EntityManager,
  id: string,
  { listed, complete }: RepositoryList,
  isSettled: boolean,
): Promise<Difference> {
  const unwritten = new Map<string, ListedRepository>(listed.map((facts) => [facts.id, facts]));
  const gone: string[] = [];
  let kept = 0;
  let pushed = 0;
  for await (const row of repositoriesOf(manager, id)) {
    const facts = unwritten.get(row.id);
    if (!facts) {
      if (complete) gone.push(row.id);
      continue;
    }
    const merged = mergeRepository(row, facts, isSettled);
    if (merged && differs(row, merged)) {
      pushed += Number(!differs(row, merged, BY_PUSHES));
      continue;
    }
    unwritten.delete(row.id);
    if (merged?.isPrivate !== facts.isPrivate) kept += 1;
  }
  return { gone, unwritten: [...unwritten.values()], kept, pushed };
}

async function* repositoriesOf(
  manager: EntityManager,
  installationId: string,
): AsyncGenerator<RepositoryFact> {
  let rows: RepositoryFact[] = [];
  do {
    const id = MoreThan(rows.at(-1)?.id ?? '0');
    rows = await manager.find(RepositoryFact, {
      where: { installationId, id },
      order: { id: 'ASC' },
      take: PAGE,
    });
    yield* rows;
  } while (rows.length === PAGE);
}

function differs(row: object, facts: object, except: readonly string[] = []): boolean {
  return Object.entries(facts).some(
    ([name, value]) =>
      !except.includes(name) && !isDeepStrictEqual(row[name as keyof typeof row], value),
  );
}
