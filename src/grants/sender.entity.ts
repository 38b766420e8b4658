import { Column, Entity, Index, PrimaryColumn } from 'typeorm';

/** A GitHub account that has installed the App, or asked for it, by a signed `installation.created`. */
@Entity('github_sender')
@Index('github_sender_github_idx', ['githubId'])
export class GithubSender {
  @PrimaryColumn('bigint', {
    name: 'installation_id',
    primaryKeyConstraintName: 'github_sender_pkey',
  })
  installationId!: string;

  @PrimaryColumn('bigint', { name: 'github_id', primaryKeyConstraintName: 'github_sender_pkey' })
  githubId!: string;

  @Column({ type: 'timestamptz', name: 'seen_at', precision: 3, default: () => 'now()' })
  seenAt!: Date;
}
