import { Column, Entity, Index, PrimaryColumn } from 'typeorm';

/** `own_proof` is written by the authorization flow; the others follow from what GitHub has said, and from identities. */
export type EvidenceKind = 'personal_account' | 'own_proof' | 'signed_sender' | 'membership';

/** A user may see an installation because of one kind of evidence, until it ends. */
@Entity('github_grant')
@Index('github_grant_installation_idx', ['installationId'])
export class GithubGrant {
  @PrimaryColumn('text', { name: 'user_id', primaryKeyConstraintName: 'github_grant_pkey' })
  userId!: string;

  @PrimaryColumn('bigint', {
    name: 'installation_id',
    primaryKeyConstraintName: 'github_grant_pkey',
  })
  installationId!: string;

  @PrimaryColumn('text', { primaryKeyConstraintName: 'github_grant_pkey' })
  kind!: EvidenceKind;

  @Column({ type: 'timestamptz', name: 'proved_at', precision: 3 })
  provedAt!: Date;

  /** null: until GitHub says otherwise. One that has ended is kept, so that its user is asked to reconnect. */
  @Column({ type: 'timestamptz', name: 'expires_at', precision: 3, nullable: true })
  expiresAt!: Date | null;

  /**
   * Of an own proof: the repositories that GitHub listed to the user as private. One that was public then, and is not
   * any more, has yet to be proved.
   */
  @Column('bigint', { name: 'repository_ids', array: true, nullable: true })
  repositoryIds!: string[] | null;
}
