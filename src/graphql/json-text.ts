/** JSON, or a promise of it. */
export type Text = string | Promise<string>;

/** Concatenates the texts from 0 to `count`, between `open` and `close`. */
export function concatenate(
  open: string,
  count: number,
  write: (at: number) => Text,
  close: string,
): Text {
  let text = open;
  let at = 0;
  let written: Text = '';
  try {
    for (; at < count; at++) {
      written = write(at);
      if (typeof written !== 'string') break;
      text += written;
    }
  } catch (error) {
    written = Promise.reject(error);
  }
  if (typeof written === 'string') return text + close;
  return concatenateLater(text, written, at + 1, count, write, close);
}

/** Begins the rest after a promise or a failure all the same, as `graphql` does. `text` precedes it, `next` follows it. */
function concatenateLater(
  text: string,
  first: Promise<string>,
  next: number,
  count: number,
  write: (at: number) => Text,
  close: string,
): Promise<string> {
  if (next === count) return first.then((late) => text + late + close);
  const texts: Text[] = [first];
  for (let at = next; at < count; at++) texts.push(attempt(write, at));
  // Not by `join`, which copies long texts once more at each level.
  return Promise.all(texts).then((parts) => parts.reduce((all, part) => all + part, text) + close);
}

/** Turns what is thrown into a rejection, so that no other one is left unhandled. */
function attempt(write: (at: number) => Text, at: number): Text {
  try {
    return write(at);
  } catch (error) {
    return Promise.reject(error);
  }
}

/** As `graphql` knows promises: by `then`. */
export function isPromise<Value>(value: unknown): value is Promise<Value> {
  return typeof (value as PromiseLike<Value> | null | undefined)?.then === 'function';
}

export function then<Value>(value: Value | PromiseLike<Value>, work: (value: Value) => Text): Text {
  if (!isPromise<Value>(value)) return work(value as Value);
  const text = value.then(work);
  // `graphql` leaves such a value out.
  if (!isPromise(text)) throw new Error('`then` has returned no promise');
  return text;
}
