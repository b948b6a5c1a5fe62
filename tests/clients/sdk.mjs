// SPDX-License-Identifier: Apache-2.0
//
// sdk.mjs RECORD BOX [CLIENT...]: whole sessions of the clients of connect.mjs with each server, all at
// once: cnt mcp, the same for one box, agent-box in the box and on the host. Prints "ok NAME" or
// "not ok NAME"; what passed on the pipes is left in RECORD/CLIENT.1 and so on.
import assert from 'node:assert/strict';
import { clients, connect, MODERN } from './connect.mjs';

const [record, box, ...names] = process.argv.slice(2);
const servers = {
	'cnt mcp': ['cnt-mcp'],
	'cnt mcp --box': ['cnt-mcp', '--box', box],
	'cnt enter': ['cnt-enter', box, '--', 'agent-box'],
	'agent-box': ['agent-box'],
};
const OUTPUT_LIMIT = 20000, SECONDS = 1000;

const sleep = ms => new Promise(done => setTimeout(done, ms));
async function until(true_now, what) {
	for (const end = Date.now() + 20 * SECONDS; !await true_now();) {
		assert(Date.now() < end, `${what}: not within 20 s`);
		await sleep(20);
	}
}

const text = result => result.content.map(c => c.text).join('');
const facts = result => result._meta['cnt/result'];
const failed = (result, pattern) => {
	assert.equal(result.isError, true, text(result));
	assert.match(text(result), pattern);
};

// What is asked of the tools of a box, wherever they are: call(tool, arguments, options).
const toolbox = {
	async 'a command that fails is an answer'({ call }) {
		const r = await call('shell_exec', { command: 'echo hi; echo no >&2; exit 3' });
		assert.ok(!r.isError);
		assert.match(text(r), /^exit 3 [^\n]*\nhi\n/);
		assert.equal(facts(r).exit_code, 3);
	},
	async 'output past the cap is cut, and kept whole'({ call }) {
		const r = await call('shell_exec', { command: 'seq 1 20000' });
		assert.ok(text(r).length < OUTPUT_LIMIT + 1000);
		assert.match(text(r), /\n1\n2\n/);
		assert.match(text(r), /\n20000\n/);
		assert.equal(facts(r).stdout.total_bytes, 108894);
		const kept = await call('read_file', { path: facts(r).stdout.spill_path, offset: 48888, limit: 12 });
		assert.match(text(kept), /\n10000\n10001\n/);
	},
	async 'a time that is over is an error'({ call }) {
		const r = await call('shell_exec', { command: 'echo begun; sleep 60', timeout_seconds: 1 });
		failed(r, /begun/);
		assert.equal(facts(r).timed_out, true);
	},
	async 'a cancelled command ends'({ call, dir }) {
		const cancel = new AbortController();
		const command = `mkdir -p ${dir}; echo $$ >${dir}/pid; exec sleep 60`;
		const r = call('shell_exec', { command }, { signal: cancel.signal });
		await until(async () => facts(await call('shell_exec', { command: `cat ${dir}/pid` })).exit_code === 0,
			'a start');
		cancel.abort('enough');
		await assert.rejects(r, /enough|abort/i);
		await until(async () => facts(await call('shell_exec',
			{ command: `kill -0 $(cat ${dir}/pid)` })).exit_code !== 0, 'an end');
	},
	async 'a client that waits no longer'({ call }) {
		await assert.rejects(call('shell_exec', { command: 'sleep 60' }, { timeout: 300 }), /timed out/i);
		assert.match(text(await call('shell_exec', { command: 'echo still here' })), /still here/);
	},
	async 'progress'({ call }) {
		const seen = [];
		const command = 'for i in 1 2 3 4 5 6; do echo $i; sleep 0.3; done';
		await call('shell_exec', { command }, { onprogress: p => seen.push(p.progress) });
		assert.ok(seen.length >= 2, `${seen.length} notifications`);
		assert.deepEqual(seen, [...new Set(seen)].sort((a, b) => a - b));
	},
	async 'a file is written, read and listed'({ call, dir }) {
		const content = 'h\u00e9llo \u{1f600}\n\ttab "quoted" \\ \u2028\n'.repeat(500);
		const size = Buffer.byteLength(content);
		const w = (await call('write_file', { path: `${dir}/a/b`, content })).structuredContent;
		assert.deepEqual([w.bytes_written, w.created], [size, true]);
		const r = await call('read_file', { path: `${dir}/a/b`, limit: 100000 });
		assert.equal(text(r).slice(text(r).indexOf('\n') + 1), content);
		assert.equal(facts(r).sha256, w.sha256);
		const l = (await call('list_directory', { path: `${dir}/a` })).structuredContent;
		assert.deepEqual(l.entries.map(e => [e.name, e.type, e.size]), [['b', 'file', size]]);
		failed(await call('write_file', { path: `${dir}/a/b`, content: '', if_match: 'absent' }), /exists/);
	},
	async 'bytes'({ call, dir }) {
		const content = Buffer.from(Array.from({ length: 256 }, (_, i) => i)).toString('base64');
		await call('write_file', { path: `${dir}/bytes`, content, encoding: 'base64' });
		const r = await call('read_file', { path: `${dir}/bytes` });
		assert.equal(text(r).split('\n')[1], content);
	},
	async 'arguments that are wrong say which'({ call }) {
		failed(await call('shell_exec', {}), /command/);
		failed(await call('read_file', { path: 'x', limit: 'many' }), /limit/);
		failed(await call('read_file', { path: 'x', nothing: 1 }), /nothing/);
		failed(await call('list_directory', { path: '/', depth: 99 }), /depth/);
		failed(await call('read_file', { path: '/nowhere/at/all' }), /not_found/);
	},
	async 'many calls at once'({ call, dir }) {
		const calls = Array.from({ length: 12 }, (_, i) => i % 3 === 2 ?
			call('list_directory', { path: `${dir}/a` }) :
			call('shell_exec', { command: `sleep 0.$((${i} % 4)); echo number ${i}` }));
		(await Promise.all(calls)).forEach((r, i) =>
			assert.match(text(r), i % 3 === 2 ? /"entries"/ : new RegExp(`\\nnumber ${i}\n`)));
	},
};

const platform = {
	async 'a box from its making to its end'({ name, verb }) {
		const made = `${box}-${name}`;
		const c = (await verb('create_container', { name: made })).structuredContent;
		assert.deepEqual([c.name, c.state], [made, 'running']);
		assert.match(text(await verb('shell_exec', { box: made, command: 'id -un' })), new RegExp(`\\n${made}\n`));
		const all = (await verb('list_containers', {})).structuredContent.boxes;
		assert.ok(all.some(b => b.name === made && b.state === 'running'));
		failed(await verb('create_container', { name: made }), /exists/);
		failed(await verb('delete_container', { box: made }), /running/);
		const d = (await verb('delete_container', { box: made, force: true })).structuredContent;
		assert.deepEqual(d, { name: made, deleted: true });
		failed(await verb('get_container', { box: made }), /not_found/);
		failed(await verb('shell_exec', { box: made, command: 'true' }), /not_found/);
		failed(await verb('create_container', { name: made, memory: 'much' }), /memory/);
	},
};

// What every server does beside its tools.
const protocol = {
	async 'the revision'({ client, era }) {
		const got = client.getNegotiatedProtocolVersion?.() ?? client.transport._protocolVersion ?? era;
		assert.equal(got, era);
		assert.ok(client.getInstructions().length > 20);
		assert.ok(client.getServerVersion().name);
	},
	async 'an unknown tool'({ call }) {
		await assert.rejects(call('no_such_tool', {}), e => e.code === -32602);
	},
	async 'ping, or its absence, while a command runs'({ client, call, era }) {
		const slow = call('shell_exec', { command: 'sleep 0.5; echo done' });
		let answered = false;
		slow.then(() => { answered = true; });
		if (era === MODERN)
			assert.ok((await client.discover()).supportedVersions.includes(MODERN));
		else
			await client.ping();
		assert.equal(answered, false);
		assert.match(text(await slow), /done/);
	},
};

// What only agent-box offers.
const reading = {
	async 'resources and a prompt'({ client }) {
		const { resources } = await client.listResources();
		assert.deepEqual(resources.map(r => r.uri), ['cnt://ci-context', 'cnt://ci-prompt']);
		const { contents } = await client.readResource({ uri: 'cnt://ci-context' });
		assert.equal(JSON.parse(contents[0].text).schema_version, '1.0');
		const { resourceTemplates } = await client.listResourceTemplates();
		assert.deepEqual(resourceTemplates.map(t => t.name), ['file', 'process-log']);
		await assert.rejects(client.readResource({ uri: 'file:///nowhere' }), /No such file/);
		const { messages } = await client.getPrompt({ name: 'debug_ci' });
		assert.match(messages[0].content.text, /ci-context first/);
	},
};

async function session(name, server) {
	const { client, call: verb, processes } = await connect(name, servers[server], `${record}/${name}`);
	const own = server === 'cnt mcp' ? { box } : {};
	const it = { client, verb, name, era: clients[name].era,
		dir: `sdk-${name}-${server.replace(/\W+/g, '-')}`,
		call: (tool, args, options) => verb(tool, { ...own, ...args }, options) };
	const step = async (what, run) => {
		try {
			await run(it);
			console.log(`ok ${name}, ${server}: ${what}`);
		} catch (e) {
			console.log(`not ok ${name}, ${server}: ${what}: ${e.message.replaceAll('\n', ' ')}`);
		}
	};

	await step('lists its tools', async () => {
		const { tools } = await client.listTools();
		for (const t of ['shell_exec', 'read_file', ...Object.keys(own).map(() => 'create_container')])
			assert.ok(tools.some(u => u.name === t && u.description && u.title), t);
	});
	for (const part of [protocol, toolbox, server === 'cnt mcp' ? platform : reading])
		for (const [what, run] of Object.entries(part))
			await step(what, run);
	await step('ends with its input', async () => {
		// What close() begins with; it would give a loaded machine two seconds.
		client.transport._process.stdin.end();
		await until(() => processes.every(p => p.over), 'an end');
		await client.close();
		assert.deepEqual(processes.map(p => [p.code, p.signal, p.rest]), processes.map(() => [0, null, '']));
	});
}

await Promise.all((names.length ? names : Object.keys(clients)).flatMap(name =>
	Object.keys(servers).map(server => session(name, server))));
console.log('end');
