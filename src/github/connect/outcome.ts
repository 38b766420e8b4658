import type { ProvedState } from '../proofs.js';

/** What has become of an attempt to connect, after GitHub has sent the user back. */
export type Outcome =
  | { kind: 'proved'; login: string; installations: readonly ProvedState[] }
  /** Another GitHub account than the bound one. */
  | { kind: 'other-account'; login: string; bound: string | null }
  /** The authorization was withdrawn meanwhile. */
  | { kind: 'withdrawn' }
  /** GitHub does not take the code. */
  | { kind: 'code-refused' }
  /** An operator has to act: GitHub's own word for it. */
  | { kind: 'misconfigured'; reason: string }
  /** Seconds that GitHub wants to be left alone. */
  | { kind: 'limited'; seconds: number }
  | { kind: 'github-away' }
  | { kind: 'database-away' };
