export interface SyncSummary {
  /** Installations that GitHub was asked for. */
  checked: number;
  /** Of them, those that were written. */
  changed: number;
  /** Those that GitHub does not know any more, and that are hidden now. */
  missing: number;
  /** Changed ones that a delivery should have told of; a push is none of these changes. */
  repaired: number;
  failed: number;
  /** Left to the refetch, as deliveries kept arriving. */
  raced: number;
  redelivered: number;
}

export const NOTHING: SyncSummary = {
  checked: 0,
  changed: 0,
  missing: 0,
  repaired: 0,
  failed: 0,
  raced: 0,
  redelivered: 0,
};

export function summaryText(summary: SyncSummary): string {
  const { checked, changed, missing, repaired, failed, raced, redelivered } = summary;
  const more = [
    ...(raced > 0 ? [`; ${raced} left to later, as they kept changing`] : []),
    ...(redelivered > 0 ? [`; ${redelivered} deliveries asked for again`] : []),
  ];
  return `checked ${checked}, changed ${changed}, missing ${missing}, repaired ${repaired}, failed ${failed}${more.join('')}`;
}
