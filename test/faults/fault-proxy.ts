import { EventEmitter, once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/** A fault of the network. */
export type Fault =
  /** Delays every chunk. */
  | { kind: 'latency'; milliseconds: number }
  /** Connections open, but no data or FIN passes until the fault ends. */
  | { kind: 'freeze' }
  /** Resets existing and new connections. */
  | { kind: 'reset' }
  /** Passes `bytes` every 10 ms in each direction. */
  | { kind: 'trickle'; bytes: number }
  /** Closes connections after `after` bytes of their next response. */
  | { kind: 'cut'; after: number };

export interface FaultProxy {
  /** Replaces the URL of the server. */
  url: string;
  /** Applies to all connections; `null`: no fault. */
  set(fault: Fault | null): void;
  /** Those that are open pass nothing from now on, not even their end; new ones do. */
  loseConnections(): void;
  close(): Promise<void>;
}

/** A TCP proxy with selectable faults. */
export async function startFaultProxy(url: string): Promise<FaultProxy> {
  const target = new URL(url);
  const sockets = new Set<Socket>();
  const lost = new WeakSet<Socket>();
  const changes = new EventEmitter().setMaxListeners(0);
  let fault: Fault | null = null;

  const untilUnfrozen = async () => {
    while (fault?.kind === 'freeze') await once(changes, 'change');
  };

  async function pass(chunk: Buffer, to: Socket, isAnswer: boolean): Promise<void> {
    await untilUnfrozen();
    if (lost.has(to)) return;
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
      // A reset by one side is passed on as FIN.
    }
    await untilUnfrozen();
    if (!lost.has(to)) to.end();
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
    loseConnections() {
      for (const socket of sockets) lost.add(socket);
    },
    async close() {
      fault = null;
      changes.emit('change');
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => proxy.close(resolve));
    },
  };
}
