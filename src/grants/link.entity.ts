import { Column, Entity, Index, PrimaryColumn } from 'typeorm';

/** How the grants of a user for an installation are projected to `github_app_installation`. */
@Entity('github_link')
@Index('github_link_installation_idx', ['installationId'])
@Index('github_link_ends_idx', ['endsAt'], { where: 'row_id IS NOT NULL AND hidden_at IS NULL' })
@Index('github_link_hidden_idx', ['rowId'], { where: 'hidden_at IS NOT NULL' })
export class GithubLink {
  @PrimaryColumn('text', { name: 'user_id', primaryKeyConstraintName: 'github_link_pkey' })
  userId!: string;

  @PrimaryColumn('bigint', {
    name: 'installation_id',
    primaryKeyConstraintName: 'github_link_pkey',
  })
  installationId!: string;

  /** The row that was inserted for it; null: none, or it is foreign. */
  @Column('bigint', { name: 'row_id', nullable: true })
  rowId!: string | null;

  /** Since when that row is hidden, as the evidence has ended and tables of other programs refer to the row. */
  @Column({ type: 'timestamptz', name: 'hidden_at', precision: 3, nullable: true })
  hiddenAt!: Date | null;

  /** When the user unlinked it: no evidence brings it back until the user asks for it. */
  @Column({ type: 'timestamptz', name: 'declined_at', precision: 3, nullable: true })
  declinedAt!: Date | null;

  /** When the last of its evidence ends; null: not by time. */
  @Column({ type: 'timestamptz', name: 'ends_at', precision: 3, nullable: true })
  endsAt!: Date | null;

  /** Why the row could not be inserted; null: it could. */
  @Column('text', { nullable: true })
  obstacle!: string | null;
}
