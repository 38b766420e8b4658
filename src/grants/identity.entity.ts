import { Column, Entity, Index, PrimaryColumn } from 'typeorm';

/** Where it was first seen which GitHub account a user has; an operator's word replaces it. */
export type IdentitySource = 'session' | 'proof' | 'oauth_account' | 'operator';

/** The GitHub account of a user: one, which binds. */
@Entity('github_identity')
@Index('github_identity_github_idx', ['githubId'])
export class GithubIdentity {
  @PrimaryColumn('text', { name: 'user_id', primaryKeyConstraintName: 'github_identity_pkey' })
  userId!: string;

  @Column('bigint', { name: 'github_id' })
  githubId!: string;

  /** As last seen; it may have been renamed since. */
  @Column('text', { nullable: true })
  login!: string | null;

  @Column('text')
  source!: IdentitySource;

  @Column({ type: 'timestamptz', name: 'bound_at', precision: 3, default: () => 'now()' })
  boundAt!: Date;

  /** When GitHub last told that the account has withdrawn its authorization: what was asked before proves nothing. */
  @Column({ type: 'timestamptz', name: 'revoked_at', precision: 3, nullable: true })
  revokedAt!: Date | null;
}
