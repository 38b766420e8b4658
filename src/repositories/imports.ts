import { BatchedReader, type ReaderDatabase } from '../database/batched-reader.js';
import { rowsPlan } from '../database/rows-plan.js';
import type { InstallationRow } from '../installations/installation.reader.js';
import { isKnown } from '../installations/known.js';
import type { Context } from '../session/context.js';
import { ownTurn } from '../turns.js';
import { type Position, positionOf } from './cursor.js';
import { ImportedRepository } from './imported-repository.entity.js';
import type { RepositoryReader, RepositoryRow } from './repository.reader.js';

/** A row of the web application's own table. Instants are ISO 8601, UTC, with milliseconds. */
type ImportedRow = Readonly<
  Omit<ImportedRepository, 'createdAt' | 'updatedAt'> & {
    createdAt: string | null;
    updatedAt: string | null;
  }
>;

/** A repository as the web application's clients know it. */
export type Import = Omit<ImportedRow, 'id' | 'createdAt' | 'updatedAt'> & {
  /** Digits. */
  id: string;
  createdAt: string;
  updatedAt: string;
};

export const IMPORT_SLOTS = { shared: 1, isolated: 1 };
/** Repositories that one statement reads, and one turn writes. */
const PAGE = 500;

/** The repositories of an installation that its user may see, from what GitHub says or, without it, from that table. */
export class ImportReader {
  readonly #repositories: RepositoryReader;
  readonly #rows: BatchedReader<ImportedRow[]>;

  constructor(database: ReaderDatabase, repositories: RepositoryReader) {
    this.#repositories = repositories;
    const plan = rowsPlan<ImportedRow>({ entity: ImportedRepository, by: 'installationRowId' });
    this.#rows = new BatchedReader(database, { plan, slots: IMPORT_SLOTS });
  }

  /** In pages, of which each follows in a turn of its own: all in one would hold up other requests. */
  async *pages(installation: InstallationRow, context: Context): AsyncGenerator<Import[]> {
    const rows = (await this.#rows.read(String(installation.id))) ?? [];
    if (!isKnown(installation.facts)) {
      const seen = rows.filter(isPublic);
      for (let start = 0; start < seen.length; start += PAGE) {
        await ownTurn();
        yield seen.slice(start, start + PAGE).map(ofRow(installation));
      }
      return;
    }
    const known = new Map(rows.map((row) => [row.githubRepositoryId, row]));
    for await (const page of this.#repositoryPages(installation, context)) {
      await ownTurn();
      yield page.map((repository) => ofFacts(installation, repository, known.get(repository.id)));
    }
  }

  async *#repositoryPages(
    installation: InstallationRow,
    context: Context,
  ): AsyncGenerator<readonly RepositoryRow[]> {
    for (let after: Position | null = null; ; ) {
      const key = { limit: PAGE, after, counted: false };
      const { rows = [] } = (await this.#repositories.read(installation, key, context)) ?? {};
      if (rows.length > 0) yield rows;
      const last = rows.at(-1);
      if (!last || rows.length < PAGE) return;
      after = positionOf(last);
    }
  }
}

/** Who may see a private one is not known from that table. */
function isPublic({ isPrivate }: ImportedRow): boolean {
  return isPrivate === false;
}

function ofRow({ createdAt }: InstallationRow): (row: ImportedRow) => Import {
  return (row) => ({
    ...valuesOf(row),
    id: String(row.id),
    createdAt: row.createdAt ?? createdAt,
    updatedAt: row.updatedAt ?? row.createdAt ?? createdAt,
  });
}

/** Rows are views, whose properties do not spread. */
function valuesOf(row: ImportedRow): Omit<Import, 'id' | 'createdAt' | 'updatedAt'> {
  const { installationRowId, githubRepositoryId, name, description, size, language } = row;
  const { license, url, websiteUrl, defaultBranch } = row;
  const { isPrivate, isFork, isTemplate, isArchived } = row;
  return {
    installationRowId: Number(installationRowId),
    githubRepositoryId,
    name,
    description,
    size,
    language,
    license,
    url,
    websiteUrl,
    defaultBranch,
    isPrivate,
    isFork,
    isTemplate,
    isArchived,
  };
}

function ofFacts(
  installation: InstallationRow,
  repository: RepositoryRow,
  row: ImportedRow | undefined,
): Import {
  const { id, name, description, size, language, license, htmlUrl, homepageUrl } = repository;
  const { defaultBranch, isPrivate, isFork, isTemplate, isArchived, updatedAt } = repository;
  const createdAt = row?.createdAt ?? installation.createdAt;
  return {
    id: row ? String(row.id) : id,
    installationRowId: installation.id,
    githubRepositoryId: id,
    name,
    description,
    size,
    language,
    license,
    url: htmlUrl,
    websiteUrl: homepageUrl,
    defaultBranch,
    isPrivate,
    isFork,
    isTemplate,
    isArchived,
    createdAt,
    updatedAt: updatedAt ?? row?.updatedAt ?? createdAt,
  };
}
