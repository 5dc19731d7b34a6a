// A storage service for tests: an empty bucket `easel` below the directory given,
// on a free port of 127.0.0.1. Prints its URL once it listens.
const S3rver = require('@20minutes/s3rver');

const service = new S3rver({
  address: '127.0.0.1',
  port: 0,
  silent: true,
  directory: process.argv[2],
  configureBuckets: [{ name: 'easel' }],
});
service.run().then(({ port }) => console.log(`http://127.0.0.1:${port}/easel`));
