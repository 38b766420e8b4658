import type { FastifyInstance } from 'fastify';
import { nameMethods } from '../http/errors.js';
import { representationOf, sendRevalidated } from '../http/etag.js';
import type { InstallationReader } from '../installations/installation.reader.js';
import { ownTurn } from '../turns.js';
import { found, permit } from '../users/access.js';
import type { Import, ImportReader } from './imports.js';

const ROUTE = '/api/users/:userId/installations/:installationId/imports';

/** The repositories of an installation that the user may see, in the shape of the web application. */
export function importRoutes(
  app: FastifyInstance,
  installations: InstallationReader,
  imports: ImportReader,
): void {
  app.route<{ Params: { userId: string; installationId: string } }>({
    method: ['GET', 'HEAD'],
    url: ROUTE,
    exposeHeadRoute: false,
    async handler({ context, params, headers }, reply) {
      const user = permit(context, params.userId);
      const rows = found(await installations.read(user, context, 'all'));
      const row = found(rows.find(({ id }) => String(id) === params.installationId) ?? null);
      const pages: string[] = [];
      for await (const page of imports.pages(row, context)) pages.push(page.map(textOf).join());
      await ownTurn();
      return sendRevalidated(
        reply,
        headers['if-none-match'],
        representationOf(`[${pages.join()}]`),
      );
    },
  });
  nameMethods(app, ROUTE, ['GET', 'HEAD', 'OPTIONS']);
}

/** Ids are numbers, which JSON.stringify would round beyond 2^53. */
function textOf(item: Import): string {
  const rest = JSON.stringify({
    github_repository_name: item.name,
    github_repository_description: item.description,
    github_repository_size: item.size,
    github_repository_language: item.language,
    github_repository_license: item.license,
    github_repository_url: item.url,
    github_repository_website_url: item.websiteUrl,
    github_repository_default_branch: item.defaultBranch,
    github_repository_is_private: item.isPrivate,
    github_repository_is_fork: item.isFork,
    github_repository_is_template: item.isTemplate,
    github_repository_is_archived: item.isArchived,
    created_at: item.createdAt,
    updated_at: item.updatedAt,
    github_app_installation_id: item.installationRowId,
  });
  return `{"id":${item.id},"github_repository_id":${item.githubRepositoryId},${rest.slice(1)}`;
}
