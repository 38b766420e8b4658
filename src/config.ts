import { resolve } from 'node:path';
import { z } from 'zod';
import { warningsOf } from './config-warnings.js';
import { faultOfDatabaseUrl, withPlainSslMode } from './database/database-url.js';
import { type Environment, isWritableFolder, processEnvironment } from './environment.js';
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
const password = text.pipe(
  z.string().min(MIN_LENGTH, `must have ${MIN_LENGTH} characters or more`),
);
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
    /** What is probably a mistake. */
    warnings,
  };
}

/** Files for `docker --env-file` keep quotes; a quote without its partner takes in the next lines. */
function faultOfText(value: string): string | null {
  if (/^(["'`]).*\1$/s.test(value))
    return 'must not stand in quotes, which are taken for a part of it';
  return /[\r\n]/.test(value) ? 'must be one line' : null;
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
