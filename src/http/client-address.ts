import { BlockList, isIP } from 'node:net';

/** As proxies write an address: with a port, in brackets, in quotes, with a zone (RFC 7239 §6, RFC 6874). */
const WRITTEN =
  /^"?(?:\[([\da-f:.]+)(?:%[^\]]*)?\](?::\d+)?|([\d.]+)(?::\d+)?|([\da-f:.]+)(?:%.*)?)"?$/i;
/** RFC 4291 §2.5.5.2, as URLs write it. */
const IPV4_MAPPED = /^::ffff:([\da-f]+):([\da-f]+)$/;
/** Addresses of NAT64 (RFC 6052 §2.1), each of which stands for one of IPv4. */
const NAT64 = '64:ff9b::';

/** The one spelling of an address, without its port; `null`: not an address. */
function canonicalAddress(text = ''): string | null {
  const [, bracketed, ipv4, ipv6] = WRITTEN.exec(text) ?? [];
  const address = bracketed ?? ipv4 ?? ipv6 ?? '';
  if (isIP(address) !== 6) return isIP(address) ? address : null;
  const canonical = new URL(`http://[${address}]`).hostname.slice(1, -1);
  const mapped = IPV4_MAPPED.exec(canonical);
  if (!mapped) return canonical;
  const [high = 0, low = 0] = mapped.slice(1).map((group) => Number.parseInt(group, 16));
  return [high >> 8, high & 255, low >> 8, low & 255].join('.');
}

/** What counts as one address: one of IPv4, a /64 of IPv6, which is one customer's, and all that is not an address. */
export function networkOf(text: string | undefined): string {
  const address = canonicalAddress(text);
  if (address === null) return 'unknown';
  if (isIP(address) === 4 || address.startsWith(NAT64)) return address;
  const [head = [], tail = []] = address
    .split('::')
    .map((groups) => groups.split(':').filter(Boolean));
  const zeros = Array<string>(8 - head.length - tail.length).fill('0');
  return `${[...head, ...zeros, ...tail].slice(0, 4).join(':')}::/64`;
}

/** Whether an address is one of `networks`: addresses, or networks such as `10.0.0.0/8`. */
export function memberOf(networks: readonly string[]): (text: string | undefined) => boolean {
  const list = new BlockList();
  for (const network of networks) {
    const [address = '', length] = network.replace(/%[^/]*/, '').split('/');
    const [bits, family] = isIP(address) === 6 ? [128, 'ipv6' as const] : [32, 'ipv4' as const];
    list.addSubnet(address, Number(length ?? bits), family);
  }
  return (text) => {
    const address = canonicalAddress(text);
    return address !== null && list.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4');
  };
}
