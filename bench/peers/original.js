// The stack of the original endpoint: h3 v1 with its sessions, Drizzle, postgres.js.
import { createServer } from 'node:http';
import { eq } from 'drizzle-orm';
import { drizzle } from 'drizzle-orm/postgres-js';
import {
  createApp,
  createError,
  createRouter,
  defineEventHandler,
  getRouterParam,
  toNodeListener,
  useSession,
} from 'h3';
import postgres from 'postgres';
import * as schema from './shared/drizzle-schema.js';

const db = drizzle(postgres(process.env.DATABASE_URL), { schema });
const sessionConfig = { name: 'neptun-session', password: process.env.SESSION_PASSWORD };

const refusal = (statusCode, statusMessage, message) =>
  createError({ statusCode, statusMessage, data: { message } });

const getInstallations = defineEventHandler(async (event) => {
  const { data: session } = await useSession(event, sessionConfig);
  if (!session.user) throw refusal(401, 'Unauthorized', 'Not signed in');

  const userId = getRouterParam(event, 'user_id', { decode: true });
  const user =
    userId === String(session.user.id)
      ? await db.query.users.findFirst({ where: eq(schema.users.id, userId) })
      : undefined;
  if (!user) throw refusal(404, 'Not Found', 'User not found');

  const rows = await db.query.installations.findMany({
    where: eq(schema.installations.neptun_user_id, userId),
    orderBy: schema.installations.id,
  });
  return rows.map((row) => ({
    ...row,
    github_installation_id: String(row.github_installation_id),
  }));
});

const router = createRouter().get('/api/users/:user_id/installations', getInstallations);
createServer(toNodeListener(createApp().use(router))).listen(process.env.PORT, '127.0.0.1');
