import type { FastifyInstance } from 'fastify';
import { nameMethods } from '../http/errors.js';
import { type Representation, representationOf, sendRevalidated } from '../http/etag.js';
import { quote } from '../json.js';
import { MANY_ROWS, ownTurn } from '../turns.js';
import { found, permit } from '../users/access.js';
import type { InstallationReader, InstallationRow } from './installation.reader.js';

const ROUTE = '/api/users/:userId/installations';
/** With an empty id, as doubled slashes are one. */
const ROUTE_WITHOUT_ID = '/api/users/installations';
const METHODS = ['GET', 'HEAD', 'OPTIONS'];

/** The documented REST route: the same rows, by the same access rule, as GraphQL. */
export function installationRoutes(app: FastifyInstance, installations: InstallationReader): void {
  // Not Fastify's own HEAD, which says of a 304 that its content has no length (RFC 9110 §8.6).
  app.route<{ Params: { userId: string } }>({
    method: ['GET', 'HEAD'],
    url: ROUTE,
    exposeHeadRoute: false,
    async handler({ context, params, headers }, reply) {
      const user = permit(context, params.userId);
      const rows = found(await installations.read(user, context, 'documented'));
      const answer =
        rows.length > MANY_ROWS
          ? await sharedAnswer(user.id, rows)
          : representationOf(arrayOf(user.id, rows));
      return sendRevalidated(reply, headers['if-none-match'], answer);
    },
  });
  nameMethods(app, ROUTE, METHODS);
  app.get(ROUTE_WITHOUT_ID, async ({ context }) => permit(context, ''));
}

const sharedAnswers = new WeakMap<readonly InstallationRow[], Representation>();

/** Requests that share the read of a large list share its answer: each that is written holds up all others. */
async function sharedAnswer(
  userId: string,
  rows: readonly InstallationRow[],
): Promise<Representation> {
  await ownTurn();
  const answer = sharedAnswers.get(rows) ?? representationOf(arrayOf(userId, rows));
  sharedAnswers.set(rows, answer);
  return answer;
}

/** The documented array: items of these five keys, in this order. */
function arrayOf(userId: string, rows: readonly InstallationRow[]): string {
  const owner = `,"neptun_user_id":${quote(userId)},"github_installation_id":`;
  const items = rows.map(
    (row) =>
      `{"id":${row.id}${owner}${quote(row.githubInstallationId)},` +
      `"created_at":"${row.createdAt}","updated_at":"${row.updatedAt}"}`,
  );
  // One flat text: the hash and the socket would flatten a concatenation each.
  return `[${items.join()}]`;
}
