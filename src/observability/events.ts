import { channel } from 'node:diagnostics_channel';

/** How a request was answered. */
export interface AnsweredRequest {
  method: string;
  /** The route's template, so that no id is in it; `null`: no route. */
  route: string | null;
  status: number;
  milliseconds: number;
}

/** What became of the session of a request. */
export type SessionOutcome =
  | 'none'
  | 'remembered'
  | 'opened'
  | 'malformed'
  | 'forged'
  | 'expired'
  | 'nobody';

export interface ExecutedOperation {
  /** As the caller has named it; `null`: not at all; `undefined`: no valid operation. */
  name: string | null | undefined;
  /** Whether the caller has a session. */
  signedIn: boolean;
  /** `extensions.code` of the first error; `null`: there was none. */
  errorCode: string | null;
}

/** An operation that Apollo's execution answers, and not its compiled form. */
export interface Fallback {
  /** One of few. */
  reason: string;
}

/** A statement that reads users, whether it succeeded or not. */
export interface EndedStatement {
  users: number;
  milliseconds: number;
}

/** A channel of `node:diagnostics_channel` for messages of one type. */
export interface Events<Message> {
  /** To be asked before anything is published: where nobody listens, that is all it costs. */
  readonly hasSubscribers: boolean;
  publish(message: Message): void;
  subscribe(listener: (message: Message) => void): void;
  unsubscribe(listener: (message: Message) => void): void;
}

const events = <Message>(name: string) => channel(name) as unknown as Events<Message>;

/**
 * What the parts of the server tell of their work. They know nobody who listens, and mostly nobody does:
 * the metrics where they are on, and whatever an operator loads with `--import`.
 */
export const requests = events<AnsweredRequest>('installations.request');
export const sessions = events<SessionOutcome>('installations.session');
export const operations = events<ExecutedOperation>('installations.operation');
export const fallbacks = events<Fallback>('installations.fallback');
export const statements = events<EndedStatement>('installations.statement');
