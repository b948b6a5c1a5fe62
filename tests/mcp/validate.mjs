// SPDX-License-Identifier: Apache-2.0
//
// validate.mjs SESSION...: checks each line that a server sent ("< ...") against the official schema of
// the revision it belongs to: the one named by the request it answers, else the one that the
// session's initialize settled. Answers to tools/call are checked against the tool's outputSchema
// too. A session is what Client.pm records. Exit 1 when anything is wrong, or when nothing was seen.
import fs from 'node:fs';
import path from 'node:path';
import { createRequire } from 'node:module';

const here = path.dirname(new URL(import.meta.url).pathname);
const require = createRequire(path.join(here, '../clients/package.json'));
const addFormats = require('ajv-formats').default;
const MODERN = '2026-07-28';
const VERSION = 'io.modelcontextprotocol/protocolVersion';
const SUBSCRIPTION = 'io.modelcontextprotocol/subscriptionId';

const results = {
	'initialize': 'InitializeResult', 'ping': 'EmptyResult', 'server/discover': 'DiscoverResult',
	'tools/list': 'ListToolsResult', 'tools/call': 'CallToolResult',
	'resources/list': 'ListResourcesResult', 'resources/templates/list': 'ListResourceTemplatesResult',
	'resources/read': 'ReadResourceResult', 'prompts/list': 'ListPromptsResult', 'prompts/get': 'GetPromptResult',
	'completion/complete': 'CompleteResult', 'logging/setLevel': 'EmptyResult',
	'resources/subscribe': 'EmptyResult', 'resources/unsubscribe': 'EmptyResult',
	'subscriptions/listen': 'SubscriptionsListenResult',
};
// What a server may ask, and say unasked.
const calls = {
	'sampling/createMessage': 'CreateMessageRequest', 'elicitation/create': 'ElicitRequest',
	'roots/list': 'ListRootsRequest', 'notifications/progress': 'ProgressNotification',
	'notifications/message': 'LoggingMessageNotification', 'notifications/cancelled': 'CancelledNotification',
	'notifications/tools/list_changed': 'ToolListChangedNotification',
	'notifications/prompts/list_changed': 'PromptListChangedNotification',
	'notifications/resources/list_changed': 'ResourceListChangedNotification',
	'notifications/resources/updated': 'ResourceUpdatedNotification',
	'notifications/subscriptions/acknowledged': 'SubscriptionsAcknowledgedNotification',
};
const errors = { '-32021': 'MissingRequiredClientCapabilityError', '-32022': 'UnsupportedProtocolVersionError' };
const asking = ['tools/call', 'prompts/get', 'resources/read'];

function ajv(schema) {
	const Ajv = require((schema.$schema ?? '2020').includes('2020') ? 'ajv/dist/2020' : 'ajv').default;
	const a = new Ajv({ strict: false, allErrors: true });
	addFormats(a);
	a.addFormat('byte', true);
	a.addFormat('uri-template', true);
	return a;
}

const compiled = new Map();
function checker(version, name) {
	const key = `${version} ${name}`;
	if (!compiled.has(key)) {
		const schema = JSON.parse(fs.readFileSync(`${here}/schemas/${version}.json`));
		const defs = schema.$defs ? '$defs' : 'definitions';
		if (!schema[defs][name])
			return undefined;
		compiled.set(key, ajv(schema).compile({ ...schema, $ref: `#/${defs}/${name}` }));
	}
	return compiled.get(key);
}

// Many sessions are given the same tools.
function output(schema) {
	const key = JSON.stringify(schema);
	if (!compiled.has(key))
		compiled.set(key, ajv(schema).compile(schema));
	return compiled.get(key);
}

class Session {
	asked = new Map();
	settled = '2025-11-25';
	outputs = new Map();
	seen = 0;
	wrong = 0;

	complain(what, line) {
		this.wrong++;
		console.log(`${what}\n  ${line.slice(0, 300)}`);
	}

	check(version, name, value, line) {
		const check = checker(version, name);
		if (!check)
			this.complain(`${version} has no ${name}`, line);
		else if (!check(value))
			this.complain(`${version} ${name}: ` + check.errors.slice(0, 4)
				.map(e => `${e.instancePath} ${e.message}`).join('; '), line);
	}

	sent(line) {
		let all;
		try { all = [JSON.parse(line)].flat(); } catch { return; }
		for (const m of all)
			if (m?.id !== undefined && m.method !== undefined)
				this.asked.set(JSON.stringify(m.id), { method: m.method, tool: m.params?.name,
					version: m.params?._meta?.[VERSION] ? MODERN : undefined });
	}

	result(q, version, m, line) {
		if (m.result.resultType === 'input_required') {
			if (!asking.includes(q.method) || !(m.result.inputRequests || m.result.requestState))
				this.complain(`${q.method} asks for input`, line);
			return this.check(version, 'InputRequiredResult', m.result, line);
		}
		if (q.method === 'initialize')
			this.settled = version = m.result.protocolVersion;
		this.check(version, results[q.method] ?? 'Result', m.result, line);
		if (q.method === 'tools/list')
			for (const t of m.result.tools)
				this.outputs.set(t.name, t.outputSchema && output(t.outputSchema));
		const fits = q.method === 'tools/call' && !m.result.isError && this.outputs.get(q.tool);
		if (fits && version >= '2025-06-18' && !fits(m.result.structuredContent))
			this.complain(`${q.tool}: its outputSchema: ` + fits.errors
				.map(e => `${e.instancePath} ${e.message}`).join('; '), line);
	}

	got(line) {
		let all;
		this.seen++;
		try { all = [JSON.parse(line)].flat(); } catch { return this.complain('not JSON', line); }
		for (const m of all) {
			const q = this.asked.get(JSON.stringify(m.id));
			const version = q?.version ?? this.settled;
			if (m.method)
				this.check(m.params?._meta?.[SUBSCRIPTION] === undefined ? this.settled : MODERN,
					calls[m.method] ?? 'no such message', m, line);
			else if (m.error)
				this.check(m.id === undefined ? MODERN : version, errors[m.error.code] ??
					(version >= '2025-11-25' || m.id === undefined ? 'JSONRPCErrorResponse' : 'JSONRPCError'),
					m, line);
			else if (q)
				this.result(q, version, m, line);
			else
				this.complain('answers nothing that was asked', line);
		}
	}
}

let seen = 0, wrong = 0;
for (const file of process.argv.slice(2)) {
	let session = new Session();
	for (const line of fs.readFileSync(file, 'utf8').split('\n')) {
		if (line.startsWith('# start')) {
			seen += session.seen;
			wrong += session.wrong;
			session = new Session();
		} else if (line.startsWith('> ')) {
			session.sent(line.slice(2));
		} else if (line.startsWith('< ')) {
			session.got(line.slice(2));
		}
	}
	seen += session.seen;
	wrong += session.wrong;
}
console.log(`${seen} lines, ${wrong} wrong`);
process.exit(wrong || !seen ? 1 : 0);
