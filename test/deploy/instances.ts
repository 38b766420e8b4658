import { type Started, startServing, until } from '../cli/process.js';
import { freePort } from '../helpers/postgres-cluster.js';
import { UNLIMITED } from '../helpers/server.js';
import { startNginx } from './nginx-example.js';

/** Three instances behind nginx, as in `deploy/`. */
export interface Instances {
  /** The URL of nginx. */
  url: string;
  /** Restarts one instance after the other; each must exit with 0. */
  restart(env?: object): Promise<void>;
  stop(): Promise<void>;
}

export async function startInstances(databaseUrl: string, env = {}): Promise<Instances> {
  const ports: [number, number, number] = [await freePort(), await freePort(), await freePort()];
  const instances: Started[] = [];

  async function startInstance(n: number, changed = {}): Promise<void> {
    instances[n] = startServing({
      ...UNLIMITED,
      LOG_LEVEL: 'error',
      NODE_ENV: 'production',
      HOST: '127.0.0.1',
      PORT: String(ports[n]),
      TRUST_PROXY: '127.0.0.1',
      DATABASE_URL: databaseUrl,
      ...env,
      ...changed,
    });
    const ready = () => fetch(`http://127.0.0.1:${ports[n]}/ready`).catch(() => null);
    await until(async () => (await ready())?.status === 200);
  }

  await Promise.all(ports.map((_, n) => startInstance(n)));
  const nginx = await startNginx(ports);
  return {
    url: nginx.url,
    async restart(changed) {
      for (const n of ports.keys()) {
        const instance = instances[n] as Started;
        const code = await instance.stop('SIGTERM');
        if (code !== 0) throw new Error(`${code}: ${instance.stdout()}${instance.stderr()}`);
        await startInstance(n, changed);
      }
    },
    async stop() {
      await nginx.stop('SIGTERM');
      await Promise.all(instances.map((instance) => instance.stop('SIGTERM')));
    },
  };
}
