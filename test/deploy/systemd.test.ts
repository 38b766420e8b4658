import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { run } from '../cli/process.js';

test('systemd accepts the unit', async () => {
  const unit = readFileSync('deploy/installations@.service', 'utf8');
  const path = join(
    mkdtempSync(join(process.env.TEST_TEMP ?? '', 'unit-')),
    'installations@.service',
  );
  writeFileSync(path, unit.replace('/usr/bin/node', process.execPath));
  // Unknown directives and values are printed, with exit code 0.
  expect(await run('systemd-analyze', ['verify', path])).toEqual({
    code: 0,
    stdout: '',
    stderr: '',
  });
});

test('the unit lets Node.js list the addresses of the machine, as it does for HOST=0.0.0.0', () => {
  const unit = readFileSync('deploy/installations@.service', 'utf8');
  const [, families = ''] = /^RestrictAddressFamilies=(.*)$/m.exec(unit) ?? [];
  expect(families.split(' ').sort()).toEqual(['AF_INET', 'AF_INET6', 'AF_NETLINK', 'AF_UNIX']);
});
