/** How whoever migrates waits for other sessions of the database. */
export interface WaitOptions {
  /** Ends each wait, and cancels the build of an index. */
  signal: AbortSignal;
  /** Reports what is done or waited for: a clause without a full stop, as a reason at `/ready`. */
  say: (clause: string) => void;
  /** How often locks on tables in use are tried. */
  tries: number;
}

/** What is said again and again, as long as it is true, is passed on once. */
export function onChange(say: WaitOptions['say']): WaitOptions['say'] {
  let last = '';
  return (clause) => {
    if (clause !== last) say(clause);
    last = clause;
  };
}

/** For commands: about a minute. */
export const FEW_TRIES = 10;

export const UNATTENDED: WaitOptions = {
  signal: new AbortController().signal,
  say: () => {},
  tries: FEW_TRIES,
};
