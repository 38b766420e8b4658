// Nuxt's part for a server route: its functions as globals, and a path. Prints the answers with a session and without.
import { once } from 'node:events';
import { createServer } from 'node:http';
import { pathToFileURL } from 'node:url';
import * as h3 from 'h3-v1';
import { $fetch } from 'ofetch';

const [, , example, path] = process.argv;
Object.assign(globalThis, h3, { $fetch });
const { default: route } = await import(pathToFileURL(example));
const app = h3.createApp().use(h3.createRouter().get('/**', route));
const server = createServer(h3.toNodeListener(app)).listen(0, '127.0.0.1');
await once(server, 'listening');
for (const cookie of [process.env.COOKIE, 'a=b']) {
  const url = `http://127.0.0.1:${server.address().port}${path}`;
  const answer = await fetch(url, { headers: { cookie } });
  const { status, headers } = answer;
  console.log(status, headers.get('etag'), JSON.stringify(await answer.json()));
}
server.close();
