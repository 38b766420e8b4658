import { Column, Entity, Index, PrimaryColumn } from 'typeorm';
import type { Outcome } from './outcome.js';

/** One attempt of a user to connect. Secrets of the browser are kept as hashes. */
@Entity('github_flow')
@Index('github_flow_begun_idx', ['begunAt'])
export class GithubFlow {
  /** The hash of its `state`. */
  @PrimaryColumn('text', { primaryKeyConstraintName: 'github_flow_pkey' })
  id!: string;

  /** The hash of the browser's cookie. */
  @Column('text')
  browser!: string;

  @Column('text', { name: 'user_id' })
  userId!: string;

  /** The installation that the address named: a hint of what to show first. */
  @Column('bigint', { name: 'named_installation_id', nullable: true })
  namedInstallationId!: string | null;

  /** Whether the user named it on a page of ours: it is declined no more. */
  @Column('boolean', { name: 'is_wanted' })
  isWanted!: boolean;

  @Column({ type: 'timestamptz', name: 'begun_at', precision: 3, default: () => 'now()' })
  begunAt!: Date;

  /** When GitHub has sent the user back: once. */
  @Column({ type: 'timestamptz', name: 'taken_at', precision: 3, nullable: true })
  takenAt!: Date | null;

  /** When the instance that asks GitHub was last heard of. */
  @Column({ type: 'timestamptz', name: 'seen_at', precision: 3, nullable: true })
  seenAt!: Date | null;

  /** Pages of lists that GitHub has sent. */
  @Column('integer', { default: 0 })
  pages!: number;

  /** null: it has not ended. */
  @Column('jsonb', { nullable: true })
  outcome!: Outcome | null;
}
