import type { DataSource } from 'typeorm';
import { InstallationFact } from '../installations/installation-fact.entity.js';

/** The tables may be another program's, with ids of other types: as text they compare in all of them. */
const SELECT_USER = 'SELECT 1 FROM neptun_user WHERE id::text = $1';
const SELECT_IDS = `
  SELECT DISTINCT github_installation_id::text AS id, length(github_installation_id::text) AS length
  FROM github_app_installation WHERE neptun_user_id::text = $1 ORDER BY length, id`;

const SELECT_TABLES = `
  SELECT name FROM unnest(ARRAY['neptun_user', 'github_app_installation']) AS name
  WHERE to_regclass(name) IS NULL`;

/** @returns why each installation is, or is not, in the list of a user; one sentence or more each */
export async function explain(
  dataSource: DataSource,
  { user, installation }: { user: string; installation?: string | undefined },
  hasFacts: boolean,
): Promise<string[]> {
  const lacking: { name: string }[] = await dataSource.query(SELECT_TABLES);
  if (lacking.length > 0)
    return [
      `The database has no ${lacking.map(({ name }) => name).join(' and no ')}, so that nobody has an installation: run npm run cli -- migrate.`,
    ];
  const users: unknown[] = await dataSource.query(SELECT_USER, [user]);
  const rows: { id: string }[] = await dataSource.query(SELECT_IDS, [user]);
  const linked = rows.map(({ id }) => id);
  if (users.length === 0)
    return [
      `neptun_user has no user ${user}: the answer is 404 for REST, and NOT_FOUND for GraphQL.`,
      ...(linked.length > 0 ? [`github_app_installation has rows of that user all the same.`] : []),
    ];
  const ids = installation === undefined ? linked : [installation];
  if (ids.length === 0)
    return [`The list of ${user} is empty: github_app_installation has no row of that user.`];
  const sentences: string[] = [];
  for (const id of ids) {
    // Ids of another program may be no numbers, and GitHub has none of those.
    const isId = /^[1-9]\d{0,17}$/.test(id);
    const fact =
      hasFacts && isId ? await dataSource.manager.findOneBy(InstallationFact, { id }) : null;
    sentences.push(explainOne(id, linked.includes(id), fact));
  }
  if (!hasFacts)
    sentences.push('The tables for what GitHub says are not there, so that nothing hides a row.');
  return sentences;
}

function explainOne(id: string, isLinked: boolean, fact: InstallationFact | null): string {
  const login = fact?.accountLogin ? ` of ${fact.accountLogin}` : '';
  const reason = hiddenBecause(fact);
  const hidden = reason && `Also for others: ${reason}.`;
  if (!isLinked)
    return [
      `Installation ${id}${login} is not in the list: github_app_installation has no row for it and this user.`,
      hidden,
    ]
      .filter(Boolean)
      .join(' ');
  if (reason) return `Installation ${id}${login} is not in the list: ${reason}.`;
  return [`Installation ${id}${login} is in the list.`, ...remarksOn(fact)].join(' ');
}

function hiddenBecause(fact: InstallationFact | null): string | null {
  if (fact?.deletedAt)
    return `it was uninstalled at GitHub, as of ${text(fact.deletedAt)}, which is final: a new installation has another id`;
  if (fact?.missingSince)
    return `GitHub has not known it since ${text(fact.missingSince)}; if it does again, sync --installation ${fact.id} brings it back`;
  return null;
}

function remarksOn(fact: InstallationFact | null): string[] {
  if (!fact) return ['GitHub has said nothing of it: status and repositories are unknown.'];
  const remarks = [];
  if (fact.suspendedAt)
    remarks.push(
      `It is suspended since ${text(fact.suspendedAt)}; its last known repositories are kept.`,
    );
  if (!fact.fetchedAt) remarks.push('What is known of it comes from deliveries alone.');
  if (fact.dirtySince)
    remarks.push(
      `GitHub is to be asked about it again, since ${text(fact.dirtySince)}${fact.refetchFailures > 0 ? `; ${fact.refetchFailures} attempts have failed` : ''}.`,
    );
  return remarks;
}

const text = (date: Date) => date.toISOString();
