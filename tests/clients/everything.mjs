// SPDX-License-Identifier: Apache-2.0
//
// everything.mjs RECORD SERVER: what the clients of connect.mjs make of a server that offers all that
// the protocol has: questions in the middle of a call, log messages, and what changed. Prints "ok NAME"
// or "not ok NAME"; what passed on the pipes is left in RECORD/CLIENT.1 and so on.
import assert from 'node:assert/strict';
import { clients, connect, MODERN } from './connect.mjs';

const [record, server] = process.argv.slice(2);
const answers = {
	'elicitation/create': () => ({ action: 'accept', content: { name: 'Ada', color: 'red', context: 'x', ok: true } }),
	'sampling/createMessage': () => ({ role: 'assistant', model: 'm', content: { type: 'text', text: 'Paris' } }),
	'roots/list': () => ({ roots: [{ uri: 'file:///r' }] }),
};

function heard(client) {
	const all = [];
	client.fallbackNotificationHandler = async n => { all.push(n); };
	return async (method, match = () => true) => {
		for (const end = Date.now() + 10000; Date.now() < end; await new Promise(done => setTimeout(done, 20)))
			if (all.some(n => n.method === method && match(n.params)))
				return;
		assert.fail(`${method}: not heard of; ${JSON.stringify(all)}`);
	};
}

async function session(name) {
	const { client, call } = await connect(name, [server], `${record}/${name}`, answers);
	const text = async (tool, args = {}) => (await call(tool, args)).content.map(c => c.text).join('');
	const hears = heard(client);

	assert.match(await text('test_input_required_result_elicitation'), /Hello,.*Ada/);
	assert.match(await text('test_input_required_result_request_state'), /state-ok/);
	assert.match(await text('test_input_required_result_multiple_inputs'), /Ada.*Paris.*file/);
	assert.match(await text('test_input_required_result_multi_round'), /Ada.*red/);
	assert.match((await client.readResource({ uri: 'test://asking' })).contents[0].text, /Ada/);
	assert.equal((await client.getPrompt({ name: 'test_input_required_result_prompt' })).messages.length, 1);
	const { completion } = await client.complete({ ref: { type: 'ref/prompt', name: 'test_prompt_with_arguments' },
		argument: { name: 'arg1', value: 'park' } });
	assert.deepEqual(completion.values, ['park']);
	if (clients[name].era !== MODERN) {
		await client.setLoggingLevel('warning');
		await call('test_logging_tool', {});
		await hears('notifications/message', p => p.level === 'emergency');
		await client.subscribeResource({ uri: 'test://a' });
	} else {
		await client.listen({ toolsListChanged: true, resourceSubscriptions: ['test://a'] });
	}
	await call('test_trigger_tool_change', {});
	await call('test_trigger_resource_change', { uri: 'test://a' });
	await hears('notifications/tools/list_changed');
	await hears('notifications/resources/updated', p => p.uri === 'test://a');
	await client.close();
}

for (const name of Object.keys(clients))
	await session(name).then(() => console.log(`ok ${name}`), e => console.log(`not ok ${name}: ${e.stack}`));
