/**
 * Attacks as code for a page of another origin. `graphql` and `rest` are URLs, `query` is a query, `json`
 * its JSON. The result is the text that the page could read.
 */
export const ATTEMPTS: [string, string][] = [
  // Forms are sent with cookies and without a preflight.
  ['form, urlencoded', "form({ query }, { method: 'post' })"],
  ['form, multipart', "form({ query }, { method: 'post', enctype: 'multipart/form-data' })"],
  [
    'form, JSON as text/plain',
    `form({ [json.slice(0, -1) + ',"x":"']: '"}' }, { method: 'post', enctype: 'text/plain' })`,
  ],
  [
    'form, multipart request of GraphQL',
    "form({ operations: json, map: '{}' }, { method: 'post', enctype: 'multipart/form-data' })",
  ],
  ['form, GET', 'form({ query })'],
  ['form, GET with extensions', "form({ query, extensions: '{}', operationName: '' })"],
  ['form into a frame', "return form({ query }, { method: 'post', target: frame('about:blank') })"],
  ['form into a frame, GET', "return form({ query }, { target: frame('about:blank') })"],

  // fetch without a preflight: safelisted methods, headers and content types (Fetch §2.2).
  ['fetch, GET', "return read(get, { credentials: 'include' })"],
  ['fetch, GET, no-cors', "return read(get, { credentials: 'include', mode: 'no-cors' })"],
  ['fetch, GET, without credentials', 'return read(get)'],
  ['fetch, text/plain', "return post(json, 'text/plain')"],
  ['fetch, text/plain, no-cors', "return post(json, 'text/plain', { mode: 'no-cors' })"],
  ['fetch, urlencoded', 'return post(new URLSearchParams({ query }))'],
  ['fetch, multipart', 'return post(formData({ query }))'],
  ['fetch, multipart request of GraphQL', "return post(formData({ operations: json, map: '{}' }))"],
  ['fetch, no content type', 'return post(new TextEncoder().encode(json))'],
  ['fetch, no content type, no-cors', "return post(new Blob([json]), '', { mode: 'no-cors' })"],
  ['fetch, JSON, no-cors', "return post(json, 'application/json', { mode: 'no-cors' })"],
  ['fetch, JSON as a parameter', "return post(json, 'text/plain; x=application/json')"],
  ['fetch, JSON as a second type', "return post(json, 'text/plain, application/json')"],
  ['fetch, JSON behind a semicolon', "return post(json, 'text/plain;application/json')"],
  [
    'fetch, urlencoded and JSON',
    "return post(json, 'application/x-www-form-urlencoded;application/json')",
  ],
  ['fetch, keepalive', "return post(json, 'text/plain', { keepalive: true })"],
  ['fetch of REST, with credentials', "return read(rest, { credentials: 'include' })"],
  ['fetch of REST, without', 'return read(rest)'],
  ['fetch of REST, no-cors', "return read(rest, { credentials: 'include', mode: 'no-cors' })"],

  // With a preflight, which is refused.
  ['fetch, JSON', "return post(json, 'application/json')"],
  [
    'fetch, JSON, without credentials',
    "return post(json, 'application/json', { credentials: 'omit' })",
  ],
  [
    'fetch, GET, as Apollo asks for',
    "return read(get, { credentials: 'include', headers: { 'apollo-require-preflight': '1' } })",
  ],
  ['fetch, DELETE', "return read(rest, { credentials: 'include', method: 'DELETE' })"],
  ['fetch, PUT', "return read(graphql, { credentials: 'include', method: 'PUT', body: json })"],
  [
    'fetch, another header',
    "return read(rest, { credentials: 'include', headers: { 'x-neptun-session-session': 'x' } })",
  ],
  ['XMLHttpRequest', 'return xhr(json, "application/json")'],
  ['XMLHttpRequest, text/plain', 'return xhr(json, "text/plain")'],

  // Beacons.
  ['beacon, text', 'navigator.sendBeacon(graphql, json)'],
  ['beacon, JSON', "navigator.sendBeacon(graphql, new Blob([json], { type: 'application/json' }))"],
  ['beacon, urlencoded', 'navigator.sendBeacon(graphql, new URLSearchParams({ query }))'],
  ['beacon, multipart', 'navigator.sendBeacon(graphql, formData({ query }))'],

  // Subresources, which load across origins.
  ['script of REST', "return element('script', { src: rest })"],
  ['script of GraphQL, as JSONP', "return element('script', { src: get + '&callback=alert' })"],
  ['module', 'return import(rest).then((module) => JSON.stringify(module))'],
  ['style sheet', "return element('link', { rel: 'stylesheet', href: get })"],
  ['image', "return element('img', { src: get })"],
  ['image, with CORS', "return element('img', { src: get, crossOrigin: 'use-credentials' })"],
  ['video', "return element('video', { src: get, autoplay: true })"],
  ['object', "return element('object', { data: rest })"],
  ['prefetch', "return element('link', { rel: 'prefetch', href: get })"],
  [
    'worker',
    'const source = "importScripts(" + JSON.stringify(get) + ")"; ' +
      'return new Worker(URL.createObjectURL(new Blob([source])))',
  ],
  [
    'cache',
    "const cache = await caches.open('x'); await cache.add(new Request(get, { credentials: 'include', mode: 'no-cors' })); return (await cache.match(get)).text()",
  ],

  // Documents.
  ['frame of REST', 'return frameText(rest)'],
  ['frame of GraphQL', 'return frameText(get)'],
  ['window', 'const opened = open(get); await wait(300); return opened.document.body.textContent'],
  ['navigation', 'location.href = get'],
  ['navigation to REST', 'location.href = rest'],

  // Origin: null.
  ['sandboxed frame, JSON', "return nested('srcdoc', 'application/json')"],
  ['sandboxed frame, text/plain', "return nested('srcdoc', 'text/plain')"],
  ['data: frame, JSON', "return nested('src', 'application/json')"],

  // Other protocols.
  ['EventSource', 'new EventSource(get, { withCredentials: true }); await wait(200)'],
  [
    'WebSocket',
    "const socket = new WebSocket(graphql.replace('http', 'ws'), 'graphql-transport-ws'); socket.onmessage = ({ data }) => seen.push(data); await wait(200); return seen.join()",
  ],
];

/** The page of another origin, with the helpers of the attempts. */
export const PAGE = `<!doctype html><title>Another origin</title><body><script>
const wait = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));
async function attempt({ victim, rest: path, code }) {
  const graphql = victim + '/graphql', rest = victim + path, seen = [];
  const query = '{ viewer { installations { githubInstallationId } } }';
  const json = JSON.stringify({ query });
  const get = graphql + '?' + new URLSearchParams({ query });
  const read = async (url, init) => (await fetch(url, init)).text();
  const post = (body, type, init) => read(graphql, {
    method: 'POST', body, credentials: 'include', ...(type && { headers: { 'content-type': type } }), ...init,
  });
  const formData = (fields) => {
    const data = new FormData();
    for (const name in fields) data.set(name, fields[name]);
    return data;
  };
  const element = (tag, attributes) => new Promise((resolve) => {
    const made = Object.assign(document.createElement(tag), attributes);
    made.onload = () => resolve('loaded ' + (made.sheet ? made.sheet.cssRules.length : ''));
    made.onerror = () => resolve('');
    document.body.append(made);
    setTimeout(resolve, 500, '');
  });
  const frame = (url) => {
    const made = Object.assign(document.createElement('iframe'), { src: url, name: 'framed' });
    document.body.append(made);
    return made.name;
  };
  const frameText = async (url) => {
    frame(url);
    await wait(300);
    return frames[0].document.body.textContent;
  };
  const form = async (fields, attributes) => {
    const made = Object.assign(document.createElement('form'), { action: graphql, ...attributes });
    for (const name in fields) made.append(Object.assign(document.createElement('input'), { name, value: fields[name] }));
    document.body.append(made);
    made.submit();
    await wait(300);
    return frames.length ? frames[0].document.body.textContent : '';
  };
  const xhr = (body, type) => new Promise((resolve) => {
    const request = new XMLHttpRequest();
    request.open('POST', graphql);
    request.withCredentials = true;
    request.setRequestHeader('content-type', type);
    request.onloadend = () => resolve(request.responseText);
    request.send(body);
  });
  const nested = (attribute, type) => new Promise((resolve) => {
    addEventListener('message', ({ data }) => resolve(data));
    const init = JSON.stringify({ method: 'POST', credentials: 'include', body: json, headers: { 'content-type': type } });
    const page = '<script>fetch(' + JSON.stringify(graphql) + ', ' + init + ').then((answer) => answer.text())' +
      '.then((text) => parent.postMessage(text, "*"), () => parent.postMessage("", "*"))<\\/script>';
    const made = document.createElement('iframe');
    made.sandbox = 'allow-scripts';
    made[attribute] = attribute === 'src' ? 'data:text/html,' + encodeURIComponent(page) : page;
    document.body.append(made);
    setTimeout(resolve, 1000, '');
  });
  return eval('(async () => {' + code + '})()');
}
</script>`;
