/** Bytes. PostgreSQL's index on the id holds no more, so that no longer id can exist. */
const MAX_ID_BYTES = 2_700;

export function holdsId(_type: string, id: string): boolean {
  return Buffer.byteLength(id) <= MAX_ID_BYTES && !id.includes('\0') && id.isWellFormed();
}
