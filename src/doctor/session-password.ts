import type { Config } from '../config.js';
import { readGenerated } from '../session/session-password.js';
import { type Finding, ok, warning } from './finding.js';

/** Different characters, which a password that was made at random has at least. */
const VARIETY = 12;

export async function checkSessionPassword({
  sessionPassword,
  sessionPasswordPrevious: previous,
  dataDirectory,
}: Config): Promise<Finding[]> {
  const password = sessionPassword ?? (await readGenerated(dataDirectory));
  const where = sessionPassword ? 'configured' : `generated in ${dataDirectory}`;
  const findings = [
    password === null ? warning(`none yet: the start generates it in ${dataDirectory}`) : ok(where),
  ];
  if (password !== null && new Set(password).size < VARIETY)
    findings.push(warning('weak, as it has few different characters: openssl rand -base64 32'));
  if (previous !== null) findings.push(ok('the previous one is accepted as well'));
  if (previous !== null && previous === password)
    findings.push(warning('SESSION_PASSWORD_PREVIOUS is the present one'));
  return findings;
}
