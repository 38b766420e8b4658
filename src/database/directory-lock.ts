import { hash } from 'node:crypto';
import { existsSync, readFileSync, readlinkSync, rmSync } from 'node:fs';
import { readdir, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const CLAIM = /^owner\.(\d+)\.(\d+)\.([\w-]+)$/;
/** Milliseconds; for processes that cannot look up this one's pid. */
const HEARTBEAT = 2_000;
const DEAD_AFTER = 5 * HEARTBEAT;
const ATTEMPTS = 4;
const BOOT_ID = '/proc/sys/kernel/random/boot_id';
const PID_NAMESPACE = '/proc/self/ns/pid';

export class DirectoryInUseError extends Error {
  constructor(directory: string, pid: number) {
    super(
      `${directory} is in use by process ${pid}: stop that process, or ask its /ready how it is, or set DATA_DIR or ` +
        'DATABASE_URL to another database',
    );
  }
}

/**
 * Each process writes a claim named after its pid and start time, then looks for others. Any process may remove the
 * claim of a dead one, whose name cannot recur: no lock outlives its owner, and a takeover has no races. Simultaneous
 * claims are withdrawn and retried after a random delay. A claim of another container or machine, whose pids mean
 * nothing here, is valid while its mtime is renewed.
 */
export class DirectoryLock {
  readonly #directory: string;
  readonly #claim: string;
  #held = false;
  #heartbeat: NodeJS.Timeout | undefined;
  readonly #removeAtExit = () => rmSync(this.#claim, { force: true });

  constructor(directory: string) {
    this.#directory = directory;
    this.#claim = join(directory, `owner.${process.pid}.${startTime(process.pid)}.${HERE}`);
  }

  async acquire(): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      await this.#writeClaim();
      const other = await this.#otherOwner();
      if (other === null) break;
      await rm(this.#claim, { force: true });
      if (attempt === ATTEMPTS) throw new DirectoryInUseError(this.#directory, other);
      await sleep(50 + Math.random() * 150);
    }
    this.#held = true;
    this.#heartbeat = setInterval(
      () => utimes(this.#claim, new Date(), new Date()).catch(() => {}),
      HEARTBEAT,
    );
    this.#heartbeat.unref();
    process.once('exit', this.#removeAtExit);
  }

  async release(): Promise<void> {
    if (!this.#held) return;
    this.#held = false;
    clearInterval(this.#heartbeat);
    process.removeListener('exit', this.#removeAtExit);
    await rm(this.#claim, { force: true });
  }

  /** A second lock in the same process is refused too. */
  async #writeClaim(): Promise<void> {
    try {
      await writeFile(this.#claim, '', { flag: 'wx' });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      throw new DirectoryInUseError(this.#directory, process.pid);
    }
  }

  async #otherOwner(): Promise<number | null> {
    for (const name of await readdir(this.#directory)) {
      const claim = CLAIM.exec(name);
      const path = join(this.#directory, name);
      if (!claim || path === this.#claim) continue;
      const [pid, start, place] = [Number(claim[1]), claim[2], claim[3]];
      const alive =
        place === HERE ? isAlive(pid) && startTime(pid) === start : await wasRenewed(path);
      if (alive) return pid;
      await rm(path, { force: true });
    }
    return null;
  }
}

/** The scope of a pid: a boot of a machine, and a container. */
const PLACE = `${bootId()} ${pidNamespace()} ${hostname()}`;
const HERE = hash('sha256', PLACE, 'base64url').slice(0, 12);

function bootId(): string {
  return existsSync(BOOT_ID) ? readFileSync(BOOT_ID, 'utf8') : '';
}

function pidNamespace(): string {
  return existsSync(PID_NAMESPACE) ? readlinkSync(PID_NAMESPACE) : '';
}

async function wasRenewed(path: string): Promise<boolean> {
  const { mtimeMs } = await stat(path).catch(() => ({ mtimeMs: 0 }));
  return Date.now() - mtimeMs < DEAD_AFTER;
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** Distinguishes processes with a reused pid (proc(5), stat field 22). `0` without /proc: the pid alone decides. */
function startTime(pid: number): string {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // Field 2, the command name, may contain spaces and parentheses.
    return fields.slice(fields.lastIndexOf(')') + 2).split(' ')[19] ?? '0';
  } catch {
    return '0';
  }
}
