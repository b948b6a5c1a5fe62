# shellcheck shell=sh
# SPDX-License-Identifier: Apache-2.0
#
# session.sh: what a test of a real agent reads after tap.sh. The agent is what npm installs; the model that
# it asks is model.mjs, which says what to call and keeps what it was shown. The agent knows cnt by what
# `cnt mcp --config` prints and nothing else, has a home of its own, and reaches nobody but the model.
# The test sets
#   agents      the directory of its lock file
#   name file   what it is for --config, and the file in its home that takes the snippet
#   wants       optional: whom it asks besides, whatever it is told; refused like any other
# and defines
#   agent       PROMPT: one whole session without a person
#   lists       what the agent itself says of its servers
#   beside      optional: adds the snippet (standard input) to what the file has already
# and calls `session` for cnt mcp, `session_in_box` for one box's agent-box, `prompts` where the agent makes
# commands of them.
# shellcheck disable=SC2034,SC2154

for lock in "$tests/clients" "$agents"; do
	"$tests/clients/install" "$lock" 2>"$tmp/npm" || { cat "$tmp/npm" >&2; exit 1; }
done
model='' port=''
node=$tests/clients/node_modules/.bin/node
modules=$agents/node_modules
HOME=$tmp/home
export HOME
box=$me-a
on_exit '[ -z "$model" ] || kill "$model"'

# thinks SCRIPT: a model that will call this.
thinks() {
	[ -z "$model" ] || { kill "$model"; wait "$model" 2>/dev/null; }
	printf '%s\n' "$1" >"$tmp/script"
	rm -f "$tmp/record" "$tmp/port"
	"$node" "$tests/agents/model.mjs" "$tmp/script" "$tmp/record" >"$tmp/port" &
	model=$!
	wait_for 20 test -s "$tmp/port" || exit 1
	port=$(cat "$tmp/port")
}

# in_home COMMAND...: with nothing of our environment. CNT_ROOT is the snippet's to bring.
in_home() (
	cd "$HOME" &&
	exec timeout 90 env -i "HOME=$HOME" "TMPDIR=$HOME" "PATH=${node%/node}:/usr/bin:/bin" TERM=dumb LC_ALL=C.UTF-8 \
		"HTTP_PROXY=http://127.0.0.1:$port" "HTTPS_PROXY=http://127.0.0.1:$port" NO_PROXY=127.0.0.1 "$@"
)

# The last request of the conversation has all of it. Some agents quote JSON in JSON: unquoted.
recorded() { jq -rs "map(select(.shown)) | max_by(.shown | length) | $1" "$tmp/record" | sed 's/\\n/ /g; s/\\//g'; }
shown() { recorded ".shown[$1 - 1]"; }

# The tools that cnt mcp has and the model was not told of: some agents show names alone, until asked.
untold() {
	meta='"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}'
	recorded .bytes >"$tmp/told"
	echo "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/list\",\"params\":{\"_meta\":{$meta}}}" | cnt mcp |
		jq -r '.result.tools[].name' | grep . >"$tmp/names" || echo 'cnt mcp: no tools'
	while read -r tool; do
		grep -q "$tool" "$tmp/told" || echo "$tool"
	done <"$tmp/names"
}

beside() { cat; }

# connect SED-SCRIPT [OPTION...]: a new home, and in it the snippet, changed.
connect() {
	change=$1; shift
	rm -rf "$HOME"
	mkdir -p "$(dirname "$HOME/$file")"
	cnt mcp --config "$name" "$@" 2>/dev/null | sed "$change" | beside >"$HOME/$file"
}

session() {
	connect '' --tools platform,box
	thinks "[[\"create_container\", {\"name\": \"$box\"}],
	    [\"shell_exec\", {\"box\": \"$box\", \"command\": \"echo to-out; echo to-err >&2; exit 3\"}],
	    [\"read_file\", {\"box\": \"$box\", \"path\": \"/etc/os-release\"}],
	    [\"read_file\", {\"box\": \"$box\", \"path\": \"/etc/os-releas\"}],
	    [\"shell_exec\", {\"box\": \"$me-no\", \"command\": \"true\"}],
	    [\"delete_container\", {\"box\": \"$box\"}],
	    [\"delete_container\", {\"box\": \"$box\", \"force\": true}]]"
	run lists
	like "$out$err" 'cnt.*([^s]connected|Connected|enabled)' 'it reads the snippet'
	ok 'a session with cnt mcp' agent go
	like "$out" 'done' 'comes to the end of its script'
	is "$(recorded '.shown | length')" 7 'each call was answered'
	like "$(recorded .bytes)" 'A working box in three calls: create_container ' 'the model was told how to begin'
	is "$(untold)" '' 'and of every tool'
	like "$(shown 1)" '"state": ?"running"' 'it saw the box that it made'
	like "$(shown 2)" '(^|[^a-z])exit 3' 'the status of a command'
	like "$(shown 2)" 'to-out' 'its output'
	like "$(shown 2)" 'to-err' 'and what it said on standard error'
	unlike "$(shown 2)" '[Ee]rror' 'but no error'
	like "$(shown 3)" 'PRETTY_NAME=' 'a file'
	like "$(shown 4)" '"hint": ?"' 'what to do about a file that is not there'
	like "$(shown 5)" "$me-no: no such box" 'that there is no such box'
	like "$(shown 5)" '"hint": ?"list_containers shows' 'and what to do about that'
	like "$(shown 6)" '"hint": ?"' 'what to do about a box that runs'
	like "$(shown 7)" "\"$box\"" 'what it deleted'
	is "$(cnt list | grep -c "^$box ")" 0 'which is gone'
	alone
}

session_in_box() {
	cnt create "$box" >/dev/null
	connect 's/"mcp", "--box", "\([^"]*\)"/"enter", "\1", "--", "agent-box"/' --box "$box"
	ok 'a snippet for cnt enter' grep -q '"enter",.*"agent-box"' "$HOME/$file"
	thinks '[["shell_exec", {"command": "id -un; echo to-err >&2; exit 3"}],
	    ["read_file", {"path": "/etc/os-release"}],
	    ["read_file", {"path": "/etc/os-releas"}],
	    ["shell_exec", {"command": "seq 9999; exit 3"}]]'
	ok 'a session with agent-box over cnt enter' agent go
	is "$(recorded '.shown | length')" 4 'each call was answered'
	like "$(shown 1)" '(^|[^a-z])exit 3' 'the model saw the status of a command'
	like "$(shown 1)" "$box" 'its output'
	like "$(shown 1)" 'to-err' 'and what it said on standard error'
	like "$(shown 2)" 'PRETTY_NAME=' 'a file'
	like "$(shown 3)" '"hint": ?"' 'what to do about a file that is not there'
	like "$(shown 4)" '(^|[^a-z])exit 3 .* stdout 48888 B \(cut; all in /home/'"$box"'/[^ ]*/output-[0-9a-f]+\)' \
		'the status beside a long output, and where all of it is'
	alone
}

prompts() {		# COMMAND
	connect ''
	thinks '[]'
	ok "$1" agent "$1"
	like "$(recorded .bytes)" "create_container ..name.:.$box.}" 'the model got the text of new_box'
}

alone() {
	is "$(jq -r 'select(.other) | .path' "$tmp/record" | grep -vxF "${wants:-none}" | sort -u)" '' \
		'it asked nobody but the model'
}
