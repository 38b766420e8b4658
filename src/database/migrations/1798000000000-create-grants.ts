import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Tables of this program alone. Ids of users are text, whatever type the table of users has. */
export class CreateGrants1798000000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE github_identity (
        user_id text NOT NULL,
        github_id bigint NOT NULL,
        login text,
        source text NOT NULL,
        bound_at timestamptz(3) NOT NULL DEFAULT now(),
        revoked_at timestamptz(3),
        CONSTRAINT github_identity_pkey PRIMARY KEY (user_id)
      )`);
    await runner.query('CREATE INDEX github_identity_github_idx ON github_identity (github_id)');
    await runner.query(`
      CREATE TABLE github_grant (
        user_id text NOT NULL,
        installation_id bigint NOT NULL,
        kind text NOT NULL,
        proved_at timestamptz(3) NOT NULL,
        expires_at timestamptz(3),
        repository_ids bigint[],
        CONSTRAINT github_grant_pkey PRIMARY KEY (user_id, installation_id, kind)
      )`);
    await runner.query(
      'CREATE INDEX github_grant_installation_idx ON github_grant (installation_id)',
    );
    await runner.query(`
      CREATE TABLE github_link (
        user_id text NOT NULL,
        installation_id bigint NOT NULL,
        row_id bigint,
        hidden_at timestamptz(3),
        declined_at timestamptz(3),
        ends_at timestamptz(3),
        obstacle text,
        CONSTRAINT github_link_pkey PRIMARY KEY (user_id, installation_id)
      )`);
    await runner.query(
      'CREATE INDEX github_link_installation_idx ON github_link (installation_id)',
    );
    await runner.query(`
      CREATE INDEX github_link_ends_idx ON github_link (ends_at)
        WHERE row_id IS NOT NULL AND hidden_at IS NULL`);
    await runner.query(
      'CREATE INDEX github_link_hidden_idx ON github_link (row_id) WHERE hidden_at IS NOT NULL',
    );
    await runner.query(`
      CREATE TABLE github_sender (
        installation_id bigint NOT NULL,
        github_id bigint NOT NULL,
        seen_at timestamptz(3) NOT NULL DEFAULT now(),
        CONSTRAINT github_sender_pkey PRIMARY KEY (installation_id, github_id)
      )`);
    await runner.query('CREATE INDEX github_sender_github_idx ON github_sender (github_id)');
    await runner.query(`
      CREATE TABLE github_member (
        account_id bigint NOT NULL,
        github_id bigint NOT NULL,
        seen_at timestamptz(3) NOT NULL DEFAULT now(),
        removed_at timestamptz(3),
        CONSTRAINT github_member_pkey PRIMARY KEY (account_id, github_id)
      )`);
    await runner.query('CREATE INDEX github_member_github_idx ON github_member (github_id)');
    await runner.query(`
      CREATE TABLE github_member_list (
        account_id bigint NOT NULL,
        listed_at timestamptz(3),
        due_at timestamptz(3),
        version integer NOT NULL DEFAULT 0,
        CONSTRAINT github_member_list_pkey PRIMARY KEY (account_id)
      )`);
    await runner.query(`
      CREATE TABLE github_allowed_account (
        login text NOT NULL,
        account_id bigint NOT NULL,
        CONSTRAINT github_allowed_account_pkey PRIMARY KEY (login)
      )`);
    await runner.query(`
      CREATE TABLE github_installation_request (
        request_id bigint NOT NULL,
        app_id bigint NOT NULL,
        requester_id bigint NOT NULL,
        account_id bigint NOT NULL,
        account_login text,
        account_type text,
        account_avatar_url text,
        account_url text,
        requested_at timestamptz(3) NOT NULL,
        CONSTRAINT github_installation_request_pkey PRIMARY KEY (request_id)
      )`);
    await runner.query(
      'CREATE INDEX github_installation_request_requester_idx ON github_installation_request (requester_id)',
    );
    await runner.query(`
      CREATE TABLE github_flow (
        id text NOT NULL,
        browser text NOT NULL,
        user_id text NOT NULL,
        named_installation_id bigint,
        is_wanted boolean NOT NULL,
        begun_at timestamptz(3) NOT NULL DEFAULT now(),
        taken_at timestamptz(3),
        seen_at timestamptz(3),
        pages integer NOT NULL DEFAULT 0,
        outcome jsonb,
        CONSTRAINT github_flow_pkey PRIMARY KEY (id)
      )`);
    await runner.query('CREATE INDEX github_flow_begun_idx ON github_flow (begun_at)');
    await runner.query(
      'CREATE INDEX github_fact_installation_account_idx ON github_fact_installation (account_id)',
    );
    await runner.query(`
      ALTER TABLE github_app_state
        ADD COLUMN name text,
        ADD COLUMN html_url text,
        ADD COLUMN permissions jsonb`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      ALTER TABLE github_app_state
        DROP COLUMN name,
        DROP COLUMN html_url,
        DROP COLUMN permissions`);
    await runner.query('DROP INDEX github_fact_installation_account_idx');
    for (const table of [
      'flow',
      'installation_request',
      'allowed_account',
      'member_list',
      'member',
      'sender',
      'link',
      'grant',
      'identity',
    ])
      await runner.query(`DROP TABLE github_${table}`);
  }
}
