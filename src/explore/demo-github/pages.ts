import type { FastifyReply, FastifyRequest } from 'fastify';

export type Page = { Querystring: { per_page?: string; page?: string } };

const DEFAULT_SIZE = 30;

/** The part of a list that a request asks for; `Link` names the next one. */
export function pageOf<Item>(
  items: readonly Item[],
  request: FastifyRequest<Page>,
  reply: FastifyReply,
  longest: number,
): Item[] {
  const size = Math.min(Number(request.query.per_page ?? DEFAULT_SIZE), longest);
  const page = Number(request.query.page ?? 1);
  if (page * size < items.length) setNext(request, reply, { page: String(page + 1) });
  return items.slice((page - 1) * size, page * size);
}

export function setNext(
  { protocol, host, url }: FastifyRequest,
  reply: FastifyReply,
  parameters: Record<string, string>,
): void {
  const next = new URL(url, `${protocol}://${host}`);
  for (const [name, value] of Object.entries(parameters)) next.searchParams.set(name, value);
  reply.header('link', `<${next}>; rel="next"`);
}
