import { describe, expect, test } from '@jest/globals';
import { memberOf, networkOf } from '../../src/http/client-address.js';

describe('An address counts as the same however it is written', () => {
  test.each([
    ...['203.0.113.7', '203.0.113.7:51234', '"203.0.113.7:51234"', '::ffff:203.0.113.7'],
    ...['::FFFF:203.0.113.7', '::ffff:cb00:7107', '0:0:0:0:0:ffff:cb00:7107', '[::ffff:cb00:7107]'],
    ...['[::ffff:203.0.113.7]:443', '::ffff:203.0.113.7%eth0', '0000::FFFF:CB00:7107'],
  ])('%s is an IPv4 address', (text) => {
    expect(networkOf(text)).toBe('203.0.113.7');
  });

  test.each([
    ...['2001:db8::1', '2001:DB8::1', '2001:0db8:0000:0000:0000:0000:0000:0001', '[2001:db8::1]'],
    ...['[2001:db8::1]:443', '"[2001:db8::1]:443"', '2001:db8::ffff:2', '2001:db8::1%25en0'],
    ...['2001:db8:0:0:1::', '2001:db8::203.0.113.7', '[2001:db8::1%eth0]:443'],
  ])('%s is in one /64 of IPv6', (text) => {
    expect(networkOf(text)).toBe('2001:db8:0:0::/64');
  });

  test('other networks are others', () => {
    const texts = ['2001:db8:0:1::1', '2001:db8:1::', '::1', 'fe80::1', 'ff00:1:2:3:4:5:6:7'];
    const networks = ['203.0.113.8', '64:ff9b::203.0.113.7', '64:ff9b::203.0.113.8', ...texts];
    expect(new Set(networks.map(networkOf)).size).toBe(networks.length);
    expect(networkOf('ff00:1:2:3:4:5:6:7')).toBe('ff00:1:2:3::/64');
    expect(networkOf('fe80::1%eth0')).toBe(networkOf('fe80::2%1'));
  });

  test('all that is not an address counts as one', () => {
    const texts = ['unknown', '_hidden', '', '1.2.3', '1.2.3.4.5', '[::1', '::1::', 'a'.repeat(99)];
    expect(new Set([undefined, ...texts].map(networkOf))).toEqual(new Set(['unknown']));
  });
});

test('a proxy is trusted however its address is written', () => {
  const isTrusted = memberOf(['10.0.0.0/8', '192.0.2.1', '2001:db8::/32', 'fe80::1%eth0']);
  for (const text of ['10.1.2.3', '::ffff:10.1.2.3', '10.1.2.3:80', '192.0.2.1', 'fe80::1%eth0'])
    expect([text, isTrusted(text)]).toEqual([text, true]);
  for (const text of ['2001:DB8:1::2', '[2001:db8::1]:443']) expect(isTrusted(text)).toBe(true);
  for (const text of ['11.0.0.1', '192.0.2.2', '2001:db9::1', 'unknown', '', undefined])
    expect(isTrusted(text)).toBe(false);
  const isMapped = memberOf(['::ffff:192.168.0.0/112', '::ffff:10.0.0.1']);
  expect(['192.168.5.5', '::ffff:192.168.5.5', '10.0.0.1'].map(isMapped)).toEqual([
    true,
    true,
    true,
  ]);
  expect(isMapped('192.169.0.1')).toBe(false);
});
