// dockerode's ways of using a daemon, each a test that throws where the answer is not Docker's.
// node dockerode.js SOCKET NODE_MODULES IMAGE: one line a test, "ok NAME" or "FAILED NAME: why".
'use strict';
const assert = require('assert');
const path = require('path');
const stream = require('stream');

const [socketPath, modules, image] = process.argv.slice(2);
const Docker = require(path.join(modules, 'dockerode'));
const tar = require(path.join(modules, 'tar-stream'));
const docker = new Docker({ socketPath });

function gather() {
  const chunks = [];
  const into = new stream.Writable({ write(chunk, _, done) { chunks.push(chunk); done(); } });
  into.text = () => Buffer.concat(chunks).toString();
  return into;
}
// run() resolves by wait(), whatever of the output is still on the wire.
async function arrives(into, text) {
  for (let tries = 0; into.text() !== text && tries < 200; tries++) await new Promise((resolve) => setTimeout(resolve, 10));
  assert.strictEqual(into.text(), text);
}
const ended = (source) => new Promise((resolve, reject) => source.on('end', resolve).on('close', resolve).on('error', reject));

async function withContainer(options, use) {
  const container = await docker.createContainer({ Image: image, Cmd: ['sleep', '60'], ...options });
  try {
    return await use(container);
  } finally {
    await container.remove({ force: true, v: true });
  }
}
async function refused(promise, status, words) {
  await assert.rejects(promise, (error) => {
    assert.strictEqual(error.statusCode, status);
    assert.match(error.message, words);
    return true;
  });
}
async function demultiplexed(source) {
  const out = gather();
  const err = gather();
  docker.modem.demuxStream(source, out, err);
  await ended(source);
  return [out.text(), err.text()];
}

const tests = {
  async ping_version_and_info() {
    assert.strictEqual((await docker.ping()).toString(), 'OK');
    assert.strictEqual((await docker.version()).Os, 'linux');
    assert.ok((await docker.info()).ID);
    assert.ok((await docker.df()).Images.length >= 1);
  },
  async run_gives_output_and_code() {
    const out = gather();
    const err = gather();
    const [data, container] = await docker.run(image, ['sh', '-c', 'echo out; echo err >&2; exit 4'], [out, err], { Tty: false });
    await arrives(out, 'out\n');
    await arrives(err, 'err\n');
    assert.strictEqual(data.StatusCode, 4);
    await container.remove();
  },
  async run_with_a_terminal() {
    const out = gather();
    const [data, container] = await docker.run(image, ['sh', '-c', 'test -t 1 && echo terminal'], out, { Tty: true });
    await arrives(out, 'terminal\r\n');
    assert.strictEqual(data.StatusCode, 0);
    await container.remove();
  },
  async life_of_a_container() {
    await withContainer({ name: 'rode', Labels: { of: 'rode' } }, async (container) => {
      await container.start();
      await refused(container.start(), 304, /.*/);
      await container.pause();
      assert.strictEqual((await container.inspect()).State.Status, 'paused');
      await container.unpause();
      await container.update({ Memory: 64 << 20, MemorySwap: 128 << 20 });
      assert.strictEqual((await container.inspect()).HostConfig.Memory, 64 << 20);
      await container.rename({ name: 'rodeo' });
      assert.strictEqual((await container.inspect()).Name, '/rodeo');
      assert.strictEqual((await container.top()).Processes.length, 1);
      await container.restart({ t: 0 });
      await container.kill({ signal: 'SIGKILL' });
      assert.strictEqual((await container.wait()).StatusCode, 137);
      await refused(container.kill(), 409, /is not running/);
      const listed = await docker.listContainers({ all: true, filters: { label: ['of=rode'] } });
      assert.strictEqual(listed.length, 1);
    });
    await refused(docker.getContainer('rodeo').inspect(), 404, /No such container: rodeo/);
  },
  async attach_with_stdin_both_ways() {
    await withContainer({ Cmd: ['cat'], OpenStdin: true, StdinOnce: true, AttachStdin: true }, async (container) => {
      const wire = await container.attach({ stream: true, hijack: true, stdin: true, stdout: true, stderr: true });
      await container.start();
      const output = demultiplexed(wire);
      wire.write('to and fro\n');
      wire.end();
      assert.deepStrictEqual(await output, ['to and fro\n', '']);
      assert.strictEqual((await container.wait()).StatusCode, 0);
    });
  },
  async exec_hijacked_and_not() {
    await withContainer({}, async (container) => {
      await container.start();
      const echo = await container.exec({ Cmd: ['sh', '-c', 'read x; echo got $x; exit 3'], AttachStdin: true, AttachStdout: true, AttachStderr: true });
      const wire = await echo.start({ hijack: true, stdin: true });
      const output = demultiplexed(wire);
      wire.write('this\n');
      assert.deepStrictEqual(await output, ['got this\n', '']);
      assert.strictEqual((await echo.inspect()).ExitCode, 3);
      const plain = await container.exec({ Cmd: ['echo', 'plain'], AttachStdout: true });
      assert.deepStrictEqual(await demultiplexed(await plain.start({})), ['plain\n', '']);
      // As an answer on the stream: it has begun when this is known.
      assert.match((await demultiplexed(await plain.start({})))[0], /has already run/);
    });
  },
  async logs_whole_and_followed() {
    await withContainer({ Cmd: ['sh', '-c', 'for i in 1 2 3; do echo $i; done'] }, async (container) => {
      await container.start();
      await container.wait();
      const followed = await container.logs({ follow: true, stdout: true, stderr: true });
      assert.deepStrictEqual(await demultiplexed(followed), ['1\n2\n3\n', '']);
      const whole = await container.logs({ stdout: true, tail: 1 });
      assert.strictEqual(whole.subarray(8).toString(), '3\n');
    });
  },
  async stats_once_and_as_a_stream() {
    await withContainer({}, async (container) => {
      await container.start();
      assert.ok((await container.stats({ stream: false })).memory_stats.usage > 0);
      const source = await container.stats({ stream: true });
      const first = await new Promise((resolve) => source.once('data', resolve));
      source.destroy();
      assert.ok(JSON.parse(first.toString().split('\n')[0]).read);
    });
  },
  async archives_there_and_back() {
    await withContainer({}, async (container) => {
      const pack = tar.pack();
      pack.entry({ name: 'put' }, 'bytes');
      pack.finalize();
      await container.putArchive(pack, { path: '/tmp' });
      const source = await container.getArchive({ path: '/tmp/put' });
      const extract = tar.extract();
      const found = {};
      extract.on('entry', (header, content, next) => {
        const into = gather();
        content.pipe(into).on('finish', () => { found[header.name] = into.text(); next(); });
      });
      source.pipe(extract);
      await new Promise((resolve) => extract.on('finish', resolve));
      assert.deepStrictEqual(found, { put: 'bytes' });
      assert.ok((await container.infoArchive({ path: '/tmp/put' })).headers['x-docker-container-path-stat'] !== '');
      assert.ok((await container.changes()).some((change) => change.Path === '/tmp/put'));
    });
  },
  async images_tagged_committed_saved_loaded_and_removed() {
    const base = docker.getImage(image);
    await base.tag({ repo: 'rode/tagged', tag: 'one' });
    assert.ok((await docker.getImage('rode/tagged:one').inspect()).Id);
    assert.ok((await base.history()).length >= 1);
    const saved = gather();
    (await docker.getImage('rode/tagged:one').get()).pipe(saved);
    await new Promise((resolve) => saved.on('finish', resolve));
    await docker.getImage('rode/tagged:one').remove();
    await refused(docker.getImage('rode/tagged:one').inspect(), 404, /No such image/);
    await withContainer({}, async (container) => {
      const made = await container.commit({ repo: 'rode/committed', tag: 'two', changes: 'ENV A=b' });
      assert.ok((await docker.getImage(made.Id).inspect()).Config.Env.includes('A=b'));
      await docker.getImage('rode/committed:two').remove();
    });
    assert.strictEqual((await docker.listImages({ filters: { reference: ['rode/*'] } })).length, 0);
  },
  async networks_and_volumes() {
    const network = await docker.createNetwork({ Name: 'rodenet', Labels: { a: 'b' } });
    const volume = await docker.createVolume({ Name: 'rodevol' });
    await withContainer({ HostConfig: { Binds: ['rodevol:/v'] } }, async (container) => {
      await container.start();
      await network.connect({ Container: container.id, EndpointConfig: { Aliases: ['alias'] } });
      assert.ok(container.id in (await network.inspect()).Containers);
      await refused(network.remove(), 403, /active endpoints/);
      await network.disconnect({ Container: container.id });
      await refused(docker.getVolume('rodevol').remove(), 409, /in use/);
    });
    await network.remove();
    await docker.getVolume('rodevol').remove();
    assert.ok(volume);
    await docker.pruneContainers();
    await docker.pruneNetworks();
    assert.ok((await docker.pruneVolumes()).VolumesDeleted);
  },
  async events_of_a_life() {
    const since = Math.floor(Date.now() / 1000) - 1;
    const source = await docker.getEvents({ since, filters: { type: ['container'], event: ['create', 'destroy'] } });
    const seen = [];
    const both = new Promise((resolve) => source.on('data', (line) => {
      line.toString().trim().split('\n').forEach((one) => seen.push(JSON.parse(one)));
      if (seen.some((event) => event.Action === 'destroy' && event.Actor.Attributes.name === 'eventful')) resolve();
    }));
    await withContainer({ name: 'eventful' }, async () => {});
    await both;
    source.destroy();
    const mine = seen.filter((event) => event.Actor.Attributes.name === 'eventful');
    assert.deepStrictEqual(mine.map((event) => event.Action), ['create', 'destroy']);
  },
  async a_terminal_that_is_resized() {
    await withContainer({ Cmd: ['sh'], Tty: true, OpenStdin: true }, async (container) => {
      const wire = await container.attach({ stream: true, hijack: true, stdin: true, stdout: true });
      await container.start();
      await container.resize({ h: 31, w: 77 });
      const out = gather();
      wire.pipe(out);
      wire.write('stty size; exit\n');
      await ended(wire);
      assert.match(out.text(), /31 77/);
    });
  },
  async what_is_refused_says_why() {
    await refused(docker.createContainer({ Image: 'nowhere/nothing' }), 404, /No such image: nowhere\/nothing/);
    await refused(docker.createContainer({ Image: image, name: 'a/b' }), 400, /Invalid container name/);
    await refused(docker.getContainer('absent').start(), 404, /No such container: absent/);
    await refused(docker.getExec('absent').inspect(), 404, /No such exec instance: absent/);
    await refused(docker.getNetwork('absent').inspect(), 404, /network absent not found/);
    await refused(docker.getVolume('absent').inspect(), 404, /no such volume/);
  },
};

(async () => {
  for (const [name, test] of Object.entries(tests)) {
    const late = new Promise((_, reject) => setTimeout(() => reject(new Error('no end after 20 s')), 20000).unref());
    try {
      await Promise.race([test(), late]);
      console.log(`ok ${name}`);
    } catch (error) {
      console.log(`FAILED ${name}: ${error.stack.split('\n').slice(0, 8).join(' | ')}`);
    }
  }
  process.exit(0);
})();
