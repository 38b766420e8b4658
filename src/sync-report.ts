import { progress } from '@clack/prompts';
import type { SyncReport } from './github/sync.js';

/** Milliseconds between two lines where no terminal shows a bar. */
const INTERVAL = 3_000;

/** A bar on a terminal, else a line every few seconds. */
export function syncReport(): SyncReport & { end(summary: string | null): void } {
  const { isTTY, columns } = process.stdout;
  return isTTY && columns > 0 ? barReport() : lineReport();
}

function barReport() {
  const lines: string[] = [];
  let bar: ReturnType<typeof progress> | undefined;
  let shown = 0;
  return {
    progress(done: number, total: number) {
      if (!bar) {
        bar = progress({ max: total });
        bar.start('Asking GitHub');
        // The bar would take Ctrl-C for itself, and exit with 0.
        if (process.stdin.isTTY) process.stdin.setRawMode(false);
      }
      bar.advance(done - shown, `${done} of ${total} installations`);
      shown = done;
    },
    /** A line amid the bar would tear it. */
    line: (text: string) => void lines.push(text),
    end(summary: string | null) {
      if (summary === null) bar?.error('Not ended');
      else bar?.stop();
      for (const line of [...lines, ...(summary === null ? [] : [summary])]) console.log(line);
    },
  };
}

function lineReport() {
  let printedAt = performance.now();
  return {
    progress(done: number, total: number) {
      if (performance.now() - printedAt < INTERVAL) return;
      printedAt = performance.now();
      console.log(`${done} of ${total} installations`);
    },
    line: (text: string) => console.log(text),
    end(summary: string | null) {
      if (summary !== null) console.log(summary);
    },
  };
}
