import { existsSync } from 'node:fs';
import { isIP } from 'node:net';
import { resolve } from 'node:path';
import { loadEnvFile } from 'node:process';
import { z } from 'zod';
import { type Operations, readManifest } from './graphql/operations-manifest.js';

/** The validated configuration, frozen. A disabled feature is `null`. */
export type Config = Readonly<ReturnType<typeof toConfig>>;

/** Names every invalid variable. */
export class ConfigError extends Error {
  /** Each begins with the name of the variable, and shows no value, which may be secret. */
  readonly faults: readonly string[];

  constructor(faults: readonly string[]) {
    super(['Invalid configuration:', ...faults.map((fault) => `  ${fault}`)].join('\n'));
    this.faults = faults;
  }
}

const commaSeparated = z
  .string()
  .default('')
  .transform((text) =>
    text
      .split(',')
      .map((item) => item.trim())
      .filter(Boolean),
  );
const wholeNumber = (min: number, max: number) =>
  z
    .string()
    .regex(/^\d+$/, `must be a whole number from ${min} to ${max}`)
    .transform(Number)
    .pipe(z.number().min(min, `must be at least ${min}`).max(max, `must be at most ${max}`));
const password = z.string().min(32, 'must have 32 characters or more');
const flag = z
  .enum(['true', 'false'], 'must be true or false')
  .transform((text) => text === 'true');

const Environment = z
  .object({
    DATABASE_URL: z
      .string()
      .refine(isPostgresUrl, 'must be a postgresql:// URL with a host and a database')
      .optional(),
    DATA_DIR: z.string().default('.data'),
    SESSION_PASSWORD: password.optional(),
    NUXT_SESSION_PASSWORD: password.optional(),
    SESSION_PASSWORD_PREVIOUS: password.optional(),
    SESSION_MAX_AGE: wholeNumber(1, 10 ** 10).optional(),
    HOST: z.string().optional(),
    PORT: wholeNumber(0, 65_535).default(4000),
    METRICS_PORT: wholeNumber(0, 65_535).optional(),
    CORS_ORIGINS: commaSeparated.refine(
      (origins) => origins.every(isOrigin),
      'must be exact origins such as https://app.example.com, without a path, comma separated',
    ),
    RATE_LIMIT: wholeNumber(0, 10 ** 9).default(6000),
    RATE_LIMIT_ANONYMOUS: wholeNumber(0, 10 ** 9).default(600),
    TRUST_PROXY: commaSeparated.refine(
      (addresses) => addresses.every(isAddressOrNetwork),
      'must be addresses or networks such as 10.0.0.1 or 10.0.0.0/8, comma separated',
    ),
    GRAPHQL_IDE: flag.optional(),
    OPERATIONS_MANIFEST: z.string().transform(readOperations).optional(),
    KEEP_ALIVE_TIMEOUT: wholeNumber(1, 86_400).default(72),
    SHUTDOWN_DELAY: wholeNumber(0, 15).default(0),
    NODE_ENV: z
      .enum(['development', 'production', 'test'], 'must be development, production or test')
      .default('development'),
    LOG_LEVEL: z
      .enum(
        ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'],
        'must be fatal, error, warn, info, debug, trace or silent',
      )
      .default('info'),
  })
  .refine(
    ({ NODE_ENV, SESSION_PASSWORD, NUXT_SESSION_PASSWORD }) =>
      NODE_ENV !== 'production' || SESSION_PASSWORD || NUXT_SESSION_PASSWORD,
    {
      path: ['SESSION_PASSWORD'],
      message:
        'is required in production: the password that seals the session cookie in the web application',
      // Checked beside other faults, so that all are reported at once.
      when: () => true,
    },
  );

export const VARIABLES = Object.keys(Environment.shape);

/** @throws {ConfigError} with the names, never the values, of invalid variables */
export function loadConfig(env: NodeJS.ProcessEnv = processEnvironment()): Config {
  // Shells and compose files set a variable to the empty string to unset it.
  const set = Object.fromEntries(Object.entries(env).filter(([, value]) => value?.trim()));
  const parsed = Environment.safeParse(set);
  if (parsed.success) return Object.freeze(toConfig(parsed.data));
  throw new ConfigError(
    parsed.error.issues.map((issue) => `${issue.path.join('.')} ${issue.message}`),
  );
}

function toConfig(env: z.output<typeof Environment>) {
  const production = env.NODE_ENV === 'production';
  return {
    environment: env.NODE_ENV,
    /** `null`: the embedded database in `dataDirectory`. */
    databaseUrl: env.DATABASE_URL ?? null,
    /** Absolute path; holds the embedded database and the development password. */
    dataDirectory: resolve(env.DATA_DIR),
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
  };
}

/** The variables of the process, which win over those of an optional `.env` file. */
export function processEnvironment(): NodeJS.ProcessEnv {
  if (existsSync('.env')) loadEnvFile('.env');
  return process.env;
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

function isPostgresUrl(text: string): boolean {
  const url = parseUrl(text);
  return url !== null && /^postgres(ql)?:$/.test(url.protocol) && url.pathname.length > 1;
}

function parseUrl(text: string): URL | null {
  return URL.canParse(text) ? new URL(text) : null;
}

function isOrigin(text: string): boolean {
  const url = parseUrl(text);
  return url !== null && /^https?:$/.test(url.protocol) && url.origin === text;
}

function isAddressOrNetwork(text: string): boolean {
  const [address = '', bits, ...rest] = text.split('/');
  const version = isIP(address);
  if (version === 0 || rest.length > 0) return false;
  return (
    bits === undefined ||
    (/^[1-9]\d{0,2}$/.test(bits) && Number(bits) <= (version === 4 ? 32 : 128))
  );
}
