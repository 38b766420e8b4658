import { Column, Entity, Index, PrimaryColumn } from 'typeorm';

/**
 * What GitHub says of one installation of a GitHub App, whoever has it here. A row is never deleted: its tombstone must
 * outlive late deliveries. What GitHub did not say is null.
 */
@Entity('github_fact_installation')
@Index('github_fact_installation_hidden_idx', ['id'], {
  where: 'deleted_at IS NOT NULL OR missing_since IS NOT NULL',
})
@Index('github_fact_installation_account_idx', ['accountId'])
@Index('github_fact_installation_dirty_idx', ['refetchAfter'], { where: 'dirty_since IS NOT NULL' })
export class InstallationFact {
  /** GitHub's own id, as digits. */
  @PrimaryColumn('bigint', { primaryKeyConstraintName: 'github_fact_installation_pkey' })
  id!: string;

  @Column('bigint', { name: 'app_id', nullable: true })
  appId!: string | null;

  @Column('text', { name: 'app_slug', nullable: true })
  appSlug!: string | null;

  @Column('bigint', { name: 'account_id', nullable: true })
  accountId!: string | null;

  /** Of an enterprise, its slug. */
  @Column('text', { name: 'account_login', nullable: true })
  accountLogin!: string | null;

  /** `User`, `Organization` or `Enterprise`. */
  @Column('text', { name: 'account_type', nullable: true })
  accountType!: string | null;

  @Column('text', { name: 'account_avatar_url', nullable: true })
  accountAvatarUrl!: string | null;

  /** Of the account's page. */
  @Column('text', { name: 'account_url', nullable: true })
  accountUrl!: string | null;

  /** Of the page of its settings. */
  @Column('text', { name: 'html_url', nullable: true })
  htmlUrl!: string | null;

  /** `all` or `selected`. */
  @Column('text', { name: 'repository_selection', nullable: true })
  repositorySelection!: string | null;

  /** The level of each permission by its name. */
  @Column('jsonb', { nullable: true })
  permissions!: Record<string, string> | null;

  @Column('jsonb', { nullable: true })
  events!: string[] | null;

  /** At GitHub, as the next two. */
  @Column({ type: 'timestamptz', name: 'created_at', precision: 3, nullable: true })
  createdAt!: Date | null;

  @Column({ type: 'timestamptz', name: 'updated_at', precision: 3, nullable: true })
  updatedAt!: Date | null;

  @Column({ type: 'timestamptz', name: 'suspended_at', precision: 3, nullable: true })
  suspendedAt!: Date | null;

  /** The tombstone: when a signed `installation.deleted` arrived. Final. */
  @Column({ type: 'timestamptz', name: 'deleted_at', precision: 3, nullable: true })
  deletedAt!: Date | null;

  /** Since when GitHub does not know it; it may come back. */
  @Column({ type: 'timestamptz', name: 'missing_since', precision: 3, nullable: true })
  missingSince!: Date | null;

  /** When GitHub's own answer was last written; null: all that is known comes from payloads. */
  @Column({ type: 'timestamptz', name: 'fetched_at', precision: 3, nullable: true })
  fetchedAt!: Date | null;

  /** Grows with each write of the row or of its repositories: an answer that was asked for before is outdated. */
  @Column('integer', { default: 0 })
  version!: number;

  /** The mark: a delivery has arrived since GitHub was last asked; null: none. */
  @Column({ type: 'timestamptz', name: 'dirty_since', precision: 3, nullable: true })
  dirtySince!: Date | null;

  /** An instance is asking GitHub until then, or waits after failures. */
  @Column({ type: 'timestamptz', name: 'refetch_after', precision: 3, nullable: true })
  refetchAfter!: Date | null;

  /** Failed refetches in a row. */
  @Column('integer', { name: 'refetch_failures', default: 0 })
  refetchFailures!: number;
}
