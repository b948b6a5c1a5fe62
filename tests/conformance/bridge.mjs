// SPDX-License-Identifier: Apache-2.0
//
// bridge.mjs RECORD SERVER...: Streamable HTTP for a server on standard input and output; the
// conformance suite speaks nothing else. It adds what HTTP adds (sessions, status codes, checks of
// headers, Host and Origin) and no JSON-RPC of its own but the errors of that. A session has a process
// of its own; requests of 2026-07-28 share one, with ids made to differ. The address is the first
// line of its output; what each process was sent and said is left in RECORD-N, for validate.mjs.
import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import fs from 'node:fs';
import http from 'node:http';
import readline from 'node:readline';

const [record, ...server] = process.argv.slice(2);
const VERSION = 'io.modelcontextprotocol/protocolVersion';
const SUBSCRIPTION = 'io.modelcontextprotocol/subscriptionId';
const NAMED = ['tools/call', 'prompts/get', 'resources/read'];
const BAD = [-32600, -32700, -32020, -32021, -32022];
const sessions = new Map();
let processes = 0, stateless;

const failure = (id, code, message) => ({ jsonrpc: '2.0', id, error: { code, message } });
const event = (res, m) => res.write(`event: message\ndata: ${JSON.stringify(m)}\n\n`);

function reply(res, status, body, headers) {
	res.writeHead(status, { 'content-type': 'application/json', ...headers });
	res.end(body && JSON.stringify(body));
}

// One process and the HTTP responses that wait for it.
class Server {
	pending = new Map();		// by the id on the wire
	early = [];			// for a stream that is not open yet
	last = 0;

	constructor(session) {
		this.session = session;
		this.record = `${record}-${++processes}`;
		this.child = spawn(server[0], server.slice(1), { stdio: ['pipe', 'pipe', 'inherit'] });
		this.child.stdin.on('error', () => {});
		readline.createInterface({ input: this.child.stdout }).on('line', line => this.said(line));
	}

	send(m) {
		const line = JSON.stringify(m);
		fs.appendFileSync(this.record, `> ${line}\n`);
		this.child.stdin.write(`${line}\n`);
	}

	// A request and where its answer goes.
	ask(m, res) {
		const id = this.session ? m.id : `b${++this.last}`;
		const p = { id: m.id, res, token: m.params?._meta?.progressToken,
			headers: this.session && { 'mcp-session-id': this.session } };
		this.pending.set(id, p);
		res.on('close', () => this.pending.delete(id) && this.send({ jsonrpc: '2.0',
			method: 'notifications/cancelled', params: { requestId: id } }));
		this.send({ ...m, id });
	}

	said(line) {
		fs.appendFileSync(this.record, `< ${line}\n`);
		const m = JSON.parse(line);
		if (m.method === undefined)
			return this.answered(m);
		const meta = m.params?._meta, sub = meta?.[SUBSCRIPTION];
		const all = [...this.pending.values()];
		const p = sub !== undefined ? this.pending.get(sub) : m.method === 'notifications/progress'
			? all.find(it => it.token === m.params.progressToken) : all.at(-1);
		if (p && (sub !== undefined || !/list_changed|resources\/updated/.test(m.method))) {
			if (!p.res.headersSent)
				p.res.writeHead(200, { 'content-type': 'text/event-stream', ...p.headers });
			event(p.res, sub === undefined ? m :
				{ ...m, params: { ...m.params, _meta: { ...meta, [SUBSCRIPTION]: p.id } } });
		} else if (this.stream) {
			event(this.stream, m);
		} else {
			this.early.push(m);
		}
	}

	answered(m) {
		const p = this.pending.get(m.id);
		if (!p)
			return;
		this.pending.delete(m.id);
		m.id = p.id;
		if (p.res.headersSent) {
			event(p.res, m);
			return p.res.end();
		}
		const code = m.error?.code;
		const bad = BAD.includes(code) || (code === -32602 && m.error.message.includes('_meta'));
		reply(p.res, this.session || !code ? 200 : code === -32601 ? 404 : bad ? 400 : 200, m, p.headers);
	}

	listen(res) {
		res.writeHead(200, { 'content-type': 'text/event-stream', 'mcp-session-id': this.session });
		res.write(':\n\n');
		for (const m of this.early.splice(0))
			event(res, m);
		this.stream = res;
		res.on('close', () => { if (this.stream === res) this.stream = undefined; });
	}
}

const local = host => ['127.0.0.1', 'localhost', '[::1]'].includes(host.replace(/:\d+$/, ''));
const plain = v => v?.startsWith('=?base64?') ? Buffer.from(v.slice(9, -2), 'base64').toString() : v;

// What of the headers contradicts a message of 2026-07-28, or undefined.
function mismatch(m, headers) {
	if (m.params._meta[VERSION] !== headers['mcp-protocol-version'])
		return 'MCP-Protocol-Version';
	if (m.method !== headers['mcp-method'])
		return 'Mcp-Method';
	const named = NAMED.includes(m.method);
	return named && (m.params.name ?? m.params.uri) !== plain(headers['mcp-name']) ? 'Mcp-Name' : undefined;
}

function posted(m, headers, res) {
	const id = headers['mcp-session-id'];
	const modern = m.params?._meta?.[VERSION] !== undefined;
	let to = sessions.get(id);

	if (id && !to)
		return reply(res, 404, failure(m.id, -32001, 'Session not found'));
	if (!to && m.method === 'initialize' && !modern) {
		to = new Server(randomUUID());
		sessions.set(to.session, to);
	} else if (!to) {
		const wrong = modern && m.id !== undefined && mismatch(m, headers);
		if (wrong)
			return reply(res, 400, failure(m.id, -32020, `HeaderMismatch: ${wrong}`));
		to = stateless ??= new Server();
	}
	if (m.method !== undefined && m.id !== undefined)
		return to.ask(m, res);
	to.send(m);
	res.writeHead(202).end();
}

function asked(req, res) {
	const { host, origin, 'mcp-session-id': id } = req.headers;
	const session = sessions.get(id);
	let body = '';

	if (!local(host) || (origin && !local(new URL(origin).host)))
		return reply(res, 403, failure(undefined, -32600, 'Forbidden'));
	if (req.method === 'POST') {
		req.on('data', part => { body += part; });
		return req.on('end', () => posted(JSON.parse(body), req.headers, res));
	}
	if (!session || !['GET', 'DELETE'].includes(req.method))
		return reply(res, id ? 404 : 405, failure(undefined, -32600, 'No such session'));
	if (req.method === 'GET')
		return session.listen(res);
	session.child.stdin.end();
	sessions.delete(id);
	reply(res, 200);
}

const listener = http.createServer(asked).listen(0, '127.0.0.1', () =>
	console.log(`http://127.0.0.1:${listener.address().port}/mcp`));
process.on('SIGTERM', () => {
	for (const s of [...sessions.values(), stateless])
		s?.child.stdin.end();
	setTimeout(() => process.exit(0), 200);
});
