import { Column, Entity, Index, PrimaryColumn } from 'typeorm';

/** A member of an organization, as GitHub has listed or told, or a former one. */
@Entity('github_member')
@Index('github_member_github_idx', ['githubId'])
export class GithubMember {
  /** Of the organization. */
  @PrimaryColumn('bigint', { name: 'account_id', primaryKeyConstraintName: 'github_member_pkey' })
  accountId!: string;

  @PrimaryColumn('bigint', { name: 'github_id', primaryKeyConstraintName: 'github_member_pkey' })
  githubId!: string;

  @Column({ type: 'timestamptz', name: 'seen_at', precision: 3, default: () => 'now()' })
  seenAt!: Date;

  /** When the membership ended: what was asked before proves nothing. null: it lasts. */
  @Column({ type: 'timestamptz', name: 'removed_at', precision: 3, nullable: true })
  removedAt!: Date | null;
}
