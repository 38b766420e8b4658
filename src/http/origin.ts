/** Scheme, host and port, as `Origin` has them; a slash at the end is often copied with them. */
const ORIGIN = /^[a-z][a-z0-9+.-]*:\/\/[^\s/?#@\\]+\/?$/i;
/** Schemes of pages without an origin, and of no pages. */
const NOT_OF_PAGES = ['file:', 'data:', 'blob:', 'about:', 'ftp:', 'ws:', 'wss:'];

/** Why no page can have this origin, or none may be allowed; `null`: it may. */
export function faultOfOrigin(text: string): string | null {
  if (text.includes('*'))
    return 'must not have a wildcard: each page that it allows may use the session of its visitor; list the origins';
  if (text === 'null')
    return 'must not have null, the origin of every local file and sandboxed frame';
  return ORIGIN.test(text) && URL.canParse(text) && !NOT_OF_PAGES.includes(new URL(text).protocol)
    ? null
    : 'must be exact origins such as https://app.example.com or capacitor://localhost, without a path, comma separated';
}

/** The origin as browsers send it. That of a scheme that the URL standard does not know, an application's own, is opaque there. */
export function originOf(text: string): string {
  const { origin, protocol, host } = new URL(text);
  return origin === 'null' ? `${protocol}//${host}` : origin;
}
