import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism, cpus, totalmem } from 'node:os';
import { dirname, join } from 'node:path';

const results = join(dirname(import.meta.dirname), 'results');
const file = join(results, 'figures.json');

export function median(numbers) {
  const sorted = [...numbers].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** @param share from 0 to 1 */
export const percentile = (sorted, share) =>
  sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];

/** Rounds every number to what is meant, for files that people read. */
export function rounded(value) {
  return JSON.parse(
    JSON.stringify(value, (_, part) =>
      typeof part === 'number' ? Number(part.toPrecision(4)) : part,
    ),
  );
}

/** Writes one section of figures.json and keeps the others. */
export function saveFigures(section, figures) {
  mkdirSync(results, { recursive: true });
  let before = {};
  try {
    before = JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    // the first time there is none
  }
  const machine = {
    processor: cpus()[0].model,
    cores: availableParallelism(),
    memory: `${Math.round(totalmem() / 2 ** 30)} GiB`,
    node: process.version,
  };
  const figuresNow = {
    machine,
    measured: new Date().toISOString().slice(0, 10),
    ...rounded(figures),
  };
  writeFileSync(file, `${JSON.stringify({ ...before, [section]: figuresNow }, null, 2)}\n`);
}

export function saveChart(svg) {
  mkdirSync(results, { recursive: true });
  writeFileSync(join(results, 'chart.svg'), svg);
}

/** Prints a Markdown table; a column whose title ends with a space is aligned to the right. */
export function printTable(columns, rows) {
  const widths = columns.map((title, index) =>
    Math.max(3, title.length, ...rows.map((row) => String(row[index]).length)),
  );
  const line = (cells) =>
    `| ${cells.map((cell, index) => pad(String(cell), widths[index], columns[index])).join(' | ')} |`;
  const rule = columns.map((title, index) =>
    isRight(title) ? `${'-'.repeat(widths[index] - 1)}:` : '-'.repeat(widths[index]),
  );
  console.log(`\n${[line(columns), `| ${rule.join(' | ')} |`, ...rows.map(line)].join('\n')}\n`);
}

const isRight = (title) => title.endsWith(' ');
const pad = (cell, width, title) => (isRight(title) ? cell.padStart(width) : cell.padEnd(width));

export const thousands = (number) => Math.round(number).toLocaleString('en');
export const verdict = (kept) => (kept ? 'pass' : 'MISS');
