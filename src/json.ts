/** What `JSON.stringify` escapes: quotes, backslashes, controls and surrogates, which may be alone. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: JSON escapes them (RFC 8259 §7)
const ESCAPED = /["\\\u0000-\u001f\ud800-\udfff]/;

/** A text as `JSON.stringify` writes it, which is slower where nothing is escaped. */
export function quote(text: string): string {
  return ESCAPED.test(text) ? JSON.stringify(text) : `"${text}"`;
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
