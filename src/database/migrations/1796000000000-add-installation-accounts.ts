import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Nullable and without defaults, so that PostgreSQL rewrites no row and other programs need not know them. */
export class AddInstallationAccounts1796000000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      ALTER TABLE github_app_installation
        ADD github_account_id bigint,
        ADD github_account_name text,
        ADD github_account_type text,
        ADD github_account_avatar_url text`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      ALTER TABLE github_app_installation
        DROP github_account_id,
        DROP github_account_name,
        DROP github_account_type,
        DROP github_account_avatar_url`);
  }
}
