import type { Rejection } from '../observability/events.js';
import type { Viewer } from './viewer.js';

/** What the headers of a request say about its user. */
export interface Session {
  /** `null`: anonymous. */
  readonly viewer: Viewer | null;
  /** `null`: there is a viewer. */
  readonly rejection: Rejection | null;
}

/** Sealed by the web application with a user, expired or not. */
export interface OpenedSession extends Session {
  readonly viewer: Viewer;
  readonly rejection: null;
  /** Milliseconds since the epoch, exclusive. */
  readonly endsAt: number;
}

export type Opened = OpenedSession | Rejection;
