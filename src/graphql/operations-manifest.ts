import { readFileSync } from 'node:fs';
import type { FastifyRequest } from 'fastify';
import { z } from 'zod';
import { CodedError } from '../errors.js';

/** The output of `@apollo/generate-persisted-query-manifest`. */
const Manifest = z.object({
  format: z.literal('apollo-persisted-query-manifest'),
  version: z.literal(1),
  operations: z.array(z.object({ id: z.string().min(1), body: z.string().min(1) })).min(1),
});

/** Operation texts by id. */
export type Operations = ReadonlyMap<string, string>;

type Body = {
  query?: unknown;
  extensions?: { persistedQuery?: { sha256Hash?: unknown } };
} | null;

/** @throws if the file is missing or not a manifest */
export function readManifest(path: string): Operations {
  const { operations } = Manifest.parse(JSON.parse(readFileSync(path, 'utf8')));
  return new Map(operations.map(({ id, body }) => [id, body]));
}

/** A safelist of operations, compared character by character. */
export class OperationsManifest {
  readonly #operations: Operations;
  readonly #texts: ReadonlySet<unknown>;

  constructor(operations: Operations) {
    this.#operations = operations;
    this.#texts = new Set(operations.values());
  }

  /** Checks all texts that Apollo Server could take from a request, and adds the text to a POST with only an id. */
  admit(request: FastifyRequest): void {
    const { query, extensions } = (request.body as Body) ?? {};
    const id = extensions?.persistedQuery?.sha256Hash;
    if (query === undefined && id !== undefined) {
      const text = this.#operations.get(id as string);
      if (text === undefined) throw new CodedError('QUERY_NOT_IN_SAFELIST');
      request.body = {
        ...(request.body as object),
        query: text,
        extensions: { ...extensions, persistedQuery: undefined },
      };
      return;
    }
    const texts = new URLSearchParams(searchOf(request.url)).getAll('query') as unknown[];
    if (query !== undefined) texts.push(query);
    for (const text of texts) {
      if (!this.#texts.has(text)) throw new CodedError('QUERY_NOT_IN_SAFELIST');
    }
  }
}

/** The query string of a URL with its question mark, or an empty string. */
export function searchOf(url: string): string {
  const start = url.indexOf('?');
  return start === -1 ? '' : url.slice(start);
}
