// A token endpoint by oidc-provider, for comparison: one confidential client,
// the grant client_credentials, opaque tokens, kept in memory only (its own
// default; nothing is made durable, which is in its favour).
import { Provider } from 'oidc-provider';

const [port, clientId, clientSecret] = process.argv.slice(2);
const provider = new Provider(`http://127.0.0.1:${port}`, {
  clients: [{
    client_id: clientId, client_secret: clientSecret, scope: 'api',
    grant_types: ['client_credentials'], redirect_uris: [], response_types: [],
  }],
  scopes: ['api'],
  ttl: { ClientCredentials: 600 },
  features: { clientCredentials: { enabled: true }, devInteractions: { enabled: false } },
});
provider.listen(Number(port), '127.0.0.1', () => console.log('listening'));
