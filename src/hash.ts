import xxhash from 'xxhash-wasm';

const { h64 } = await xxhash();

/** XXH64, in a fifth of the time of `node:crypto`. It is no secret: two texts of one caller may be made to collide. */
export function hash64(text: string): string {
  return h64(text).toString(36);
}
