// An external authorization server by oidc-provider, for the tests: access tokens
// are JWTs for a resource, by the grant client_credentials. A client is named as the
// user that it signs in, since its id is what stands in sub.
//
//   node eas.js PORT SETTINGS
//
// SETTINGS is a JSON file: {clients: [{id, secret}], audience, keys}; keys are
// private JWKs. The resource's path names the algorithm. On SIGHUP the file is read
// again and the provider made anew on the same port: that is how keys rotate.
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { Provider } from 'oidc-provider';

const [port, file] = process.argv.slice(2);
const issuer = `http://127.0.0.1:${port}`;
let handle;

function start() {
  const settings = JSON.parse(readFileSync(file, 'utf8'));
  const provider = new Provider(issuer, {
    clients: settings.clients.map(({ id, secret }) => ({
      client_id: id, client_secret: secret,
      id_token_signed_response_alg: settings.keys[0].alg, // none is issued, but it must fit a key
      grant_types: ['client_credentials'], redirect_uris: [], response_types: [],
    })),
    jwks: { keys: settings.keys },
    features: {
      clientCredentials: { enabled: true },
      devInteractions: { enabled: false },
      resourceIndicators: {
        enabled: true,
        getResourceServerInfo: (ctx, resource) => ({
          scope: 'tableau:content:read tableau:users:read',
          audience: settings.audience,
          accessTokenFormat: 'jwt',
          accessTokenTTL: 300,
          jwt: { sign: { alg: new URL(resource).pathname.slice(1) } },
        }),
      },
    },
    // The claim that Tableau reads is a list; `scope` of OAuth is a string.
    formats: {
      customizers: {
        jwt: (ctx, token, jwt) => {
          jwt.payload.scp = jwt.payload.scope.split(' ');
          return jwt;
        },
      },
    },
  });
  handle = provider.callback();
}

start();
process.on('SIGHUP', () => {
  start();
  console.log('read again');
});
createServer((request, response) => handle(request, response))
  .listen(Number(port), '127.0.0.1', () => console.log('listening'));
