import { channel } from 'node:diagnostics_channel';

/** Answered or aborted. `null`: not known, as the head of the request was refused. */
export interface AnsweredRequest {
  method: string | null;
  /** The route's template, without ids; `null`: no route. */
  route: string | null;
  /** 499: the connection was closed before the end of the answer. */
  status: number;
  milliseconds: number | null;
}

/** Why a request is anonymous. `nobody`: a valid session without a user; `unchecked`: too many seals were waiting. */
export type Rejection = 'none' | 'malformed' | 'forged' | 'expired' | 'nobody' | 'unchecked';

export type SessionOutcome = 'remembered' | 'opened' | Rejection;

export interface ExecutedOperation {
  /** The caller's name for it; `null`: unnamed; `undefined`: not a valid operation. */
  name: string | null | undefined;
  signedIn: boolean;
  /** `extensions.code` of the first error; `null`: no error. */
  errorCode: string | null;
}

/** An operation that Apollo's execution answers instead of a compiled query, for one of a few reasons. */
export interface Fallback {
  reason: string;
}

/** A statement that reads users, successful or not. */
export interface EndedStatement {
  users: number;
  milliseconds: number;
}

/** `refused`: with a wrong signature, or no delivery at all; `ignored`: it can never be applied. */
export type DeliveryOutcome = 'applied' | 'seen' | 'ignored' | 'refused' | 'failed';

/** A webhook delivery that was answered. */
export interface EndedDelivery {
  /** `null`: no event that is known. */
  event: string | null;
  outcome: DeliveryOutcome;
  milliseconds: number;
}

export interface Events<Message> {
  /** Checked before a message is built, so that events without a subscriber cost nothing more. */
  readonly hasSubscribers: boolean;
  publish(message: Message): void;
  subscribe(listener: (message: Message) => void): void;
  unsubscribe(listener: (message: Message) => void): void;
}

const events = <Message>(name: string) => channel(name) as unknown as Events<Message>;

/** Subscribers are the metrics, if enabled, and modules that an operator loads with `--import`. */
export const requests = events<AnsweredRequest>('installations.request');
export const sessions = events<SessionOutcome>('installations.session');
export const operations = events<ExecutedOperation>('installations.operation');
export const fallbacks = events<Fallback>('installations.fallback');
export const statements = events<EndedStatement>('installations.statement');
export const deliveries = events<EndedDelivery>('installations.github_delivery');
/** Lines of the log, lost as they could not be written. */
export const droppedLines = events<number>('installations.log_lines_dropped');
