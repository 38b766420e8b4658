import type { MigrationInterface, QueryRunner } from 'typeorm';

const NAME = 'github_app_installation_read_idx';

/**
 * All that a read answers, in its order: the table itself is not looked at, and nothing is sorted. Who has a large
 * table makes it before, `CONCURRENTLY`, because this lets nobody write meanwhile.
 */
export class IndexReads1795000000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    // Not by IF NOT EXISTS: that waits for who writes, and wants the table's owner, before it looks; and an index
    // whose making was broken off would do for it.
    const [made] = await runner.query(
      'SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass($1)',
      [NAME],
    );
    if (made?.indisvalid) return;
    if (made)
      throw new Error(
        `The making of ${NAME} was broken off: run DROP INDEX CONCURRENTLY ${NAME}, then start again`,
      );
    await runner.query(`
      CREATE INDEX ${NAME} ON github_app_installation (neptun_user_id, id)
        INCLUDE (github_installation_id, created_at, updated_at)`);
  }

  async down(runner: QueryRunner): Promise<void> {
    // An operator may have dropped it.
    await runner.query(`DROP INDEX IF EXISTS ${NAME}`);
  }
}
