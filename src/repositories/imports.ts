import { BatchedReader, type ReaderDatabase } from '../database/batched-reader.js';
import { rowsPlan } from '../database/rows-plan.js';
import type { InstallationRow } from '../installations/installation.reader.js';
import { isKnown } from '../installations/known.js';
import type { Context } from '../session/context.js';
import { positionOf } from './cursor.js';
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
/** Repositories that one statement reads. */
const PAGE = 1_000;

/** The repositories of an installation that its user may see, from what GitHub says or, without it, from that table. */
export class ImportReader {
  readonly #repositories: RepositoryReader;
  readonly #rows: BatchedReader<ImportedRow[]>;

  constructor(database: ReaderDatabase, repositories: RepositoryReader) {
    this.#repositories = repositories;
    const plan = rowsPlan<ImportedRow>({ entity: ImportedRepository, by: 'installationRowId' });
    this.#rows = new BatchedReader(database, { plan, slots: IMPORT_SLOTS });
  }

  async read(installation: InstallationRow, context: Context): Promise<Import[]> {
    const rows = (await this.#rows.read(String(installation.id))) ?? [];
    if (!isKnown(installation.facts)) return rows.filter(isPublic).map(ofRow(installation));
    const known = new Map(rows.map((row) => [row.githubRepositoryId, row]));
    const repositories = await this.#readAll(installation, context);
    return repositories.map((repository) =>
      ofFacts(installation, repository, known.get(repository.id)),
    );
  }

  async #readAll(installation: InstallationRow, context: Context): Promise<RepositoryRow[]> {
    const all: RepositoryRow[] = [];
    for (;;) {
      const last = all.at(-1);
      const after = last ? positionOf(last) : null;
      const key = { limit: PAGE, after, counted: false };
      const page = await this.#repositories.read(installation, key, context);
      all.push(...(page?.rows ?? []));
      if ((page?.rows.length ?? 0) < PAGE) return all;
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
