import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import pg from 'pg';

/** `pg` takes any text for a URL. */
const KNOWN_FORM = /^(postgres(ql)?:\/\/|socket:|\/)/i;
const NAMES_DATABASE = /^(\w+:\/\/[^/?#]*\/[^?#]|socket:.*[?&]db=[^&]|\/[^ ]* [^ ])/i;
const SEVERAL_HOSTS = /^\w+:\/\/([^/?#]*@)?[^/?#@]*,/;
/** One of these in a password ends the host, before the @. */
const UNENCODED = /^\w+:\/\/[^/?#@]*(\/[^?#]*|[?#].*)@/;

const SSL_MODES = ['disable', 'no-verify', 'prefer', 'require', 'verify-ca', 'verify-full'];
/** What pg 8 means by some modes, with a warning to stderr: https://node-postgres.com/features/ssl */
const ALIASES_OF_VERIFY_FULL = /([?&]sslmode=)(prefer|require|verify-ca)(?=&|$)/g;
const FILES = ['sslrootcert', 'sslcert', 'sslkey'];
/** Parameters of other drivers, which `pg` ignores: other tables would be served. */
const OTHER_SEARCH_PATHS = ['schema', 'currentSchema', 'search_path'];

const UNREADABLE =
  'must be a URL: percent-encode what is special in user and password (%23 for #, %2F for /, %3F for ?, %25 for %), ' +
  'and look at host and port (1 to 65535)';

/** Why `pg` cannot connect by it; shows no part of it. `null`: it can. */
export function faultOfDatabaseUrl(text: string): string | null {
  if (!KNOWN_FORM.test(text)) return 'must begin with postgresql:// or postgres://';
  if (SEVERAL_HOSTS.test(text)) return 'must have one host: pg tries no others';
  if (UNENCODED.test(text)) return UNREADABLE;
  if (!NAMES_DATABASE.test(text))
    return 'must have a database, as in postgresql://user:password@host:5432/database';
  return faultOfParameters(parametersOf(text)) ?? faultOfClient(text);
}

function faultOfParameters({ ssl = '', sslmode, ...others }: Record<string, string>) {
  if (sslmode !== undefined && !SSL_MODES.includes(sslmode))
    return `must have one of these as sslmode: ${SSL_MODES.join(', ')}`;
  if (/^(false|disable|off|no)$/.test(ssl))
    return 'must have sslmode=disable: pg takes this value of ssl for true';
  for (const name of FILES) {
    const code = others[name] && failureToRead(others[name]);
    if (code) return `must have as ${name} a file that can be read (${code})`;
  }
  return null;
}

function failureToRead(path: string): string | undefined {
  try {
    readFileSync(path);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code;
  }
}

function faultOfClient(text: string): string | null {
  let client: pg.Client;
  try {
    client = clientOf(text);
  } catch (error) {
    const { code, name } = error as NodeJS.ErrnoException;
    return code === 'ERR_INVALID_URL' || name === 'URIError'
      ? UNREADABLE
      : 'must have an sslrootcert for sslmode=verify-ca, and an sslmode for sslnegotiation=direct, or postgres as the latter';
  }
  const { host, port } = client;
  if (host.includes(',')) return 'must have one host: pg tries no others';
  if (!(port > 0 && port < 65_536)) return 'must have a port from 1 to 65535';
  return isUsable(client.ssl)
    ? null
    : 'must have certificates in PEM as sslrootcert and sslcert, and the key of the latter as sslkey';
}

/** Of a trusted certificate that is none, and of a key of another kind, TLS says nothing. */
function isUsable(ssl: boolean | { ca?: string; cert?: string; key?: string }): boolean {
  if (typeof ssl !== 'object') return true;
  try {
    if (ssl.ca) new X509Certificate(ssl.ca);
    const certificate = ssl.cert && new X509Certificate(ssl.cert);
    const key = ssl.key && createPrivateKey(ssl.key);
    return !certificate || !key || certificate.checkPrivateKey(key);
  } catch {
    return false;
  }
}

export function warningsOfDatabaseUrl(text: string): string[] {
  const { sslmode = '', ...others } = parametersOf(text);
  const ignored = OTHER_SEARCH_PATHS.filter((name) => name in others).map(
    (name) => `has ${name}, which is ignored: write options=-c%20search_path%3D…`,
  );
  return withPlainSslMode(text) === text
    ? ignored
    : [
        `has sslmode=${sslmode}, which is taken for verify-full: write that, with sslrootcert where a CA of your own has signed`,
        ...ignored,
      ];
}

/** Names what `pg` means, which is then silent. */
export function withPlainSslMode(text: string): string {
  if (parametersOf(text).uselibpqcompat === 'true') return text;
  return text.replace(ALIASES_OF_VERIFY_FULL, '$1verify-full');
}

/** Host, port and database as `pg` understands them; no user and no password. */
export function addressOf(text: string): string {
  const { host, port, database } = clientOf(text);
  if (host.startsWith('/')) return `${host}/.s.PGSQL.${port} ${database}`;
  return `${host.includes(':') ? `[${host}]` : host}:${port}/${database}`;
}

/** Not connected; the only public way to the parser, with the variables of libpq (`PGHOST`…) that `pg` reads as well. */
function clientOf(text: string): pg.Client {
  return new pg.Client({ connectionString: text });
}

/** Of two with the same name, `pg` takes the last. */
function parametersOf(text: string): Record<string, string> {
  return Object.fromEntries(new URLSearchParams(text.split('?').slice(1).join('?')));
}
