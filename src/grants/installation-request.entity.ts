import { Column, Entity, Index, PrimaryColumn } from 'typeorm';

/** Somebody has asked the owners of an account to install the App, and they have not answered yet. */
@Entity('github_installation_request')
@Index('github_installation_request_requester_idx', ['requesterId'])
export class GithubInstallationRequest {
  /** GitHub's own id, as digits. */
  @PrimaryColumn('bigint', {
    name: 'request_id',
    primaryKeyConstraintName: 'github_installation_request_pkey',
  })
  requestId!: string;

  @Column('bigint', { name: 'app_id' })
  appId!: string;

  /** The GitHub account that has asked. */
  @Column('bigint', { name: 'requester_id' })
  requesterId!: string;

  /** The account whose owners are asked. */
  @Column('bigint', { name: 'account_id' })
  accountId!: string;

  @Column('text', { name: 'account_login', nullable: true })
  accountLogin!: string | null;

  /** `User` or `Organization`. */
  @Column('text', { name: 'account_type', nullable: true })
  accountType!: string | null;

  @Column('text', { name: 'account_avatar_url', nullable: true })
  accountAvatarUrl!: string | null;

  @Column('text', { name: 'account_url', nullable: true })
  accountUrl!: string | null;

  @Column({ type: 'timestamptz', name: 'requested_at', precision: 3 })
  requestedAt!: Date;
}
