import { warningsOfDatabaseUrl } from './database/database-url.js';
import { similarName } from './similar-names.js';

const PASSWORDS = ['SESSION_PASSWORD', 'NUXT_SESSION_PASSWORD', 'SESSION_PASSWORD_PREVIOUS'];
const WEBHOOK_SECRETS = ['GITHUB_WEBHOOK_SECRET', 'GITHUB_WEBHOOK_SECRET_PREVIOUS'];
/** Characters of a secret that nobody guesses. */
const SECRET_LENGTH = 16;
/** Of the documentation of nuxt-auth-utils, and of h3. */
const PUBLIC_PASSWORDS = [
  'password-with-at-least-32-characters',
  '80d42cfb-1cd2-462c-8f17-e3237d9027e9',
];

/** What is probably a mistake, and does not keep the server from running. Each names a variable, and shows no value. */
export function warningsOf(variables: NodeJS.ProcessEnv, known: readonly string[]): string[] {
  const trimmed = (name: string) => variables[name]?.trim() ?? '';
  const [password, other] = PASSWORDS.map(trimmed);
  const about = (name: string, warnings: string[]) => warnings.map((text) => `${name} ${text}`);
  return [
    ...misspeltNames(variables, known),
    ...about('DATABASE_URL', warningsOfDatabaseUrl(trimmed('DATABASE_URL'))),
    ...PASSWORDS.flatMap((name) => about(name, warningsOfPassword(variables[name] ?? ''))),
    ...WEBHOOK_SECRETS.filter((name) => trimmed(name) && trimmed(name).length < SECRET_LENGTH).map(
      (name) => `${name} has fewer than ${SECRET_LENGTH} characters: openssl rand -hex 32`,
    ),
    ...(password && other && password !== other
      ? ['NUXT_SESSION_PASSWORD is another one than SESSION_PASSWORD, and is ignored']
      : []),
  ];
}

/** Of a variable that is set, another program may have one with a similar name. */
function misspeltNames(variables: NodeJS.ProcessEnv, known: readonly string[]): string[] {
  const unset = known.filter((name) => !variables[name]?.trim());
  return Object.keys(variables)
    .filter((name) => variables[name]?.trim() && !known.includes(name))
    .flatMap((name) => {
      const meant = similarName(name, unset);
      return meant ? [`${name} is no variable of this server: ${meant} may be meant`] : [];
    });
}

function warningsOfPassword(password: string): string[] {
  const warnings = [];
  if (/^[\r\n]*[ \t]|[ \t][\r\n]*$/.test(password))
    warnings.push('has blanks around it, which are not taken for a part of it');
  if (PUBLIC_PASSWORDS.includes(password.trim()))
    warnings.push('is an example of a documentation: anybody can make sessions');
  return warnings;
}
