// SPDX-License-Identifier: Apache-2.0
//
// connect.mjs: a client of either official SDK on a server's pipes. Whatever it starts (version 2
// probes a server in a process of its own first) is recorded line by line as it passed, for
// tests/mcp/validate.mjs, before the SDK has made anything of it.
import fs from 'node:fs';
import { Client as Client1 } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport as Transport1 } from '@modelcontextprotocol/sdk/client/stdio.js';
import { CallToolResultSchema, CreateMessageRequestSchema, ElicitRequestSchema, ListRootsRequestSchema }
	from '@modelcontextprotocol/sdk/types.js';
import { Client as Client2 } from '@modelcontextprotocol/client';
import { StdioClientTransport as Transport2 } from '@modelcontextprotocol/client/stdio';

export const MODERN = '2026-07-28', LEGACY = '2025-11-25';

// What this test calls a client: the SDK's version, and how it finds the revision.
export const clients = {
	'v1': { sdk: 1, era: LEGACY },
	'v2': { sdk: 2, era: LEGACY },
	'v2-auto': { sdk: 2, era: MODERN, mode: 'auto' },
	'v2-pin': { sdk: 2, era: MODERN, mode: { pin: MODERN } },
};

let started = 0;

function recorded(Transport) {
	const { start, send } = Transport.prototype;
	Transport.prototype.start = async function () {
		const { command, args, record, processes } = this._serverParams;
		this.log = fs.openSync(`${record}.${++started}`, 'w');
		fs.writeSync(this.log, `# start ${command} ${args.join(' ')}\n`);
		await start.call(this);
		const one = { rest: '' };
		processes.push(one);
		this._process.stdout.on('data', chunk => {
			const lines = (one.rest + chunk.toString('latin1')).split('\n');
			one.rest = lines.pop();
			for (const line of lines)
				fs.writeSync(this.log, `< ${line}\n`, null, 'latin1');
		});
		this._process.once('close', (code, signal) => Object.assign(one, { over: true, code, signal }));
	};
	Transport.prototype.send = function (message, options) {
		fs.writeSync(this.log, `> ${JSON.stringify(message)}\n`);
		return send.call(this, message, options);
	};
}
recorded(Transport1);
recorded(Transport2);

const asked = { 'elicitation/create': ElicitRequestSchema, 'sampling/createMessage': CreateMessageRequestSchema,
	'roots/list': ListRootsRequestSchema };

// { client, call(name, arguments, options), processes: [{ over, code, signal, rest }] }. answers: what
// the client says when it is asked, by method.
export async function connect(name, command, record, answers = {}) {
	const { sdk, mode } = clients[name];
	const processes = [];
	const server = { command: command[0], args: command.slice(1), stderr: 'inherit', record, processes,
		env: { CNT_ROOT: process.env.CNT_ROOT } };
	const who = { name: 'cnt-test', version: '1' };
	const capabilities = Object.fromEntries(Object.keys(answers).map(method => [method.split('/')[0], {}]));
	if (sdk === 1) {
		const client = new Client1(who, { capabilities });
		for (const [method, answer] of Object.entries(answers))
			client.setRequestHandler(asked[method], answer);
		await client.connect(new Transport1(server));
		return { client, processes, call: (tool, args, options) => client.callTool({ name: tool, arguments: args },
			CallToolResultSchema, options) };
	}
	const client = new Client2(who, { capabilities, versionNegotiation: mode && { mode } });
	for (const [method, answer] of Object.entries(answers))
		client.setRequestHandler(method, answer);
	await client.connect(new Transport2(server));
	return { client, processes, call: (tool, args, options) => client.callTool({ name: tool, arguments: args },
		options) };
}
