export interface Viewer {
  /** The user id of the session; the user may not exist. */
  readonly id: string;
}
