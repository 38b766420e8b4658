/** JSON, at once or later. */
export type Text = string | Promise<string>;

/**
 * Texts with commas between them. Once one of them is a promise or fails, the rest are begun all the same, as
 * `graphql` begins all fields and items: it then handles the rejections of those that are promises already.
 */
export function concatenate(
  open: string,
  count: number,
  write: (at: number) => Text,
  close: string,
): Text {
  let text = open;
  for (let at = 0; at < count; at++) {
    if (at > 0) text += ',';
    const written = attempt(write, at);
    if (typeof written !== 'string')
      return concatenateLater(text, written, at, count, write, close);
    text += written;
  }
  return text + close;
}

async function concatenateLater(
  text: string,
  first: Promise<string>,
  at: number,
  count: number,
  write: (at: number) => Text,
  close: string,
): Promise<string> {
  const texts: Text[] = [first];
  for (let next = at + 1; next < count; next++) texts.push(attempt(write, next));
  // Not by `join`, which copies long texts once more at each level.
  const [head = '', ...tail] = await Promise.all(texts);
  return tail.reduce((all, part) => `${all},${part}`, text + head) + close;
}

/** What is thrown becomes a rejection, so that no other one is left unhandled. */
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
  // `graphql` leaves the value out.
  if (!isPromise(text)) throw new Error('`then` has returned no promise');
  return text;
}
