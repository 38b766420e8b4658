export interface Finding {
  readonly level: 'ok' | 'warning' | 'fault';
  readonly text: string;
}

export const ok = (text: string): Finding => ({ level: 'ok', text });
/** Nothing is wrong, but an operator should know. */
export const warning = (text: string): Finding => ({ level: 'warning', text });
export const fault = (text: string): Finding => ({ level: 'fault', text });

const MARKS = { ok: '✓', warning: '!', fault: '✗' } as const;

export function writeFindings(title: string, findings: readonly Finding[]): string {
  return [title, ...findings.map(({ level, text }) => `  ${MARKS[level]} ${text}`)].join('\n');
}
