import { type Config, ConfigError, loadConfig } from '../config.js';
import { type Finding, fault, ok } from './finding.js';

interface Configuration {
  /** Without the variables at fault. */
  config: Config;
  faulty: readonly string[];
  findings: Finding[];
}

export function checkConfiguration(env: NodeJS.ProcessEnv): Configuration {
  try {
    const config = loadConfig(env);
    return { config, faulty: [], findings: describe(config).map((text) => ok(text)) };
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    const faulty = error.faults.map((text) => text.split(' ')[0] as string);
    // Production requires more, which would be one more fault.
    const rest = Object.entries(env).filter(([name]) => ![...faulty, 'NODE_ENV'].includes(name));
    return {
      config: loadConfig(Object.fromEntries(rest)),
      faulty,
      findings: error.faults.map((text) => fault(text)),
    };
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
