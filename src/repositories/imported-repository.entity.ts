import { Column, Entity, PrimaryColumn } from 'typeorm';

/** A repository of an installation, as the web application keeps it in a table that this program never makes or changes. */
@Entity({ name: 'github_app_installation_repository', synchronize: false })
export class ImportedRepository {
  @PrimaryColumn('integer')
  id!: number;

  /** The id of a row of `github_app_installation`. */
  @Column('integer', { name: 'github_app_installation_id' })
  installationRowId!: number;

  @Column('bigint', { name: 'github_repository_id' })
  githubRepositoryId!: string;

  @Column('text', { name: 'github_repository_name', nullable: true })
  name!: string | null;

  @Column('text', { name: 'github_repository_description', nullable: true })
  description!: string | null;

  @Column('integer', { name: 'github_repository_size', nullable: true })
  size!: number | null;

  @Column('text', { name: 'github_repository_language', nullable: true })
  language!: string | null;

  @Column('text', { name: 'github_repository_license', nullable: true })
  license!: string | null;

  @Column('text', { name: 'github_repository_url', nullable: true })
  url!: string | null;

  @Column('text', { name: 'github_repository_website_url', nullable: true })
  websiteUrl!: string | null;

  @Column('text', { name: 'github_repository_default_branch', nullable: true })
  defaultBranch!: string | null;

  @Column('boolean', { name: 'github_repository_is_private', nullable: true })
  isPrivate!: boolean | null;

  @Column('boolean', { name: 'github_repository_is_fork', nullable: true })
  isFork!: boolean | null;

  @Column('boolean', { name: 'github_repository_is_template', nullable: true })
  isTemplate!: boolean | null;

  @Column('boolean', { name: 'github_repository_is_archived', nullable: true })
  isArchived!: boolean | null;

  @Column({ type: 'timestamptz', name: 'created_at', nullable: true })
  createdAt!: Date | null;

  @Column({ type: 'timestamptz', name: 'updated_at', nullable: true })
  updatedAt!: Date | null;
}
