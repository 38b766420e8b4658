import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { FastifyInstance } from 'fastify';
import { cameToLoopback } from '../http/loopback.js';
import { PAGE_POLICY } from '../http/page.js';
import { PACKAGE_FOLDER } from '../package.js';
import type { Demo } from './demo.js';
import { START_PATH } from './sign-in.routes.js';
import { README_PATH, startPage } from './start-page.js';

/** The page of a browser that opens a development server. `demo`: `null` where none may sign in here. */
export function startPageRoutes(
  api: FastifyInstance,
  demo: Demo | null,
  connectPath: string | null,
): void {
  api.get(START_PATH, async (request, reply) => {
    const offered = cameToLoopback(request) ? demo : null;
    const page = startPage({
      viewer: request.context.viewer?.id ?? null,
      connectPath,
      signIn: offered && { users: await offered.users(), anyUser: offered.anyUser },
    });
    return reply.headers(PAGE_POLICY).type('text/html; charset=utf-8').send(page);
  });
  api.get(README_PATH, async (_request, reply) => {
    // An image may lack it.
    const text = await readFile(join(PACKAGE_FOLDER, 'README.md'), 'utf8').catch(() => null);
    if (text === null) return reply.callNotFound();
    return reply.type('text/plain; charset=utf-8').send(text);
  });
}
