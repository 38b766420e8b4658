import type { InstallationFact } from './installation-fact.entity.js';

/** One of these is there as soon as GitHub has said anything of an installation: else its row may have no more than a mark. */
export const KNOWN_BY = [
  'permissions',
  'repositorySelection',
  'suspendedAt',
] as const satisfies (keyof InstallationFact)[];

/** @param facts `null`: there is no row */
export function isKnown(
  facts: Readonly<Record<(typeof KNOWN_BY)[number], unknown>> | null,
): boolean {
  return facts !== null && KNOWN_BY.some((name) => Boolean(facts[name]));
}
