import { type Config, ConfigError, configOf } from '../config.js';
import { type Environment, FILE } from '../environment.js';
import { type Finding, fault, ok, warning } from './finding.js';

interface Configuration {
  /** Without the variables at fault; `null`: the others cannot be told. */
  config: Config | null;
  faulty: readonly string[];
  findings: Finding[];
}

export function checkConfiguration(environment: Environment): Configuration {
  const { config, faults, warnings } = attempt(environment);
  const findings = [
    ...(faults.length === 0 && config ? describe(config).map((text) => ok(text)) : []),
    ...faults.map((text) => fault(text)),
    ...warnings.map((text) => warning(text)),
  ];
  const faulty = faults.map((text) => text.split(' ')[0] as string);
  // Production requires more, which would be one more fault.
  const without = new Set([...faulty, 'NODE_ENV']);
  const rest = Object.entries(environment.variables).filter(([name]) => !without.has(name));
  const readable = faulty.includes(FILE)
    ? null
    : { variables: Object.fromEntries(rest), faults: [] };
  return { config: config ?? (readable && attempt(readable).config), faulty, findings };
}

function attempt(environment: Environment) {
  try {
    const config = configOf(environment);
    return { config, faults: [], warnings: config.warnings };
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return { config: null, faults: error.faults, warnings: error.warnings };
  }
}

function describe(config: Config): string[] {
  const features = {
    'GraphQL IDE': config.graphqlIde,
    metrics: config.metricsPort !== null,
    'other origins': config.corsOrigins.length > 0,
    'trusted proxies': config.trustProxy.length > 0,
    'rate limit': config.rateLimit !== null,
    'anonymous rate limit': config.rateLimitAnonymous !== null,
    'list of operations': config.operations !== null,
    'GitHub App': config.github !== null,
    'maximum age of sessions': config.sessionMaxAge !== null,
  };
  const names = (on: boolean) =>
    Object.entries(features)
      .filter(([, isOn]) => isOn === on)
      .map(([name]) => name)
      .join(', ') || 'nothing';
  return [
    `${config.environment}, on ${config.host} port ${config.port}`,
    `on: ${names(true)}`,
    `off: ${names(false)}`,
  ];
}
