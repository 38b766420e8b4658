import { readFileSync } from 'node:fs';
import type { FastifyRequest } from 'fastify';
import { parse } from 'graphql';
import { z } from 'zod';
import { CodedError } from '../errors.js';
import { HttpError } from '../http/errors.js';
import { isRecord } from '../json.js';

const text = z.string().min(1);
const operation = text.refine(isGraphQL);
/** The output of `@apollo/generate-persisted-query-manifest`. */
const ApolloManifest = z
  .object({
    format: z.literal('apollo-persisted-query-manifest'),
    version: z.literal(1),
    operations: z.array(z.object({ id: text, body: operation })),
  })
  .transform(({ operations }) => new Map(operations.map(({ id, body }) => [id, body])));
/** The output of `relay-compiler` and of GraphQL Code Generator. */
const TextsById = z.record(text, operation).transform((texts) => new Map(Object.entries(texts)));
const Manifest = z.union([ApolloManifest, TextsById]).refine(({ size }) => size > 0);

/** Operation texts by id. */
export type Operations = ReadonlyMap<string, string>;

/** The parts of a request that say what to execute. */
export interface Sent {
  /** With its question mark, or empty. */
  search: string;
  body: unknown;
}

/** How one part of a request names operations. Nothing of it is checked. */
interface Named {
  /** Of GraphQL over HTTP, and of Relay. */
  documentIds: unknown[];
  /** Of Apollo's clients. */
  hashes: unknown[];
  texts: unknown[];
}

/** @throws if the file is missing or not a manifest */
export function readManifest(path: string): Operations {
  return Manifest.parse(JSON.parse(readFileSync(path, 'utf8')));
}

/** A safelist of operations, compared character by character. */
export class OperationsManifest {
  readonly #operations: Operations;
  readonly #texts: ReadonlySet<unknown>;

  constructor(operations: Operations) {
    this.#operations = operations;
    this.#texts = new Set(operations.values());
  }

  /**
   * Checks every id, and every text that Apollo Server could take from a request.
   *
   * @returns what to execute: by its text, where an id names it
   */
  admit(request: FastifyRequest): Sent {
    const [chosen, ignored] = namedIn(request);
    const ids = [...chosen.documentIds, ...chosen.hashes];
    const known = ids.map((id) => this.#textOf(id));
    const texts = [...chosen.texts, ...ignored.texts];
    if (known.includes(undefined) || !texts.every((text) => this.#texts.has(text)))
      throw new CodedError('QUERY_NOT_IN_SAFELIST');
    if (countOf(chosen) > 0 && countOf(ignored) > 0)
      throw new HttpError(400, 'Name the operation in the URL or in the body, not in both');
    if (ids.length > 1 || chosen.texts.length > 1)
      throw new HttpError(400, 'Send one operation, by one id or one text');
    const [text] = known;
    if (text === undefined) return sentIn(request);
    if (chosen.texts.length > 0 && chosen.texts[0] !== text)
      throw new CodedError('QUERY_NOT_IN_SAFELIST');
    return rewritten(request, { query: text });
  }

  #textOf(id: unknown): string | undefined {
    // The appendix "Persisted Documents" of GraphQL over HTTP puts the kind of hash before it.
    return typeof id === 'string'
      ? (this.#operations.get(id) ?? this.#operations.get(id.replace(/^sha256:/, '')))
      : undefined;
  }
}

/** Without a manifest: to any form of an id, Apollo Server answers PERSISTED_QUERY_NOT_SUPPORTED. */
export function withoutManifest(request: FastifyRequest): Sent {
  const [{ hashes, documentIds, texts }] = namedIn(request);
  return documentIds.length > 0 && hashes.length === 0 && texts.length === 0
    ? rewritten(request, { persistedQuery: { version: 1 } })
    : sentIn(request);
}

function sentIn({ url, body }: FastifyRequest): Sent {
  return { search: searchOf(url), body };
}

/** The part of a request that Apollo Server reads, and the other one. */
function namedIn(request: FastifyRequest): [Named, Named] {
  const parameters = new URLSearchParams(searchOf(request.url));
  const inUrl = named(
    parameters.getAll('query'),
    [...parameters.getAll('documentId'), ...parameters.getAll('doc_id')],
    parameters.getAll('extensions').map(parsed),
  );
  const { query, documentId, doc_id, extensions } = isRecord(request.body) ? request.body : {};
  const inBody = named([query], [documentId, doc_id], [extensions]);
  return request.method === 'GET' ? [inUrl, inBody] : [inBody, inUrl];
}

/** Clients send null for an id or a text that they do not have. */
function named(queries: unknown[], documentIds: unknown[], extensions: unknown[]): Named {
  const ids = documentIds.filter((id) => id !== undefined && id !== null);
  const hashes = extensions
    .map((extension) => persistedQueryIn(extension)?.sha256Hash)
    .filter((hash) => hash !== undefined);
  const hasId = ids.length + hashes.length > 0;
  const texts = queries.filter((query) => query !== undefined && (Boolean(query) || !hasId));
  return { documentIds: ids, hashes, texts };
}

const countOf = ({ documentIds, hashes, texts }: Named) =>
  documentIds.length + hashes.length + texts.length;

function persistedQueryIn(extensions: unknown): Record<string, unknown> | undefined {
  const persistedQuery = isRecord(extensions) ? extensions.persistedQuery : undefined;
  return isRecord(persistedQuery) ? persistedQuery : undefined;
}

/** The request with this text or this extension in place of its ids. */
function rewritten(
  request: FastifyRequest,
  { query, persistedQuery }: { query?: string; persistedQuery?: object },
): Sent {
  const { search, body } = sentIn(request);
  if (request.method !== 'GET') {
    const { documentId, doc_id, extensions, ...rest } = body as Record<string, unknown>;
    return { search, body: { ...rest, query, ...extended(extensions, persistedQuery) } };
  }
  const parameters = new URLSearchParams(search);
  for (const name of ['documentId', 'doc_id']) parameters.delete(name);
  if (query !== undefined) parameters.set('query', query);
  const { extensions } = extended(parsed(parameters.get('extensions') ?? ''), persistedQuery);
  if (extensions !== undefined) parameters.set('extensions', JSON.stringify(extensions));
  return { search: `?${parameters}`, body };
}

function extended(extensions: unknown, persistedQuery?: object): { extensions?: unknown } {
  if (isRecord(extensions) || persistedQuery)
    return { extensions: { ...(extensions as object), persistedQuery } };
  return extensions === undefined ? {} : { extensions };
}

/** The query string of a URL with its question mark, or an empty string. */
function searchOf(url: string): string {
  const start = url.indexOf('?');
  return start === -1 ? '' : url.slice(start);
}

function parsed(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return undefined;
  }
}

function isGraphQL(text: string): boolean {
  try {
    return Boolean(parse(text));
  } catch {
    return false;
  }
}
