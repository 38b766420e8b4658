import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const DOCUMENT = readFileSync(join(process.cwd(), 'test/examples/document.md'), 'utf8');
const HOST = 'https://neptun-webui.vercel.app';

/** The code of the document in one language; only the host is replaced. */
export function documentedCode(language: 'python' | 'bash' | 'typescript', url: string): string {
  const blocks = DOCUMENT.matchAll(new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\`$`, 'gms'));
  return [...blocks]
    .map(([, code]) => code)
    .join('\n')
    .replaceAll(HOST, url);
}
