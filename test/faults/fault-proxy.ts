import { EventEmitter, once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/** What a network does to those who rely on it. */
export type Fault =
  /** Every chunk is late by so many milliseconds. */
  | { kind: 'latency'; milliseconds: number }
  /** Connections open, but nothing passes, not even their end; what was held back passes later. */
  | { kind: 'freeze' }
  /** Every connection is reset, those that are there and those that come. */
  | { kind: 'reset' }
  /** So many bytes every 10 ms, one way. */
  | { kind: 'trickle'; bytes: number }
  /** Connections end within their next answer, after so many bytes of it. */
  | { kind: 'cut'; after: number };

export interface FaultProxy {
  /** The address to use instead of the server's. */
  url: string;
  /** From now on, for all connections; `null`: the network is well. */
  set(fault: Fault | null): void;
  close(): Promise<void>;
}

/** A network between its clients and the server at `url`, over TCP, whose faults are chosen. */
export async function startFaultProxy(url: string): Promise<FaultProxy> {
  const target = new URL(url);
  const sockets = new Set<Socket>();
  const changes = new EventEmitter().setMaxListeners(0);
  let fault: Fault | null = null;

  const untilUnfrozen = async () => {
    while (fault?.kind === 'freeze') await once(changes, 'change');
  };

  async function pass(chunk: Buffer, to: Socket, isAnswer: boolean): Promise<void> {
    await untilUnfrozen();
    if (fault?.kind === 'latency') await sleep(fault.milliseconds);
    let rest = chunk;
    while (fault?.kind === 'trickle' && rest.length > 0 && !to.destroyed) {
      to.write(rest.subarray(0, fault.bytes));
      rest = rest.subarray(fault.bytes);
      await sleep(10);
    }
    if (fault?.kind === 'cut' && isAnswer) to.end(rest.subarray(0, fault.after));
    else if (rest.length > 0 && to.writable) to.write(rest);
  }

  async function pump(from: Socket, to: Socket, isAnswer: boolean): Promise<void> {
    try {
      for await (const chunk of from) await pass(chunk, to, isAnswer);
    } catch {
      // Reset by one side: the other one learns of it as of an end.
    }
    await untilUnfrozen();
    to.end();
  }

  const proxy = createServer((client) => {
    const server = connect(Number(target.port || 5432), target.hostname);
    for (const socket of [client, server]) {
      sockets.add(socket);
      socket.setNoDelay(true).on('error', () => {});
      socket.on('close', () => sockets.delete(socket));
    }
    if (fault?.kind === 'reset') {
      client.resetAndDestroy();
      server.destroy();
      return;
    }
    pump(client, server, false);
    pump(server, client, true);
  });
  proxy.listen(0, '127.0.0.1');
  await once(proxy, 'listening');
  const own = new URL(url);
  own.host = `127.0.0.1:${(proxy.address() as AddressInfo).port}`;

  return {
    url: own.href,
    set(next) {
      fault = next;
      changes.emit('change');
      if (fault?.kind === 'reset') for (const socket of sockets) socket.resetAndDestroy();
    },
    async close() {
      fault = null;
      changes.emit('change');
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => proxy.close(resolve));
    },
  };
}
