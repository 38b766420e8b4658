import type { EntityManager } from 'typeorm';
import type { Grants } from '../grants/grants.js';
import type { InstallationFact } from '../installations/installation-fact.entity.js';
import type { GithubJson } from './from-github.js';

/** What an event may read and write. */
export interface Occasion {
  manager: EntityManager;
  /** Locked; without a tombstone. */
  installation: InstallationFact;
  action: string;
  payload: GithubJson;
  /** Whether GitHub is asked afterwards, so that what reveals waits for its answer; else the payload is believed. */
  isAsked: boolean;
  grants: Grants;
}

/** Changes repositories and evidence. @returns what changes of the installation; `null`: nothing that GitHub is asked for */
export type Effect = (occasion: Occasion) => Promise<Partial<InstallationFact> | null>;

/** By GitHub's times, which have whole seconds. Where one is not known, it is not. */
export function isOlder(time: Date | null, other: Date | null): boolean {
  return time !== null && other !== null && time < other;
}

/** What a payload says, without what it lacks. */
export function knownOf<Facts extends object>(facts: Facts): Known<Facts> {
  return Object.fromEntries(
    Object.entries(facts).filter(([, value]) => value !== null),
  ) as Known<Facts>;
}

/** Without the columns that may be null. */
type Known<Facts> = {
  [Name in keyof Facts as null extends Facts[Name] ? never : Name]: Facts[Name];
} & Partial<Facts>;
