import { Column, Entity, PrimaryColumn } from 'typeorm';
import type { SyncSummary } from './sync-summary.js';

/** What is known of a GitHub App, and of its sync. All instances share it. */
@Entity('github_app_state')
export class AppState {
  @PrimaryColumn('bigint', { name: 'app_id', primaryKeyConstraintName: 'github_app_state_pkey' })
  appId!: string;

  @Column('text', { nullable: true })
  slug!: string | null;

  @Column('text', { nullable: true })
  name!: string | null;

  /** Of the App's public page. */
  @Column('text', { name: 'html_url', nullable: true })
  htmlUrl!: string | null;

  /** The level of each permission that the App asks for, by its name. */
  @Column('jsonb', { nullable: true })
  permissions!: Record<string, string> | null;

  /** Of the sync that is under way or was interrupted; null: the last one has ended. */
  @Column({ type: 'timestamptz', name: 'sync_started_at', precision: 3, nullable: true })
  syncStartedAt!: Date | null;

  /** The last installation that it has checked, as they are checked in order of id; null: none. */
  @Column('bigint', { name: 'sync_position', nullable: true })
  syncPosition!: string | null;

  /** Of the last complete sync. */
  @Column({ type: 'timestamptz', name: 'synced_at', precision: 3, nullable: true })
  syncedAt!: Date | null;

  /** The counts of the last complete sync. */
  @Column('jsonb', { name: 'sync_summary', nullable: true })
  syncSummary!: SyncSummary | null;

  /** The instance that syncs, a random text, until the lease ends. */
  @Column('text', { name: 'lease_holder', nullable: true })
  leaseHolder!: string | null;

  @Column({ type: 'timestamptz', name: 'leased_until', precision: 3, nullable: true })
  leasedUntil!: Date | null;
}
