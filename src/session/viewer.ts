/** The signed-in user that a request speaks for. */
export interface Viewer {
  /** The user id of the session, as text; not yet known to exist. */
  readonly id: string;
}
