// What one would write by hand for speed: node:http, pg, one query, sessions remembered.
import { createServer } from 'node:http';
import { findInstallations } from './shared/find-installations.js';
import { recallSession } from './shared/session.js';

const ROUTE = /^\/api\/users\/([^/?]+)\/installations(?:\?|$)/;

function send(response, status, value) {
  const body = JSON.stringify(value);
  response.writeHead(status, {
    'Content-Type': 'application/json; charset=utf-8',
    'Content-Length': Buffer.byteLength(body),
  });
  response.end(body);
}

function refuse(response, statusCode, statusMessage, message) {
  send(response, statusCode, { statusCode, statusMessage, data: { message } });
}

async function answer(request, response) {
  const [, userId] = ROUTE.exec(request.url) ?? [];
  if (request.method !== 'GET' || !userId)
    return refuse(response, 404, 'Not Found', 'No such route');

  const viewerId = await recallSession(request.headers.cookie);
  if (!viewerId) return refuse(response, 401, 'Unauthorized', 'Not signed in');

  const rows =
    viewerId === decodeURIComponent(userId) ? await findInstallations(viewerId) : undefined;
  if (!rows) return refuse(response, 404, 'Not Found', 'User not found');
  send(response, 200, rows);
}

createServer((request, response) => {
  answer(request, response).catch(() =>
    refuse(response, 500, 'Internal Server Error', 'Something went wrong'),
  );
}).listen(process.env.PORT, '127.0.0.1');
