import type { AddressInfo } from 'node:net';
import type { FastifyInstance } from 'fastify';
import { type Actions, actionsOn } from './actions.js';
import { createApi } from './api.js';
import { World } from './world.js';

/** A GitHub of one process, for demonstrations and tests: its state, what people do there, and its API. */
export interface DemoGithub {
  world: World;
  actions: Actions;
  /** Not listening yet: hooks may be added. */
  api: FastifyInstance;
  /** On a free port of the loopback address. @returns the URL of its API, without a trailing slash */
  listen(): Promise<string>;
  close(): Promise<void>;
}

/** @param firstId ids of accounts, installations and repositories follow it: beyond 2^31 and 2^32, as GitHub's may be */
export function createDemoGithub(firstId = 2 ** 32): DemoGithub {
  const world = new World(firstId);
  const api = createApi(world);
  return {
    world,
    actions: actionsOn(world),
    api,
    async listen() {
      await api.listen({ host: '127.0.0.1', port: 0 });
      return `http://127.0.0.1:${(api.server.address() as AddressInfo).port}`;
    },
    close: () => api.close(),
  };
}
