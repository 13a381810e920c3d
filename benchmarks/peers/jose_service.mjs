// A service on node:http that verifies each token with npm jose against a JWKS.
import { createServer } from 'node:http';
import { createLocalJWKSet, jwtVerify } from 'jose';

const [port, issuer, audience, jwksText] = process.argv.slice(2);
const keys = createLocalJWKSet(JSON.parse(jwksText));

createServer(async (request, response) => {
  const presented = request.headers.authorization ?? '';
  try {
    const { payload } = await jwtVerify(presented.slice(7), keys, {
      issuer,
      audience,
      typ: 'at+jwt',
      algorithms: ['ES256'],
    });
    const body = JSON.stringify({ subject: payload.sub });
    response.writeHead(200, {
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(body),
    });
    response.end(body);
  } catch {
    response.writeHead(401, { 'content-length': 0 });
    response.end();
  }
}).listen(Number(port), '127.0.0.1');
