import xxhash from 'xxhash-wasm';

const { h64 } = await xxhash();

/** XXH64 of a text, in a fifth of the time of `node:crypto`. It hides nothing: whoever picks texts can make two meet. */
export function hash64(text: string): string {
  return h64(text).toString(36);
}
