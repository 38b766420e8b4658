import type { InstallationFacts, RepositoryFacts } from './from-github.js';

/** GitHub's own answer about one installation. */
export interface Truth {
  installation: InstallationFacts;
  /** `null`: GitHub lists none of a suspended installation, and the last known stay. */
  repositories: RepositoryList | null;
}

export interface RepositoryList {
  listed: readonly RepositoryFacts[];
  /** Whether these are all: a list that is truncated, or that changed between its pages, removes nothing. */
  complete: boolean;
}
