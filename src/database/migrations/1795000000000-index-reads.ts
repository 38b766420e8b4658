import type { MigrationInterface, QueryRunner } from 'typeorm';

const NAME = 'github_app_installation_read_idx';

/** A covering index in the order of the answer. On a table that others use, `indexReads` builds it before. */
export class IndexReads1795000000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    // IF NOT EXISTS first waits for writers and requires ownership, and accepts an invalid index.
    const valid = await runner.query(
      'SELECT FROM pg_index WHERE indisvalid AND indexrelid = to_regclass($1)',
      [NAME],
    );
    if (valid.length > 0) return;
    await runner.query(`
      CREATE INDEX ${NAME} ON github_app_installation (neptun_user_id, id)
        INCLUDE (github_installation_id, created_at, updated_at)`);
  }

  async down(runner: QueryRunner): Promise<void> {
    // An operator may have dropped it.
    await runner.query(`DROP INDEX IF EXISTS ${NAME}`);
  }
}
