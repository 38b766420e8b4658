import {
  Column,
  Entity,
  Index,
  JoinColumn,
  ManyToOne,
  PrimaryGeneratedColumn,
  type Relation,
  Unique,
} from 'typeorm';
import type { User } from '../users/user.entity.js';

/** One user's view of a GitHub App installation; an organization's can belong to several users. */
@Entity('github_app_installation')
@Unique('github_app_installation_user_key', ['neptunUserId', 'githubInstallationId'])
// With columns beside its keys, which TypeORM does not know: the migration makes it.
@Index('github_app_installation_read_idx', { synchronize: false })
export class GithubAppInstallation {
  @PrimaryGeneratedColumn('identity', {
    generatedIdentity: 'BY DEFAULT',
    primaryKeyConstraintName: 'github_app_installation_pkey',
  })
  id!: number;

  @Column('text', { name: 'neptun_user_id' })
  neptunUserId!: string;

  /** GitHub's own id, as digits: it passes 2^31, and may pass what a JavaScript number holds. */
  @Column('bigint', { name: 'github_installation_id' })
  githubInstallationId!: string;

  /** The account that has installed the App, in four columns as GitHub writes it; null: unknown. */
  @Column('bigint', { name: 'github_account_id', nullable: true })
  githubAccountId!: string | null;

  /** The login. */
  @Column('text', { name: 'github_account_name', nullable: true })
  githubAccountName!: string | null;

  /** `User`, `Organization` or `Enterprise`. */
  @Column('text', { name: 'github_account_type', nullable: true })
  githubAccountType!: string | null;

  @Column('text', { name: 'github_account_avatar_url', nullable: true })
  githubAccountAvatarUrl!: string | null;

  @Column({ type: 'timestamptz', name: 'created_at', precision: 3, default: () => 'now()' })
  createdAt!: Date;

  @Column({ type: 'timestamptz', name: 'updated_at', precision: 3, default: () => 'now()' })
  updatedAt!: Date;

  @ManyToOne('User', 'installations', { onDelete: 'CASCADE', nullable: false })
  @JoinColumn({
    name: 'neptun_user_id',
    foreignKeyConstraintName: 'github_app_installation_user_fkey',
  })
  user!: Relation<User>;
}
