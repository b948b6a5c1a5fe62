// SPDX-License-Identifier: Apache-2.0
//
// model.mjs SCRIPT RECORD: stands for the model APIs of Anthropic, OpenAI (Responses, and chat
// completions) and Google, which a test cannot have; as much of them as an agent asks for. What the
// model "thinks" is SCRIPT, a JSON array of [TOOL, ARGUMENTS]: a request shows how many answers it has
// been given so far, and gets the next call, after the last "done". RECORD takes each request as a line
// of JSON: path, the tools offered, the answers shown as text, and its bytes. Prints its port. It is the
// agent's proxy too: what it wants from anybody else is recorded and refused.
import { appendFileSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';

const [script, record] = process.argv.slice(2);
const steps = JSON.parse(readFileSync(script));

const list = (x) => (Array.isArray(x) ? x : x === undefined ? [] : [x]);
const text = (x) => list(x).map((part) => part.text ?? (typeof part === 'string' ? part : JSON.stringify(part))).join('\n');

// Each: where it is asked, the names of the tools offered, the answers to calls, and an answer as events.
const anthropic = {
	path: /^\/v1\/messages$/,
	tools: (body) => list(body.tools).map((t) => t.name),
	shown: (body) => body.messages.flatMap((m) => list(m.content))
		.filter((p) => p.type === 'tool_result' && !p.tool_use_id.startsWith('search'))
		.map((p) => (p.is_error ? 'is_error: ' : '') + text(p.content)),
	events: (id, call) => [
		{ type: 'message_start', message: { id, type: 'message', role: 'assistant', model: 'fake', content: [],
			stop_reason: null, stop_sequence: null, usage: { input_tokens: 1, output_tokens: 1 } } },
		{ type: 'content_block_start', index: 0, content_block: call
			? { type: 'tool_use', id: call.name === 'ToolSearch' ? `search_${id}` : id, name: call.name, input: {} }
			: { type: 'text', text: '' } },
		{ type: 'content_block_delta', index: 0, delta: call
			? { type: 'input_json_delta', partial_json: JSON.stringify(call.arguments) }
			: { type: 'text_delta', text: 'done' } },
		{ type: 'content_block_stop', index: 0 },
		{ type: 'message_delta', delta: { stop_reason: call ? 'tool_use' : 'end_turn' }, usage: { output_tokens: 1 } },
		{ type: 'message_stop' },
	],
};

// A tool of an MCP server has the server's name as its namespace.
const responses = {
	path: /^\/v1\/responses$/,
	tools: (body) => list(body.tools).flatMap((t) => t.tools?.map((u) => `${t.name}/${u.name}`) ?? t.name ?? []),
	shown: (body) => body.input.filter((item) => item.type === 'function_call_output').map((item) => text(item.output)),
	events: (id, call) => [
		{ type: 'response.created', response: { id } },
		{ type: 'response.output_item.done', output_index: 0, item: call
			? { type: 'function_call', call_id: id, name: call.name.split('/').pop(),
				namespace: call.name.split('/').slice(0, -1).pop(), arguments: JSON.stringify(call.arguments) }
			: { type: 'message', role: 'assistant', content: [{ type: 'output_text', text: 'done' }] } },
		{ type: 'response.completed', response: { id, usage: { input_tokens: 1, output_tokens: 1, total_tokens: 2 } } },
	],
};

const chat = {
	path: /^\/v1\/chat\/completions$/,
	tools: (body) => list(body.tools).map((t) => t.function.name),
	shown: (body) => body.messages.filter((m) => m.role === 'tool').map((m) => text(m.content)),
	events: (id, call) => [
		{ id, object: 'chat.completion.chunk', choices: [{ index: 0, finish_reason: null, delta: call
			? { role: 'assistant', tool_calls: [{ index: 0, id, type: 'function',
				function: { name: call.name, arguments: JSON.stringify(call.arguments) } }] }
			: { role: 'assistant', content: 'done' } }] },
		{ id, object: 'chat.completion.chunk', choices: [{ index: 0, finish_reason: call ? 'tool_calls' : 'stop', delta: {} }] },
	],
};

const gemini = {
	path: /^\/v1beta\/models\/[^/]*:streamGenerateContent$/,
	tools: (body) => list(body.tools).flatMap((t) => list(t.functionDeclarations)).map((f) => f.name),
	shown: (body) => body.contents.flatMap((c) => list(c.parts)).filter((p) => p.functionResponse)
		.map((p) => text(p.functionResponse.response)),
	events: (id, call) => [
		{ candidates: [{ index: 0, finishReason: 'STOP', content: { role: 'model', parts: [call
			? { functionCall: { name: call.name, args: call.arguments } }
			: { text: 'done' }] } }], usageMetadata: { promptTokenCount: 1, totalTokenCount: 2 } },
	],
};

// A tool of that name under whatever prefix its agent gives it; one that is not offered may be found by
// an agent's own search for tools.
function next(step, tools) {
	const [tool, args] = step;
	const name = tools.find((t) => t.endsWith(`_${tool}`) || t.endsWith(`/${tool}`));
	if (name)
		return { name, arguments: args };
	return tools.includes('ToolSearch') && { name: 'ToolSearch',
		arguments: { query: tool.replaceAll('_', ' '), max_results: 5 } };
}

const keep = (what) => appendFileSync(record, JSON.stringify(what) + '\n');

const server = createServer(async (request, response) => {
	let bytes = '';
	for await (const piece of request)
		bytes += piece;
	const path = request.url.replace(/\?.*/, '');
	const api = [anthropic, responses, chat, gemini].find((a) => a.path.test(path));
	if (!api) {
		keep({ path, other: true });
		response.writeHead(404).end('{}');
		return;
	}
	const body = JSON.parse(bytes);
	const tools = api.tools(body), shown = api.shown(body);
	keep({ path, tools, shown, bytes });
	const step = steps[shown.length];
	response.writeHead(200, { 'content-type': 'text/event-stream' });
	for (const event of api.events(`id${shown.length}`, step && next(step, tools)))
		response.write(`${event.type ? `event: ${event.type}\n` : ''}data: ${JSON.stringify(event)}\n\n`);
	response.end(api === chat ? 'data: [DONE]\n\n' : '');
});
server.on('connect', (request, socket) => {
	keep({ path: request.url, other: true });
	socket.on('error', () => {});
	socket.end('HTTP/1.1 403 Forbidden\r\n\r\n');
});
server.listen(0, '127.0.0.1', () => console.log(server.address().port));
