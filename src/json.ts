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

/**
 * Characters. Node.js would copy a longer text beside the headers, in three bytes for each character until it is
 * written: long-lived, as V8 sees it.
 */
const SENT_AS_BYTES = 64 * 1024;

/** An answer as Node.js sends it with the least memory. */
export function sendable(answer: string): string | Buffer {
  return answer.length > SENT_AS_BYTES ? Buffer.from(answer) : answer;
}
