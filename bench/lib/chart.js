import { thousands } from './figures.js';

const WIDTH = 760;
const NAMES = 264;
const BARS = WIDTH - NAMES - 76;
const STEP = 34;

// Greys of middle lightness can be read on white and on black; who prefers dark gets brighter ones.
const STYLE = `
  text { font: 13px system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif; fill: #57606a }
  .title { font-size: 15px; font-weight: 600 }
  .small { font-size: 11px }
  .ours { font-weight: 600; fill: #1a7f37 }
  rect { fill: #8c959f; opacity: .75 }
  rect.ours { fill: #2da44e; opacity: 1 }
  @media (prefers-color-scheme: dark) {
    text { fill: #9da7b3 }
    .ours { fill: #3fb950 }
    rect { fill: #6e7681 }
  }`;

const escaped = (text) => text.replace(/[&<>]/g, (sign) => `&#${sign.charCodeAt(0)};`);

function bar({ name, title, remarks, median }, most, y) {
  const mark = name === 'ours' ? ' class="ours"' : '';
  const width = Math.max(1, (median / most) * BARS).toFixed(1);
  const note = remarks
    ? `<text class="small" x="${NAMES - 10}" y="${y + 24}" text-anchor="end">${escaped(remarks)}</text>`
    : '';
  return `<text${mark} x="${NAMES - 10}" y="${y + (remarks ? 11 : 16)}" text-anchor="end">${escaped(title)}</text>${note}
  <rect${mark} x="${NAMES}" y="${y + 1}" width="${width}" height="20" rx="3"/>
  <text${mark} x="${NAMES + Number(width) + 8}" y="${y + 16}">${thousands(median)}</text>`;
}

function panel({ title, candidates }, top) {
  const most = Math.max(...candidates.map(({ median }) => median));
  const sorted = candidates.toSorted((a, b) => b.median - a.median);
  const bars = sorted.map((candidate, index) => bar(candidate, most, top + 30 + index * STEP));
  return `<text class="title" x="0" y="${top + 14}">${escaped(title)}, requests a second</text>\n  ${bars.join('\n  ')}`;
}

const heightOf = ({ candidates }) => 30 + candidates.length * STEP + 16;

/** Draws one panel of horizontal bars for each kind of request. */
export function chart(panels) {
  let height = 0;
  const drawn = panels.map((each) => {
    const top = height;
    height += heightOf(each);
    return panel(each, top);
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" role="img" aria-label="Requests a second of this server and its peers">
  <style>${STYLE}
  </style>
  ${drawn.join('\n  ')}
</svg>
`;
}
