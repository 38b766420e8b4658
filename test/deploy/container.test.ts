import { readFileSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import { run, serve } from '../cli/process.js';
import { createDatabase } from '../helpers/databases.js';

test('npm, the container and systemd start the server with the same options', () => {
  const { scripts } = JSON.parse(readFileSync('package.json', 'utf8'));
  const commands = [
    scripts.start.split(' '),
    JSON.parse(/^CMD (.*)$/m.exec(readFileSync('deploy/Dockerfile', 'utf8'))?.[1] ?? ''),
    /^ExecStart=(.*)$/m
      .exec(readFileSync('deploy/installations@.service', 'utf8'))?.[1]
      ?.split(' '),
  ];
  for (const command of commands)
    expect(command.slice(-3)).toEqual(['--no-memory-reducer', 'dist/src/main.js', 'serve']);
  expect(scripts.cli).toMatch(/--no-memory-reducer dist\/src\/main\.js$/);
});

test('the health check of the container succeeds only while the server runs', async () => {
  const dockerfile = readFileSync('deploy/Dockerfile', 'utf8');
  const [, command = ''] = /^HEALTHCHECK .*CMD (\[.*\])$/m.exec(dockerfile) ?? [];
  const [program, ...args] = JSON.parse(command);
  const { env } = await createDatabase('PGlite');
  const server = await serve(env);
  const PORT = new URL(server.url).port;
  expect(await run(program, args, { PORT })).toEqual({ code: 0, stdout: '', stderr: '' });
  await server.stop('SIGTERM');
  expect((await run(program, args, { PORT })).code).toBe(1);
});
