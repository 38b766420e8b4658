import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * All that a read answers, in its order: the table itself is not looked at, and nothing is sorted. Who has a large
 * table makes it before, `CONCURRENTLY`, because this lets nobody write meanwhile.
 */
export class IndexReads1795000000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE INDEX IF NOT EXISTS github_app_installation_read_idx
        ON github_app_installation (neptun_user_id, id)
        INCLUDE (github_installation_id, created_at, updated_at)`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP INDEX github_app_installation_read_idx');
  }
}
