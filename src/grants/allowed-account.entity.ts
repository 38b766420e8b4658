import { Column, Entity, PrimaryColumn } from 'typeorm';

/** An account that the operator has named, by its id: its login may become another's. */
@Entity('github_allowed_account')
export class GithubAllowedAccount {
  /** In lower case, as first seen. */
  @PrimaryColumn('text', { primaryKeyConstraintName: 'github_allowed_account_pkey' })
  login!: string;

  @Column('bigint', { name: 'account_id' })
  accountId!: string;
}
