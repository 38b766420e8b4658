import type { Account, App, Installation, InstallationRequest, Repository } from './model.js';

const API = 'https://api.github.com';
const SITE = 'https://github.com';

/** Those who act: GitHub names one in each payload. */
export const SENDER: Account = { id: 583_231, login: 'octocat', type: 'User' };

export function accountJson({ id, login, type }: Account): object {
  const shared = {
    id,
    node_id: nodeId(type, id),
    avatar_url: `https://avatars.githubusercontent.com/u/${id}?v=4`,
  };
  if (type === 'Enterprise') {
    return { ...shared, slug: login, name: login, html_url: `${SITE}/enterprises/${login}` };
  }
  return {
    login,
    ...shared,
    gravatar_id: '',
    url: `${API}/users/${login}`,
    html_url: `${SITE}/${login}`,
    repos_url: `${API}/users/${login}/repos`,
    type,
    user_view_type: 'public',
    site_admin: false,
  };
}

export function organizationJson({ id, login }: Account): object {
  return {
    login,
    id,
    node_id: nodeId('Organization', id),
    url: `${API}/orgs/${login}`,
    repos_url: `${API}/orgs/${login}/repos`,
    avatar_url: `https://avatars.githubusercontent.com/u/${id}?v=4`,
    description: null,
  };
}

export function installationJson(installation: Installation): object {
  const { id, app, account, suspendedAt } = installation;
  const path = account.type === 'Organization' ? `organizations/${account.login}/` : '';
  return {
    id,
    client_id: app.clientId,
    account: accountJson(account),
    repository_selection: installation.selected ? 'selected' : 'all',
    access_tokens_url: `${API}/app/installations/${id}/access_tokens`,
    repositories_url: `${API}/installation/repositories`,
    html_url: `${SITE}/${path}settings/installations/${id}`,
    app_id: app.id,
    app_slug: app.slug,
    target_id: account.id,
    target_type: account.type,
    permissions: installation.permissions,
    events: installation.events,
    created_at: timeText(installation.createdAt),
    updated_at: timeText(installation.updatedAt),
    single_file_name: null,
    has_multiple_single_files: false,
    single_file_paths: [],
    suspended_by: suspendedAt && accountJson(SENDER),
    suspended_at: suspendedAt && timeText(suspendedAt),
  };
}

export function requestJson(request: InstallationRequest): object {
  const { id, account, requester, createdAt } = request;
  return {
    id,
    node_id: nodeId('IntegrationInstallationRequest', id),
    account: accountJson(account),
    requester: accountJson(requester),
    created_at: timeText(createdAt),
  };
}

/** As payloads of repositories and organizations name it. */
export function installationReference({ id }: Installation): object {
  return { id, node_id: nodeId('IntegrationInstallation', id) };
}

export function repositoryJson(repository: Repository): object {
  const { owner, name } = repository;
  const fullName = `${owner.login}/${name}`;
  return {
    ...repositoryReference(repository),
    owner: accountJson(owner),
    html_url: `${SITE}/${fullName}`,
    description: repository.description,
    fork: repository.fork,
    url: `${API}/repos/${fullName}`,
    created_at: timeText(repository.createdAt),
    updated_at: timeText(repository.updatedAt),
    pushed_at: repository.pushedAt && timeText(repository.pushedAt),
    clone_url: `${SITE}/${fullName}.git`,
    homepage: repository.homepage,
    size: repository.size,
    stargazers_count: 0,
    language: repository.language,
    archived: repository.archived,
    disabled: repository.disabled,
    license: repository.license,
    is_template: repository.isTemplate,
    topics: [],
    visibility: repository.visibility,
    default_branch: repository.defaultBranch,
  };
}

/** As payloads of an installation name it. */
export function repositoryReference({ id, owner, name, visibility }: Repository): object {
  return {
    id,
    node_id: nodeId('Repository', id),
    name,
    full_name: `${owner.login}/${name}`,
    private: visibility !== 'public',
  };
}

export function appJson(app: App, installations: number): object {
  return {
    id: app.id,
    client_id: app.clientId,
    slug: app.slug,
    node_id: nodeId('App', app.id),
    owner: accountJson(app.owner),
    name: app.name,
    description: null,
    external_url: SITE,
    html_url: `${SITE}/apps/${app.slug}`,
    created_at: '2024-03-20T10:00:00Z',
    updated_at: '2024-03-20T10:00:00Z',
    permissions: app.permissions,
    events: app.events,
    installations_count: installations,
  };
}

/** GitHub's times have whole seconds. */
export function timeText(time: Date): string {
  return `${time.toISOString().slice(0, 19)}Z`;
}

function nodeId(type: string, id: number): string {
  return Buffer.from(`${type.length}:${type}${id}`).toString('base64');
}
