import {
  Column,
  Entity,
  Index,
  JoinColumn,
  ManyToOne,
  PrimaryColumn,
  type Relation,
} from 'typeorm';
import { InstallationFact } from '../installations/installation-fact.entity.js';

/** What GitHub says of a repository that an installation reaches: at most one installation of an App does. */
@Entity('github_fact_repository')
// By an expression, which TypeORM does not know: the migration makes it.
@Index('github_fact_repository_page_idx', { synchronize: false })
@Index('github_fact_repository_installation_idx', ['installationId', 'id'])
export class RepositoryFact {
  /** GitHub's own id, as digits. */
  @PrimaryColumn('bigint', { primaryKeyConstraintName: 'github_fact_repository_pkey' })
  id!: string;

  @Column('bigint', { name: 'installation_id' })
  installationId!: string;

  @ManyToOne(() => InstallationFact, { onDelete: 'CASCADE', nullable: false })
  @JoinColumn({
    name: 'installation_id',
    foreignKeyConstraintName: 'github_fact_repository_installation_fkey',
  })
  installation!: Relation<InstallationFact>;

  @Column('text', { name: 'node_id', nullable: true })
  nodeId!: string | null;

  /** The login of its account. */
  @Column('text')
  owner!: string;

  /** Without the owner. */
  @Column('text')
  name!: string;

  @Column('text', { nullable: true })
  description!: string | null;

  /** Also of one that only an enterprise may see (`internal`). */
  @Column('boolean', { name: 'is_private' })
  isPrivate!: boolean;

  @Column('boolean', { name: 'is_fork', nullable: true })
  isFork!: boolean | null;

  @Column('boolean', { name: 'is_template', nullable: true })
  isTemplate!: boolean | null;

  @Column('boolean', { name: 'is_archived', nullable: true })
  isArchived!: boolean | null;

  @Column('boolean', { name: 'is_disabled', nullable: true })
  isDisabled!: boolean | null;

  /** `public`, `private` or `internal`. */
  @Column('text', { nullable: true })
  visibility!: string | null;

  @Column('text', { name: 'default_branch', nullable: true })
  defaultBranch!: string | null;

  /** The main programming language. */
  @Column('text', { nullable: true })
  language!: string | null;

  /** SPDX identifier. */
  @Column('text', { nullable: true })
  license!: string | null;

  /** Kilobytes. */
  @Column('integer', { nullable: true })
  size!: number | null;

  @Column('text', { name: 'homepage_url', nullable: true })
  homepageUrl!: string | null;

  /** Of its page. */
  @Column('text', { name: 'html_url', nullable: true })
  htmlUrl!: string | null;

  /** At GitHub: an older payload does not change the row. */
  @Column({ type: 'timestamptz', name: 'updated_at', precision: 3, nullable: true })
  updatedAt!: Date | null;

  @Column({ type: 'timestamptz', name: 'pushed_at', precision: 3, nullable: true })
  pushedAt!: Date | null;
}
