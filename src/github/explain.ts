import { type DataSource, In } from 'typeorm';
import { GithubAllowedAccount } from '../grants/allowed-account.entity.js';
import { type EvidenceKind, GithubGrant } from '../grants/grant.entity.js';
import { GithubIdentity } from '../grants/identity.entity.js';
import { GithubLink } from '../grants/link.entity.js';
import { InstallationFact } from '../installations/installation-fact.entity.js';

/** The tables may be another program's, with ids of other types: as text they compare in all of them. */
const SELECT_USER = 'SELECT 1 FROM neptun_user WHERE id::text = $1';
const SELECT_IDS = `
  SELECT DISTINCT github_installation_id::text AS id, length(github_installation_id::text) AS length
  FROM github_app_installation WHERE neptun_user_id::text = $1 ORDER BY length, id`;

const SELECT_TABLES = `
  SELECT name FROM unnest(ARRAY['neptun_user', 'github_app_installation']) AS name
  WHERE to_regclass(name) IS NULL`;

interface ExplainOptions {
  /** Whether the tables of what GitHub says are there. */
  hasFacts: boolean;
  /** Logins in lower case; `null`: all accounts are served. */
  allowedAccounts: readonly string[] | null;
}

/** @returns why each installation is, or is not, in the list of a user; one sentence or more each */
export async function explain(
  dataSource: DataSource,
  { user, installation }: { user: string; installation?: string | undefined },
  { hasFacts, allowedAccounts }: ExplainOptions,
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
  const evidence = hasFacts ? await readEvidence(dataSource, user) : NO_EVIDENCE;
  const proved = [...evidence.grants, ...evidence.links].map((row) => row.installationId);
  const ids = installation === undefined ? [...new Set([...linked, ...proved])] : [installation];
  if (ids.length === 0)
    return [
      `The list of ${user} is empty: github_app_installation has no row of that user.`,
      ...(hasFacts ? [describeIdentity(user, evidence.identity)] : []),
    ];
  const sentences: string[] = [];
  for (const id of ids) {
    // Ids of another program may be no numbers, and GitHub has none of those.
    const isId = /^[1-9]\d{0,17}$/.test(id);
    const fact =
      hasFacts && isId ? await dataSource.manager.findOneBy(InstallationFact, { id }) : null;
    const isServed = await isAccountServed(dataSource, fact, allowedAccounts);
    sentences.push(explainOne(id, linked.includes(id), fact, { ...evidence, isServed }));
  }
  if (hasFacts) sentences.push(describeIdentity(user, evidence.identity));
  if (!hasFacts)
    sentences.push('The tables for what GitHub says are not there, so that nothing hides a row.');
  return sentences;
}

function explainOne(
  id: string,
  isLinked: boolean,
  fact: InstallationFact | null,
  evidence: Evidence & { isServed: boolean },
): string {
  const login = fact?.accountLogin ? ` of ${fact.accountLogin}` : '';
  const reason = hiddenBecause(fact);
  const grants = evidence.grants.filter(({ installationId }) => installationId === id);
  const link = evidence.links.find(({ installationId }) => installationId === id);
  if (!isLinked)
    return [
      `Installation ${id}${login} is not in the list: ${absentBecause(grants, link, evidence.isServed)}.`,
      reason && `Also for others: ${reason}.`,
    ]
      .filter(Boolean)
      .join(' ');
  if (reason) return `Installation ${id}${login} is not in the list: ${reason}.`;
  if (link?.hiddenAt)
    return `Installation ${id}${login} is not in the list: ${absentBecause(grants, undefined, evidence.isServed)}. Its row stays, as other tables refer to it.`;
  const why = link?.rowId
    ? `Its evidence: ${grants.map(describeGrant).join(', ')}.`
    : 'Another program has inserted its row, so that it needs no evidence, and private repositories are listed by an own proof alone.';
  return [`Installation ${id}${login} is in the list.`, ...remarksOn(fact), why].join(' ');
}

function absentBecause(
  grants: readonly GithubGrant[],
  link: GithubLink | undefined,
  isServed: boolean,
): string {
  if (link?.declinedAt)
    return `the user has unlinked it, at ${text(link.declinedAt)}; /github/connect?installation_id=${link.installationId} links it again`;
  if (!isServed) return 'GITHUB_ALLOWED_ACCOUNTS does not name its account';
  const live = grants.filter(isLive);
  if (live.length > 0 && link?.obstacle)
    return `its row could not be inserted: ${link.obstacle}. Its evidence: ${live.map(describeGrant).join(', ')}`;
  if (live.length > 0)
    return `its row is not there yet. Its evidence: ${live.map(describeGrant).join(', ')}`;
  if (grants.length > 0)
    return `its evidence has ended: ${grants.map(describeGrant).join(', ')}; the user connects again at /github/connect`;
  return 'github_app_installation has no row for it and this user, and no evidence shows it to the user';
}

const KINDS: Record<EvidenceKind, string> = {
  personal_account: 'the user’s own account',
  own_proof: 'an own proof',
  signed_sender: 'a signed sender',
  membership: 'a membership',
};

function describeGrant({ kind, provedAt, expiresAt }: GithubGrant): string {
  const end = expiresAt === null ? '' : `, until ${text(expiresAt)}`;
  return `${KINDS[kind]} (of ${text(provedAt)}${end})`;
}

function isLive({ expiresAt }: GithubGrant): boolean {
  return expiresAt === null || expiresAt > new Date();
}

interface Evidence {
  identity: GithubIdentity | null;
  grants: readonly GithubGrant[];
  links: readonly GithubLink[];
}

const NO_EVIDENCE: Evidence = { identity: null, grants: [], links: [] };

async function readEvidence({ manager }: DataSource, userId: string): Promise<Evidence> {
  return {
    identity: await manager.findOneBy(GithubIdentity, { userId }),
    grants: await manager.find(GithubGrant, { where: { userId }, order: { kind: 'ASC' } }),
    links: await manager.find(GithubLink, {
      where: { userId },
      order: { installationId: 'ASC' },
    }),
  };
}

function describeIdentity(user: string, identity: GithubIdentity | null): string {
  if (!identity)
    return `Which GitHub account ${user} has is not known yet: neither a session nor a proof has said so.`;
  const login = identity.login === null ? '' : ` (${identity.login})`;
  return `${user} has the GitHub account ${identity.githubId}${login}, by ${SOURCES[identity.source]}, since ${text(identity.boundAt)}.`;
}

const SOURCES: Record<GithubIdentity['source'], string> = {
  session: 'a session',
  proof: 'an own proof',
  oauth_account: 'neptun_user_oauth_account',
  operator: 'github bind',
};

async function isAccountServed(
  { manager }: DataSource,
  fact: InstallationFact | null,
  allowed: readonly string[] | null,
): Promise<boolean> {
  if (allowed === null || !fact) return true;
  if (!fact.accountId) return false;
  const { accountId } = fact;
  return manager.existsBy(GithubAllowedAccount, { accountId, login: In([...allowed]) });
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
