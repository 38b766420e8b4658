import { describe, expect, test } from '@jest/globals';
import { holdsId } from '../../src/database/column-types.js';

const UUID = '0b0e7c0a-95a3-4c1e-8f0e-2d1c3b4a5f6e';

describe.each([
  ['smallint', ['0', '1', '-1', '32767', '-32768'], ['32768', '-32769']],
  ['integer', ['0', '1', '-1', '2147483647', '-2147483648'], ['2147483648', '-2147483649']],
  [
    'bigint',
    ['0', '2147483648', '9223372036854775807', '-9223372036854775808'],
    ['9223372036854775808', '99999999999999999999', '9'.repeat(10_000)],
  ],
])('A column that is %s', (type, held, tooLarge) => {
  test.each(held)('holds %s', (id) => expect(holdsId(type, id)).toBe(true));
  test.each([
    ...tooLarge,
    '',
    '01',
    '-0',
    '+1',
    ' 1',
    '1 ',
    '1.0',
    '1e3',
    '0x1',
    '1_0',
    '１',
    UUID,
  ])('holds no %j', (id) => expect(holdsId(type, id)).toBe(false));
});

test.each([
  [UUID, true],
  ['00000000-0000-0000-0000-000000000000', true],
  [UUID.toUpperCase(), false],
  [`{${UUID}}`, false],
  [UUID.replaceAll('-', ''), false],
  [`${UUID}\n`, false],
  ['1', false],
])('a column that is uuid holds %j: %s', (id, held) => {
  expect(holdsId('uuid', id)).toBe(held);
});

test.each([
  ['user123', true],
  ['01', true],
  ['é😀'.repeat(100), true],
  ['a'.repeat(2_700), true],
  ['é'.repeat(1_351), false],
  ['a\0', false],
  ['\ud800', false],
])('a column of texts holds %j: %s', (id, held) => {
  expect([holdsId('text', id), holdsId('character varying', id)]).toEqual([held, held]);
});
