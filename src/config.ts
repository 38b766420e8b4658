import { resolve } from 'node:path';
import { z } from 'zod';
import { warningsOf } from './config-warnings.js';
import { faultOfDatabaseUrl, withPlainSslMode } from './database/database-url.js';
import { type Environment, isWritableFolder, processEnvironment } from './environment.js';
import { privateKeyOf, readPrivateKey } from './github/private-key.js';
import { type Operations, readManifest } from './graphql/operations-manifest.js';
import { isAddressOrNetwork, isHost } from './http/address.js';
import { faultOfOrigin, originOf } from './http/origin.js';
import { MIN_LENGTH } from './session/session-password.js';

/** The validated configuration, frozen. A disabled feature is `null`. */
export type Config = Readonly<ReturnType<typeof toConfig>>;

/** Names every invalid variable. */
export class ConfigError extends Error {
  /** Each begins with the name of the variable, and shows no value, which may be secret. */
  readonly faults: readonly string[];
  readonly warnings: readonly string[];

  constructor(faults: readonly string[], warnings: readonly string[]) {
    super(
      ['Invalid configuration:', ...[...faults, ...warnings].map((text) => `  ${text}`)].join('\n'),
    );
    this.faults = faults;
    this.warnings = warnings;
  }
}

const DEFAULT_DATA_DIR = '.data';
const DEFAULT_GITHUB_API_URL = 'https://api.github.com';
const DEFAULT_PROOF_DAYS = 7;

const without =
  (faultOf: (value: string) => string | null) =>
  (values: string | string[], context: z.RefinementCtx) => {
    const faults = new Set([values].flat().map(faultOf));
    for (const message of faults) if (message) context.addIssue({ code: 'custom', message });
  };
const text = z.string().superRefine(without(faultOfText));
const commaSeparated = text.default('').transform((text) =>
  text
    .split(',')
    .map((item) => item.trim())
    .filter(Boolean),
);
const wholeNumber = (min: number, max: number) =>
  text
    .pipe(z.string().regex(/^\d+$/, `must be a whole number from ${min} to ${max}`))
    .transform(Number)
    .pipe(z.number().min(min, `must be at least ${min}`).max(max, `must be at most ${max}`));
/** Without the slashes at its end. */
const webUrl = (message: string) =>
  text
    .pipe(z.string().refine((value) => isWebUrl(value), message))
    .transform((url) => url.replace(/\/+$/, ''));
const password = text.pipe(
  z.string().min(MIN_LENGTH, `must have ${MIN_LENGTH} characters or more`),
);
const privateKey = (
  key: z.ZodType<string>,
  read: (value: string) => string | null,
  message: string,
) =>
  key.transform((value, context) => {
    const pem = read(value);
    if (pem !== null) return pem;
    context.addIssue({ code: 'custom', message });
    return z.NEVER;
  });
const oneOf = <const Names extends readonly string[]>(names: Names, message: string) =>
  text.pipe(z.enum(names, message));
const flag = oneOf(['true', 'false'], 'must be true or false').transform((name) => name === 'true');
/** A rule about several variables, checked beside other faults, so that all are reported at once. */
const fault = (name: string, message: string) => ({ path: [name], message, when: () => true });

const Variables = z
  .object({
    DATABASE_URL: text
      .transform(withPlainSslMode)
      .superRefine(without(faultOfDatabaseUrl))
      .optional(),
    DATA_DIR: text.optional(),
    SESSION_PASSWORD: password.optional(),
    NUXT_SESSION_PASSWORD: password.optional(),
    SESSION_PASSWORD_PREVIOUS: password.optional(),
    SESSION_MAX_AGE: wholeNumber(1, 10 ** 10).optional(),
    HOST: text
      .pipe(
        z
          .string()
          .refine(isHost, 'must be an address or a name, without scheme, brackets, port and path'),
      )
      .optional(),
    PORT: wholeNumber(0, 65_535).default(4000),
    METRICS_PORT: wholeNumber(0, 65_535).optional(),
    CORS_ORIGINS: commaSeparated
      .superRefine(without(faultOfOrigin))
      .transform((origins) => origins.map(originOf)),
    RATE_LIMIT: wholeNumber(0, 10 ** 9).default(6000),
    RATE_LIMIT_ANONYMOUS: wholeNumber(0, 10 ** 9).default(600),
    TRUST_PROXY: commaSeparated.refine(
      (addresses) => addresses.every(isAddressOrNetwork),
      'must be addresses or networks such as 10.0.0.1 or 10.0.0.0/8, comma separated',
    ),
    GRAPHQL_IDE: flag.optional(),
    OPERATIONS_MANIFEST: text.transform(readOperations).optional(),
    GITHUB_APP_ID: wholeNumber(1, Number.MAX_SAFE_INTEGER).transform(String).optional(),
    GITHUB_APP_PRIVATE_KEY: privateKey(
      z.string().superRefine(without(faultOfQuotes)),
      privateKeyOf,
      'must be the App’s private key: PEM, also with \\n for its line breaks, or as base64',
    ).optional(),
    GITHUB_APP_PRIVATE_KEY_FILE: privateKey(
      text,
      readPrivateKey,
      'must be the path of a file with the App’s private key, in PEM or base64',
    ).optional(),
    GITHUB_WEBHOOK_SECRET: text.optional(),
    GITHUB_WEBHOOK_SECRET_PREVIOUS: text.optional(),
    GITHUB_API_URL: webUrl('must be a URL, such as https://github.example.com/api/v3').optional(),
    GITHUB_SYNC_INTERVAL: wholeNumber(0, 7 * 86_400).optional(),
    GITHUB_CLIENT_ID: text.optional(),
    GITHUB_CLIENT_SECRET: text.optional(),
    GITHUB_URL: webUrl('must be a URL, such as https://github.example.com').optional(),
    GITHUB_RETURN_URL: text
      .pipe(
        z
          .string()
          .refine(
            (value) => isWebUrl(value, { query: true }),
            'must be the URL of a page, such as https://app.example.com/settings',
          ),
      )
      .optional(),
    GITHUB_PROOF_DAYS: wholeNumber(1, 365).optional(),
    GITHUB_ALLOWED_ACCOUNTS: commaSeparated
      .refine(
        (logins) => logins.every((login) => /^[\w-]{1,100}$/.test(login)),
        'must be logins of accounts at GitHub, comma separated',
      )
      .transform((logins) => logins.map((login) => login.toLowerCase())),
    PUBLIC_URL: webUrl(
      'must be this server’s own URL as browsers see it, such as https://api.example.com',
    ).optional(),
    KEEP_ALIVE_TIMEOUT: wholeNumber(1, 86_400).default(72),
    SHUTDOWN_DELAY: wholeNumber(0, 15).default(0),
    NODE_ENV: oneOf(
      ['development', 'production', 'test'],
      'must be development, production or test',
    ).default('development'),
    LOG_LEVEL: oneOf(
      ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'],
      'must be fatal, error, warn, info, debug, trace or silent',
    ).default('info'),
  })
  .refine(
    ({ NODE_ENV, DATABASE_URL, DATA_DIR }) => NODE_ENV !== 'production' || DATABASE_URL || DATA_DIR,
    fault(
      'DATABASE_URL',
      'is required in production; for the embedded database, set DATA_DIR to its folder',
    ),
  )
  .refine(
    ({ NODE_ENV, SESSION_PASSWORD, NUXT_SESSION_PASSWORD }) =>
      NODE_ENV !== 'production' || SESSION_PASSWORD || NUXT_SESSION_PASSWORD,
    fault(
      'SESSION_PASSWORD',
      'is required in production: the password that seals the session cookie in the web application',
    ),
  )
  .refine(
    ({ NODE_ENV, DATABASE_URL, SESSION_PASSWORD, NUXT_SESSION_PASSWORD, DATA_DIR }) =>
      (DATABASE_URL && (SESSION_PASSWORD || NUXT_SESSION_PASSWORD)) ||
      (NODE_ENV === 'production' && !DATA_DIR) ||
      isWritableFolder(DATA_DIR ?? DEFAULT_DATA_DIR),
    fault('DATA_DIR', 'must be a folder that this process may write, or can make'),
  )
  .refine(
    ({ GITHUB_APP_PRIVATE_KEY, GITHUB_APP_PRIVATE_KEY_FILE }) =>
      !(GITHUB_APP_PRIVATE_KEY && GITHUB_APP_PRIVATE_KEY_FILE),
    fault('GITHUB_APP_PRIVATE_KEY_FILE', 'must not be set beside GITHUB_APP_PRIVATE_KEY'),
  )
  .superRefine((env, context) => {
    const needs = (name: keyof typeof env, others: readonly (keyof typeof env)[]) => {
      if (env[name] !== undefined && others.every((other) => env[other] === undefined))
        context.addIssue({
          code: 'custom',
          path: [name],
          message: `is nothing without ${others.join(' or ')}`,
        });
    };
    const key = ['GITHUB_APP_PRIVATE_KEY', 'GITHUB_APP_PRIVATE_KEY_FILE'] as const;
    needs('GITHUB_APP_ID', [...key, 'GITHUB_WEBHOOK_SECRET', 'GITHUB_CLIENT_SECRET']);
    for (const name of key) needs(name, ['GITHUB_APP_ID']);
    needs('GITHUB_WEBHOOK_SECRET', ['GITHUB_APP_ID']);
    needs('GITHUB_WEBHOOK_SECRET_PREVIOUS', ['GITHUB_WEBHOOK_SECRET']);
    needs('GITHUB_API_URL', [...key, 'GITHUB_CLIENT_SECRET']);
    needs('GITHUB_SYNC_INTERVAL', key);
    for (const name of ['GITHUB_CLIENT_ID', 'GITHUB_PROOF_DAYS'] as const)
      needs(name, ['GITHUB_APP_ID']);
    needs('GITHUB_CLIENT_SECRET', ['GITHUB_CLIENT_ID']);
    for (const name of ['GITHUB_URL', 'GITHUB_RETURN_URL'] as const)
      needs(name, ['GITHUB_CLIENT_SECRET']);
  })
  .refine(
    ({ GITHUB_ALLOWED_ACCOUNTS, GITHUB_APP_ID }) =>
      GITHUB_ALLOWED_ACCOUNTS.length === 0 || GITHUB_APP_ID !== undefined,
    fault('GITHUB_ALLOWED_ACCOUNTS', 'is nothing without GITHUB_APP_ID'),
  )
  .refine(
    ({ NODE_ENV, GITHUB_CLIENT_SECRET, PUBLIC_URL }) =>
      NODE_ENV !== 'production' || !GITHUB_CLIENT_SECRET || PUBLIC_URL,
    fault(
      'PUBLIC_URL',
      'is required in production beside GITHUB_CLIENT_SECRET: GitHub sends users back to it',
    ),
  )
  .refine(
    ({ PORT, METRICS_PORT }) => PORT !== METRICS_PORT || PORT === 0,
    fault('METRICS_PORT', 'must not be PORT'),
  );

export const VARIABLES = Object.keys(Variables.shape);

/** @throws {ConfigError} with the names, never the values, of invalid variables */
export function loadConfig(env?: NodeJS.ProcessEnv): Config {
  return configOf(env ? { variables: env, faults: [] } : processEnvironment(VARIABLES));
}

/** @throws {ConfigError} */
export function configOf({ variables, faults }: Environment): Config {
  // Shells and compose files set a variable to the empty string to unset it; files and secret stores add line ends.
  const set: Record<string, string> = {};
  for (const [name, value = ''] of Object.entries(variables))
    if (value.trim()) set[name] = value.trim();
  const warnings = warningsOf(variables, VARIABLES);
  const parsed = Variables.safeParse(set);
  if (parsed.success && faults.length === 0) return Object.freeze(toConfig(parsed.data, warnings));
  const invalid = parsed.error?.issues ?? [];
  throw new ConfigError(
    [...faults, ...invalid.map(({ path, message }) => `${path.join('.')} ${message}`)],
    warnings,
  );
}

function toConfig(env: z.output<typeof Variables>, warnings: readonly string[]) {
  const production = env.NODE_ENV === 'production';
  return {
    environment: env.NODE_ENV,
    /** `null`: the embedded database in `dataDirectory`. */
    databaseUrl: env.DATABASE_URL ?? null,
    /** Absolute path; holds the embedded database and the development password. */
    dataDirectory: resolve(env.DATA_DIR ?? DEFAULT_DATA_DIR),
    /** `null`, in development only: one is generated. */
    sessionPassword: env.SESSION_PASSWORD ?? env.NUXT_SESSION_PASSWORD ?? null,
    sessionPasswordPrevious: env.SESSION_PASSWORD_PREVIOUS ?? null,
    /** Seconds since the session's `createdAt`; `null`: only the seal's own expiry counts. */
    sessionMaxAge: env.SESSION_MAX_AGE ?? null,
    host: env.HOST ?? (production ? '0.0.0.0' : '127.0.0.1'),
    port: env.PORT,
    /** Port of `/metrics`, on the same host; `null`: no metrics. */
    metricsPort: env.METRICS_PORT ?? null,
    corsOrigins: env.CORS_ORIGINS,
    /** Requests per minute; `null`: no limit. */
    rateLimit: env.RATE_LIMIT || null,
    rateLimitAnonymous: env.RATE_LIMIT_ANONYMOUS || null,
    trustProxy: env.TRUST_PROXY,
    /** Enables Sandbox, the offline IDE and introspection. */
    graphqlIde: env.GRAPHQL_IDE ?? !production,
    /** The only GraphQL operations that are accepted; `null`: any. */
    operations: env.OPERATIONS_MANIFEST ?? null,
    /** Seconds until an idle connection is closed. */
    keepAliveTimeout: env.KEEP_ALIVE_TIMEOUT,
    /** Seconds between the stop signal and the last accepted request. */
    shutdownDelay: env.SHUTDOWN_DELAY,
    logLevel: env.LOG_LEVEL,
    /** The GitHub App; `null`: what GitHub says is not kept. */
    github: env.GITHUB_APP_ID === undefined ? null : githubConfigOf(env, env.GITHUB_APP_ID),
    /** What is probably a mistake. */
    warnings,
  };
}

function githubConfigOf(env: z.output<typeof Variables>, appId: string) {
  const { GITHUB_WEBHOOK_SECRET: secret, GITHUB_WEBHOOK_SECRET_PREVIOUS: previous } = env;
  return {
    appId,
    /** PEM, PKCS #8; `null`: GitHub is not asked, and only payloads are believed. */
    privateKey: env.GITHUB_APP_PRIVATE_KEY ?? env.GITHUB_APP_PRIVATE_KEY_FILE ?? null,
    /** The present one and, while it is rotated, the one before; empty: no webhooks. */
    webhookSecrets: [secret, previous].filter((text) => text !== undefined),
    /** Without a trailing slash. */
    apiUrl: env.GITHUB_API_URL ?? DEFAULT_GITHUB_API_URL,
    /** Seconds; `null`: no sync by a timer. */
    syncInterval: env.GITHUB_SYNC_INTERVAL || null,
    /** Days that a proof lasts. */
    proofDays: env.GITHUB_PROOF_DAYS ?? DEFAULT_PROOF_DAYS,
    /** Logins in lower case; `null`: all accounts are served. */
    allowedAccounts: env.GITHUB_ALLOWED_ACCOUNTS.length > 0 ? env.GITHUB_ALLOWED_ACCOUNTS : null,
    /** `null`: not told. */
    clientId: env.GITHUB_CLIENT_ID ?? null,
    /** `null`: users cannot connect. */
    clientSecret: env.GITHUB_CLIENT_SECRET ?? null,
    /** Of GitHub's pages, without a trailing slash. */
    url: env.GITHUB_URL ?? pagesOf(env.GITHUB_API_URL ?? DEFAULT_GITHUB_API_URL),
    /** Where a user goes who has connected; `null`: stays on a page of ours. */
    returnUrl: env.GITHUB_RETURN_URL ?? null,
    /** This server's own, without a trailing slash; `null`, in development only: as the browser names it. */
    publicUrl: env.PUBLIC_URL ?? null,
  };
}

/** Of github.com, of GitHub Enterprise Cloud with data residency, and of Enterprise Server. */
function pagesOf(apiUrl: string): string {
  const { protocol, host } = new URL(apiUrl);
  return `${protocol}//${host.replace(/^api\.(?=github\.com$|[^.]+\.ghe\.com$)/, '')}`;
}

export type GithubConfig = ReturnType<typeof githubConfigOf>;

function isWebUrl(text: string, { query = false } = {}): boolean {
  const url = URL.canParse(text) ? new URL(text) : null;
  return (
    url !== null &&
    /^https?:$/.test(url.protocol) &&
    !url.username &&
    (query || !(url.search || url.hash))
  );
}

function faultOfText(value: string): string | null {
  return faultOfQuotes(value) ?? (/[\r\n]/.test(value) ? 'must be one line' : null);
}

/** Files for `docker --env-file` keep quotes; a quote without its partner takes in the next lines. */
function faultOfQuotes(value: string): string | null {
  return /^(["'`]).*\1$/s.test(value)
    ? 'must not stand in quotes, which are taken for a part of it'
    : null;
}

function readOperations(path: string, context: z.RefinementCtx): Operations {
  try {
    return readManifest(path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const message = `must be the path of an apollo-persisted-query-manifest, version 1, or of a map of operation texts by id (${code ?? 'not a manifest'})`;
    context.addIssue({ code: 'custom', message });
    return z.NEVER;
  }
}
