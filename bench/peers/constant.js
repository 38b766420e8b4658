// No work at all: the upper bound of what one process of node:http can answer here.
import { createServer } from 'node:http';

const body = process.env.CONSTANT_BODY;
const headers = { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(body) };

createServer((_, response) => {
  response.writeHead(200, headers);
  response.end(body);
}).listen(process.env.PORT, '127.0.0.1');
