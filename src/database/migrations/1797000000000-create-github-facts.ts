import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Tables of this program alone. */
export class CreateGithubFacts1797000000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE github_fact_installation (
        id bigint NOT NULL,
        app_id bigint,
        app_slug text,
        account_id bigint,
        account_login text,
        account_type text,
        account_avatar_url text,
        account_url text,
        html_url text,
        repository_selection text,
        permissions jsonb,
        events jsonb,
        created_at timestamptz(3),
        updated_at timestamptz(3),
        suspended_at timestamptz(3),
        deleted_at timestamptz(3),
        missing_since timestamptz(3),
        fetched_at timestamptz(3),
        version integer NOT NULL DEFAULT 0,
        dirty_since timestamptz(3),
        refetch_after timestamptz(3),
        refetch_failures integer NOT NULL DEFAULT 0,
        CONSTRAINT github_fact_installation_pkey PRIMARY KEY (id)
      )`);
    await runner.query(`
      CREATE INDEX github_fact_installation_hidden_idx ON github_fact_installation (id)
        WHERE deleted_at IS NOT NULL OR missing_since IS NOT NULL`);
    await runner.query(`
      CREATE INDEX github_fact_installation_dirty_idx ON github_fact_installation (refetch_after)
        WHERE dirty_since IS NOT NULL`);
    await runner.query(`
      CREATE TABLE github_fact_repository (
        id bigint NOT NULL,
        installation_id bigint NOT NULL,
        node_id text,
        owner text NOT NULL,
        name text NOT NULL,
        description text,
        is_private boolean NOT NULL,
        is_fork boolean,
        is_template boolean,
        is_archived boolean,
        is_disabled boolean,
        visibility text,
        default_branch text,
        language text,
        license text,
        size integer,
        homepage_url text,
        html_url text,
        updated_at timestamptz(3),
        pushed_at timestamptz(3),
        CONSTRAINT github_fact_repository_pkey PRIMARY KEY (id),
        CONSTRAINT github_fact_repository_installation_fkey
          FOREIGN KEY (installation_id) REFERENCES github_fact_installation (id) ON DELETE CASCADE
      )`);
    await runner.query(`
      CREATE INDEX github_fact_repository_installation_idx ON github_fact_repository (installation_id, id)`);
    // In the order of the pages that everybody with the installation may see.
    await runner.query(`
      CREATE INDEX github_fact_repository_page_idx
        ON github_fact_repository (installation_id, lower(name COLLATE "C"), id)
        WHERE NOT is_private`);
    await runner.query(`
      CREATE TABLE github_delivery (
        target_id text NOT NULL,
        event text NOT NULL,
        guid text NOT NULL,
        action text,
        received_at timestamptz(3) NOT NULL DEFAULT now(),
        CONSTRAINT github_delivery_pkey PRIMARY KEY (target_id, event, guid)
      )`);
    await runner.query(
      'CREATE INDEX github_delivery_received_idx ON github_delivery (received_at)',
    );
    await runner.query(`
      CREATE TABLE github_app_state (
        app_id bigint NOT NULL,
        slug text,
        sync_started_at timestamptz(3),
        sync_position bigint,
        synced_at timestamptz(3),
        sync_summary jsonb,
        lease_holder text,
        leased_until timestamptz(3),
        CONSTRAINT github_app_state_pkey PRIMARY KEY (app_id)
      )`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE github_app_state');
    await runner.query('DROP TABLE github_delivery');
    await runner.query('DROP TABLE github_fact_repository');
    await runner.query('DROP TABLE github_fact_installation');
  }
}
