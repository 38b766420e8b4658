import { cookieOf } from './server.js';

export interface Visit {
  status: number;
  /** Where the redirects have ended. */
  url: string;
  text: string;
  headers: Headers;
  /** All addresses, the last one included. */
  via: string[];
}

/** What a browser keeps and does, as far as HTTP shows it: cookies of a host, and redirects. */
export class Agent {
  readonly cookies = new Map<string, Map<string, string>>();

  /** Signs in at a server. */
  async signIn(serverUrl: string, userId: string): Promise<this> {
    const [name = '', value = ''] = (await cookieOf(userId)).split(/=(.*)/s);
    this.#of(serverUrl).set(name, value);
    return this;
  }

  signOut(serverUrl: string): void {
    this.#of(serverUrl).delete('neptun-session');
  }

  /** @param stopAt is not followed: an address that begins so */
  async open(
    url: string,
    { stopAt, headers = {} }: { stopAt?: string; headers?: Record<string, string> } = {},
  ): Promise<Visit> {
    const via: string[] = [];
    for (let next = url; ; ) {
      via.push(next);
      const cookie = [...this.#of(next)].map(([name, value]) => `${name}=${value}`).join('; ');
      const answer = await fetch(next, {
        redirect: 'manual',
        headers: { accept: 'text/html', ...headers, ...(cookie && { cookie }) },
      });
      for (const text of answer.headers.getSetCookie()) {
        const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(text) ?? [];
        this.#of(next).set(name, value);
      }
      const location = answer.headers.get('location');
      if (location === null || (stopAt && new URL(location, next).href.startsWith(stopAt))) {
        const end = location === null ? next : new URL(location, next).href;
        if (location !== null) via.push(end);
        return {
          status: answer.status,
          url: end,
          text: await answer.text(),
          headers: answer.headers,
          via,
        };
      }
      next = new URL(location, next).href;
      if (via.length > 20) throw new Error(`redirects without end: ${via.join(' ')}`);
    }
  }

  #of(url: string): Map<string, string> {
    const { host } = new URL(url);
    const cookies = this.cookies.get(host) ?? new Map<string, string>();
    this.cookies.set(host, cookies);
    return cookies;
  }
}
