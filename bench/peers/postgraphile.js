// PostGraphile 5 with its Amber preset, on node:http. It has no notion of the session at all.
import { createServer } from 'node:http';
import { postgraphile } from 'postgraphile';
import { makePgService } from 'postgraphile/adaptors/pg';
import { grafserv } from 'postgraphile/grafserv/node';
import { PostGraphileAmberPreset } from 'postgraphile/presets/amber';

const preset = {
  extends: [PostGraphileAmberPreset],
  pgServices: [makePgService({ connectionString: process.env.DATABASE_URL, schemas: ['public'] })],
  grafserv: { graphqlPath: '/graphql', watch: false },
};

const server = createServer();
const serv = postgraphile(preset).createServ(grafserv);
serv.addTo(server).catch((error) => {
  console.error(error);
  process.exit(1);
});
server.listen(process.env.PORT, '127.0.0.1');
