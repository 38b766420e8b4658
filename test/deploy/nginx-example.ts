import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Started, start, until } from '../cli/process.js';
import { freePort } from '../helpers/postgres-cluster.js';

/** Runs nginx with `deploy/nginx.conf` on other ports, as one process that cannot outlive the test. */
export async function startNginx(
  instances: [number, number, number],
): Promise<Started & { url: string }> {
  const port = await freePort();
  const folder = mkdtempSync(join(process.env.TEST_TEMP ?? '', 'nginx-'));
  const example = readFileSync('deploy/nginx.conf', 'utf8')
    .replace('listen 80;', `listen 127.0.0.1:${port};`)
    .replace(/127\.0\.0\.1:400([123])\b/g, (_, n) => `127.0.0.1:${instances[n - 1]}`);
  writeFileSync(join(folder, 'example.conf'), example);
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];
  writeFileSync(
    join(folder, 'nginx.conf'),
    `daemon off;
    master_process off;
    pid ${folder}/pid;
    events {}
    http {
      access_log off;
      ${temporary.map((name) => `${name}_temp_path ${folder}/${name};`).join('\n')}
      include ${folder}/example.conf;
    }`,
  );
  const nginx = start('/usr/sbin/nginx', [
    ...['-p', folder, '-c', join(folder, 'nginx.conf')],
    ...['-e', join(folder, 'error.log')],
  ]);
  const url = `http://127.0.0.1:${port}`;
  await Promise.race([
    until(() => fetch(`${url}/live`).catch(() => null)),
    nginx.code.then(() => Promise.reject(new Error(nginx.stderr()))),
  ]);
  return { ...nginx, url };
}
