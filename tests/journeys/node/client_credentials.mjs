// openid-client 6 against a live authority: discovery, a token by each method, introspection,
// revocation. Prints one JSON document; any error ends it with a stack trace.
import * as client from 'openid-client';
import { createRemoteJWKSet, importJWK, jwtVerify } from 'jose';

const given = JSON.parse(process.argv[2]);
const discover = (id, authentication) =>
  client.discovery(new URL(given.issuer), id, {}, authentication, {
    algorithm: 'oauth2',
    execute: [client.allowInsecureRequests],
  });

const robotKey = await importJWK(given.robotKey, 'ES256');
const parties = {
  client_secret_basic: ['shop', client.ClientSecretBasic(given.secrets.shop)],
  client_secret_post: ['kiosk', client.ClientSecretPost(given.secrets.kiosk)],
  private_key_jwt: ['robot', client.PrivateKeyJwt({ key: robotKey, kid: given.robotKid })],
};

const told = {};
for (const [method, [id, authentication]] of Object.entries(parties)) {
  const config = await discover(id, authentication);
  const tokens = await client.clientCredentialsGrant(config, {
    scope: 'orders.read',
    resource: given.audience,
  });
  const keys = createRemoteJWKSet(new URL(config.serverMetadata().jwks_uri));
  const { payload, protectedHeader } = await jwtVerify(tokens.access_token, keys, {
    issuer: given.issuer,
    audience: given.audience,
    typ: 'at+jwt',
    algorithms: ['ES256'],
  });
  await client.tokenRevocation(config, tokens.access_token);
  told[method] = { sub: payload.sub, scope: tokens.scope, typ: protectedHeader.typ, token: tokens.access_token };
}

const service = await discover('orders', client.ClientSecretBasic(given.secrets.orders));
for (const each of Object.values(told)) {
  each.introspected = await client.tokenIntrospection(service, each.token);
  delete each.token;
}
console.log(JSON.stringify(told));
