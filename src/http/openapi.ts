import { STATUS_CODES } from 'node:http';

export const ERROR_NAME = 'GetInstallationsError';

/** The body of every error. */
export const ERROR = {
  type: 'object',
  required: ['statusCode', 'statusMessage', 'data'],
  additionalProperties: false,
  properties: {
    statusCode: { type: 'integer', description: 'The HTTP status.' },
    statusMessage: { type: 'string', description: 'The standard reason phrase of the status.' },
    data: {
      type: 'object',
      required: ['message'],
      additionalProperties: false,
      properties: { message: { type: 'string', description: 'What went wrong, and what to do.' } },
    },
  },
};

const text = (description: string) => ({ description, schema: { type: 'string' } });
const count = (description: string) => ({ description, schema: { type: 'integer' } });

/** Of every answer, but for HTTP's own framing. */
const HEADERS = {
  'X-Request-Id': text('The name of this request in the log. A request may bring its own.'),
  'Cache-Control': text('Only the browser may store the answer, and asks again each time.'),
  Vary: text('The request headers that the answer depends on.'),
  'RateLimit-Limit': count('Requests a minute; absent where there is no limit, as the next two.'),
  'RateLimit-Remaining': count('Requests left in this minute.'),
  'RateLimit-Reset': count('Seconds until the minute ends.'),
  'Content-Security-Policy': text('For a browser that shows the answer: it loads nothing.'),
  'Cross-Origin-Resource-Policy': text('For a browser: no other site may embed the answer.'),
  'Referrer-Policy': text('For a browser: no other site learns the address.'),
  'X-Content-Type-Options': text('For a browser: the media type holds.'),
};
export const ETAG = { ETag: text('A strong validator of exactly this answer, for If-None-Match.') };
const ALLOW = { Allow: text('The methods that there are.') };
const WWW_AUTHENTICATE = {
  'WWW-Authenticate': text('The scheme `Cookie`, with the name of the session cookie.'),
};
const RETRY_AFTER = { 'Retry-After': count('Seconds to wait before the next attempt.') };

export const answer = (description: string, schema: object, headers = {}) => ({
  description,
  headers: { ...HEADERS, ...headers },
  content: { 'application/json': { schema } },
});

const ERROR_SCHEMA = { $ref: `#/components/schemas/${ERROR_NAME}` };
export const failure = (status: number, description: string, headers = {}) => ({
  [status]: answer(`${STATUS_CODES[status]}: ${description}`, ERROR_SCHEMA, headers),
});

export const instant = (description: string) => ({
  type: 'string',
  format: 'date-time',
  description,
});

export const USER_ID = {
  name: 'user_id',
  in: 'path',
  required: true,
  description: 'The user’s id, as the session has it.',
  schema: { type: 'string' },
  example: 'user123',
};

export const ROW_ID = {
  name: 'installation_id',
  in: 'path',
  required: true,
  description: 'The `id` of the installation in the list of the user: not GitHub’s own.',
  schema: { type: 'integer' },
  example: 1,
};

export const IF_NONE_MATCH = {
  name: 'If-None-Match',
  in: 'header',
  description: 'An ETag of an earlier answer.',
  schema: { type: 'string' },
};

export const NOT_MODIFIED = {
  304: {
    description: 'Not Modified: the answer that you have still holds.',
    headers: { ...HEADERS, ...ETAG },
  },
};

export const SECURITY = [{ sessionCookie: [] }, { sessionHeader: [] }];

/** What every operation may answer. @param missing what a 404 means. @param allowed the methods that there are */
export const failures = (missing: string, allowed: string) => ({
  ...failure(401, 'the session is missing, forged or expired. Sign in again.', WWW_AUTHENTICATE),
  ...failure(404, missing),
  ...failure(405, `use ${allowed}.`, ALLOW),
  ...failure(429, 'too many requests of this user or address.', RETRY_AFTER),
  ...failure(500, 'unforeseen. Report it with the X-Request-Id of the answer.'),
  ...failure(503, 'the database is away, or the service overloaded.', RETRY_AFTER),
  default: answer('Any other error, in the same shape.', ERROR_SCHEMA),
});
