import { createHash } from 'node:crypto';
import { browserPolicy } from './browser-policy.js';

const STYLE = `
:root { color-scheme: light dark; --line: #d5d9e0; --quiet: #59636e; --panel: #f5f7f9; --link: #0550ae; }
@media (prefers-color-scheme: dark) {
  :root { --line: #3b424c; --quiet: #9ba5b0; --panel: #1c2128; --link: #79b8ff; }
  body { background: #12161b; color: #e6e9ed; }
}
body { margin: 0; font: 1rem/1.5 system-ui, sans-serif; }
main { max-width: 44rem; margin: 0 auto; padding: 2rem 1rem; }
h1 { margin: 0; font-size: 1.6rem; line-height: 1.25; }
h2 { margin: 2rem 0 .5rem; font-size: 1.1rem; }
p { margin: .25rem 0; }
dt { font-weight: 600; }
a { color: var(--link); }
code { font: .9em ui-monospace, monospace; }
a, b, code { overflow-wrap: anywhere; }
.quiet, dd { color: var(--quiet); }
.viewer { margin-top: 1.5rem; padding: .75rem 1rem; border: 1px solid var(--line); border-radius: .5rem;
  background: var(--panel); display: flex; flex-wrap: wrap; gap: .5rem 1rem; align-items: center;
  justify-content: space-between; }
dl { margin: 0; border-top: 1px solid var(--line); }
dl div { display: grid; grid-template-columns: 14rem 1fr; gap: 0 1rem; padding: .5rem 0;
  border-bottom: 1px solid var(--line); }
dd { margin: 0; }
form { display: flex; flex-wrap: wrap; gap: .5rem; align-items: center; margin: .75rem 0 0; }
.viewer form { margin: 0; }
input { flex: 1 1 8rem; min-width: 0; }
input, button { font: inherit; color: inherit; background: transparent; padding: .3rem .7rem;
  border: 1px solid var(--line); border-radius: .4rem; }
button { background: var(--panel); cursor: pointer; }
.viewer button { background: transparent; }
::placeholder { color: var(--quiet); }
@media (max-width: 36rem) { dl div { grid-template-columns: 1fr; } }
`;

/** Of a page: nothing but its own style, and forms to this server. */
export const PAGE_POLICY = browserPolicy({
  styleSrc: [`'sha256-${createHash('sha256').update(STYLE).digest('base64')}'`],
  imgSrc: ['data:'],
  baseUri: ["'none'"],
  formAction: ["'self'"],
});

/** A page without scripts. @param body HTML  @param head more HTML of the head */
export function page(title: string, body: string, head = ''): string {
  return `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escaped(title)}</title>
<link rel="icon" href="data:,">
${head}<style>${STYLE}</style>
</head>
<body>
<main>
${body}
</main>
</body>
</html>
`;
}

export function escaped(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;');
}
