import { readFileSync, rmSync } from 'node:fs';
import { readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const CLAIM = /^owner\.(\d+)\.(\d+)$/;
const ATTEMPTS = 4;

/** The folder belongs to another process that is alive. */
export class DirectoryInUseError extends Error {
  constructor(directory: string, pid: number) {
    super(
      `${directory} is in use by process ${pid}: stop that process, or set DATA_DIR to another folder`,
    );
  }
}

/**
 * Lets one live process use a folder.
 *
 * Each process writes a claim named after its pid and its start time, then looks for other claims.
 * A claim whose process is gone counts for nothing and may be removed by anyone, as no other process
 * can ever bear that name: so the lock cannot outlive its owner, and taking over a dead one's place
 * is no race. Two that claim at the same instant both step back, and try again after a random pause.
 */
export class DirectoryLock {
  readonly #directory: string;
  readonly #claim: string;
  #held = false;
  readonly #removeAtExit = () => rmSync(this.#claim, { force: true });

  constructor(directory: string) {
    this.#directory = directory;
    this.#claim = join(directory, `owner.${process.pid}.${startTime(process.pid)}`);
  }

  /** @throws {DirectoryInUseError} when another live process holds the folder */
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
    process.once('exit', this.#removeAtExit);
  }

  async release(): Promise<void> {
    if (!this.#held) return;
    this.#held = false;
    process.removeListener('exit', this.#removeAtExit);
    await rm(this.#claim, { force: true });
  }

  /** A second lock in this very process is a second owner as well. */
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
      const [pid, start] = [Number(claim[1]), claim[2]];
      if (isAlive(pid) && startTime(pid) === start) return pid;
      await rm(path, { force: true });
    }
    return null;
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/**
 * When a process started, in clock ticks since boot, so that a reused pid is not taken for its
 * predecessor (proc(5), field 22 of stat). `0` where there is no /proc: there the pid alone decides.
 */
function startTime(pid: number): string {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The second field, the command's name, may hold spaces and parentheses: count after its end.
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '0';
  } catch {
    return '0';
  }
}
