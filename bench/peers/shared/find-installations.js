import pg from 'pg';

const pool = new pg.Pool({ connectionString: process.env.DATABASE_URL });
pool.on('error', (error) => console.error(error.message));

/** Read only where accounts are asked for: older tables have none. */
const ACCOUNT = `, i.github_account_id, i.github_account_name, i.github_account_type,
    i.github_account_avatar_url`;

const INSTALLATIONS = `
  select i.id, u.id as neptun_user_id, i.github_installation_id, i.created_at, i.updated_at
    ${process.env.ACCOUNTS ? ACCOUNT : ''}
  from neptun_user u
  left join github_app_installation i on i.neptun_user_id = u.id
  where u.id = $1
  order by i.id`;

/** With a name, pg prepares the statement once on each connection; without one, each time. */
const name = process.env.PREPARED;

/** The rows of one user in one round trip; undefined when there is no such user. */
export async function findInstallations(userId) {
  const { rows } = await pool.query({ name, text: INSTALLATIONS, values: [userId] });
  if (rows.length === 0) return undefined;
  return rows[0].id === null ? [] : rows;
}

/** The times of one user, which few ask for. */
export async function findTimes(userId) {
  const { rows } = await pool.query(
    'select created_at, updated_at from neptun_user where id = $1',
    [userId],
  );
  return rows[0];
}
