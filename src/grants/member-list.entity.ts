import { Column, Entity, PrimaryColumn } from 'typeorm';

/** The list of the members of an organization. */
@Entity('github_member_list')
export class GithubMemberList {
  @PrimaryColumn('bigint', {
    name: 'account_id',
    primaryKeyConstraintName: 'github_member_list_pkey',
  })
  accountId!: string;

  /** When GitHub last listed all of them. */
  @Column({ type: 'timestamptz', name: 'listed_at', precision: 3, nullable: true })
  listedAt!: Date | null;

  /** When GitHub is to be asked; null: at the next sync; infinity: as soon as it can be. */
  @Column({ type: 'timestamptz', name: 'due_at', precision: 3, nullable: true })
  dueAt!: Date | null;

  /** Grows with each change: a list that was asked for before is outdated. */
  @Column('integer', { default: 0 })
  version!: number;
}
