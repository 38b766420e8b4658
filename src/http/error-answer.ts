import { STATUS_CODES } from 'node:http';
import { type CodedError, errorBody } from '../errors.js';

export const GRAPHQL_PATH = '/graphql';
/** The path as routers read it, also in absolute-form (RFC 9112 §3.2.2). */
const GRAPHQL_TARGET = /^(?:https?:\/\/[^/?]*)?\/+graphql\/*(?:\?|$)/;

export const JSON_TYPE = 'application/json; charset=utf-8';
export const GRAPHQL_TYPE = 'application/graphql-response+json; charset=utf-8';

/** What an error has to fit. */
export interface Asked {
  isGraphQL: boolean;
  accept: string | undefined;
}

export type Failed = CodedError | { status: number; message: string };

export function isGraphQLTarget(url: string): boolean {
  return GRAPHQL_TARGET.test(url);
}

/** An error in the media type and shape of the API that was asked. */
export function errorAnswer({ isGraphQL, accept }: Asked, error: Failed) {
  const { status, message } = error;
  if (!isGraphQL) return { type: JSON_TYPE, body: JSON.stringify(errorBody(status, message)) };
  const answered =
    'extensions' in error
      ? { message, extensions: error.extensions }
      : {
          message: `${STATUS_CODES[status]}: ${message}`,
          extensions: { code: 'BAD_REQUEST' },
        };
  return {
    type: prefersGraphQLType(accept) ? GRAPHQL_TYPE : JSON_TYPE,
    body: JSON.stringify({ errors: [answered] }),
  };
}

/** By quality, then precedence, then order (RFC 9110 §12.5.1), as Apollo Server negotiates its own answers. */
function prefersGraphQLType(accept = '*/*'): boolean {
  const json = rangeOf(accept, 'application/json');
  const graphql = rangeOf(accept, 'application/graphql-response+json');
  const preference =
    graphql.quality - json.quality ||
    graphql.precedence - json.precedence ||
    json.place - graphql.place;
  return graphql.quality > 0 && preference > 0;
}

interface Range {
  precedence: number;
  quality: number;
  place: number;
}

/** The most specific range of an Accept header for a type. */
function rangeOf(accept: string, type: string): Range {
  let best: Range = { precedence: -1, quality: 0, place: 0 };
  for (const [place, text] of accept.toLowerCase().split(',').entries()) {
    const [name = '', ...parameters] = text.split(';').map((part) => part.trim());
    const weight = parameters.find((parameter) => parameter.startsWith('q='));
    const others = parameters.filter((parameter) => parameter !== weight);
    if (!others.every((parameter) => /^charset="?utf-8"?$/.test(parameter))) continue;
    const precedence = 2 * ['*/*', 'application/*', type].indexOf(name) + Math.sign(others.length);
    const quality = weight ? Number.parseFloat(weight.slice(2)) || 0 : 1;
    const isBetter = precedence - best.precedence || quality - best.quality || place - best.place;
    if (precedence >= 0 && isBetter > 0) best = { precedence, quality, place };
  }
  return best;
}
