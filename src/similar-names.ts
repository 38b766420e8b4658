/** Differences up to which two names are taken for one, by the length of the known one. Short names have neighbours. */
const allowedDifferences = (length: number) => (length < 6 ? -1 : length < 10 ? 1 : 2);

/** Of the known names, the one that another was probably meant to be; `null`: none is close. */
export function similarName(name: string, known: readonly string[]): string | null {
  const plain = plainName(name);
  return known.find((other) => isMeant(plain, plainName(other))) ?? null;
}

/** Case, separators and the plural are often mistaken. */
function plainName(name: string): string {
  return name
    .toUpperCase()
    .replace(/[^A-Z0-9]/g, '')
    .replace(/IES$/, 'Y')
    .replace(/(?<=.{6})S$/, '');
}

function isMeant(name: string, other: string): boolean {
  return (
    sortedLetters(name) === sortedLetters(other) ||
    differences(name, other) <= allowedDifferences(other.length)
  );
}

function sortedLetters(name: string): string {
  return [...name].sort().join('');
}

/** Levenshtein distance. */
function differences(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, column) => column);
  for (const letter of from) {
    const next = [(row[0] as number) + 1];
    for (const [at, other] of [...to].entries()) {
      const replaced = (row[at] as number) + (letter === other ? 0 : 1);
      next.push(Math.min(replaced, (row[at + 1] as number) + 1, (next[at] as number) + 1));
    }
    row = next;
  }
  return row[to.length] as number;
}
