// SPDX-License-Identifier: Apache-2.0
// node-redis and ioredis with their defaults: connect, strings, counters, expiry, SCAN, pipelines, MULTI and WATCH.
//     node clients.js PORT
'use strict';
const assert = require('node:assert/strict');
const Redis = require('ioredis');
const { createClient, WatchError } = require('redis');

const port = Number(process.argv[2]);
let passed = 0;

async function check(name, body) {
  await body();
  passed += 1;
  console.log(`ok ${name}`);
}

async function nodeRedis() {
  const client = createClient({ url: `redis://127.0.0.1:${port}` });
  client.on('error', (error) => { throw error; });
  await client.connect();
  await client.flushAll();
  await check('node-redis strings', async () => {
    assert.equal(await client.set('n:greeting', 'hello'), 'OK');
    assert.equal(await client.get('n:greeting'), 'hello');
    assert.equal(await client.get('n:absent'), null);
    assert.equal(await client.set('n:greeting', 'no', { NX: true }), null);
    assert.deepEqual(await client.mGet(['n:greeting', 'n:absent']), ['hello', null]);
    const binary = Buffer.from([0, 13, 10, 255, 0]);
    await client.set('n:binary', binary);
    assert.deepEqual(await client.get(require('redis').commandOptions({ returnBuffers: true }), 'n:binary'), binary);
  });
  await check('node-redis counters and expiry', async () => {
    assert.equal(await client.incr('n:counter'), 1);
    assert.equal(await client.incrBy('n:counter', 41), 42);
    assert.equal(await client.set('n:soon', 'x', { PX: 60000 }), 'OK');
    assert.ok((await client.pTTL('n:soon')) > 50000);
    assert.equal(await client.persist('n:soon'), true);
  });
  await check('node-redis scan', async () => {
    for (let i = 0; i < 100; i += 1) await client.set(`n:scan:${i}`, String(i));
    const seen = new Set();
    for await (const key of client.scanIterator({ MATCH: 'n:scan:*', COUNT: 7 })) seen.add(key);
    assert.equal(seen.size, 100);
  });
  await check('node-redis multi', async () => {
    const replies = await client.multi().set('n:m', '1').incr('n:m').get('n:m').exec();
    assert.deepEqual(replies, ['OK', 2, '2']);
  });
  await check('node-redis watch', async () => {
    await assert.rejects(client.executeIsolated(async (isolated) => {
      await isolated.watch('n:watched');
      await client.set('n:watched', 'by another');
      return isolated.multi().set('n:watched', 'mine').exec();
    }), WatchError);
    assert.equal(await client.get('n:watched'), 'by another');
  });
  await check('node-redis wrong use', async () => {
    await assert.rejects(client.sendCommand(['GET']), /wrong number of arguments for 'get' command/);
    await client.set('n:text', 'abc');
    await assert.rejects(client.incr('n:text'), /value is not an integer or out of range/);
  });
  await client.quit();
}

async function ioRedis() {
  const client = new Redis(port, '127.0.0.1');
  await check('ioredis strings', async () => {
    assert.equal(await client.set('i:greeting', 'hello', 'EX', 100), 'OK');
    assert.equal(await client.get('i:greeting'), 'hello');
    assert.equal(await client.getdel('i:greeting'), 'hello');
    assert.equal(await client.exists('i:greeting'), 0);
  });
  await check('ioredis pipeline in order', async () => {
    const pipeline = client.pipeline();
    for (let i = 0; i < 500; i += 1) pipeline.set('i:order', i).get('i:order');
    const replies = await pipeline.exec();
    for (let i = 0; i < 500; i += 1) assert.deepEqual(replies[2 * i + 1], [null, String(i)]);
  });
  await check('ioredis multi', async () => {
    const replies = await client.multi().set('i:a', 1).incr('i:a').exec();
    assert.deepEqual(replies, [[null, 'OK'], [null, 2]]);
  });
  await check('ioredis info and role', async () => {
    assert.match(await client.info(), /redis_version:7\.[2-9]/);
    assert.equal((await client.role())[0], 'master');
    assert.ok((await client.command('COUNT')) > 50);
  });
  await client.quit();
}

nodeRedis().then(ioRedis).then(
  () => { console.log(`${passed} checks passed`); },
  (error) => { console.error(error); process.exit(1); },
);
