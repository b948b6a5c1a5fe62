#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# cnt mcp --config: what it prints for each client has the shape that the client documents, and starts
# the cnt that printed it, with the same options, for the user who asked. tests/agents has real clients
# read it.
no_instance=1
. "$(dirname "$0")/../tap.sh"
unset CNT_ROOT

cnt=$(realpath "$BUILD/bin/cnt")

snippet() {		# CLIENT [OPTION...]
	client=$1; shift
	exits 0 "$client${*:+ $*}" cnt mcp --config "$client" "$@"
}
# The words of the command, from any of the JSON forms: those of server NAME.
words() {		# NAME
	printf '%s\n' "$out" | jq -c --arg name "$1" '(.mcpServers // .servers // .mcp)[$name] |
	    [.command, .args // []] | flatten'
}
keys() { printf '%s\n' "$out" | jq -c '[paths(type != "object") | map(select(type == "string")) | join(".")] | unique'; }

for client in claude cursor; do
	snippet "$client"
	is "$(keys)" '["mcpServers.cnt.args","mcpServers.cnt.command","mcpServers.cnt.type"]' 'its members'
	is "$(words cnt)" "[\"$cnt\",\"mcp\"]" 'its command'
done
for client in claude-desktop gemini; do
	snippet "$client"
	is "$(keys)" '["mcpServers.cnt.args","mcpServers.cnt.command"]' 'its members'
	is "$(words cnt)" "[\"$cnt\",\"mcp\"]" 'its command'
done
snippet vscode
is "$(keys)" '["servers.cnt.args","servers.cnt.command","servers.cnt.type"]' 'its members'
is "$(words cnt)" "[\"$cnt\",\"mcp\"]" 'its command'
snippet opencode
is "$(keys)" '["$schema","mcp.cnt.command","mcp.cnt.type"]' 'its members'
is "$(words cnt)" "[\"$cnt\",\"mcp\"]" 'its command'
snippet codex
is "$out" "[mcp_servers.\"cnt\"]
command = \"$cnt\"
args = [\"mcp\"]" 'its table'
is "$err" "# ~/.codex/config.toml
# or: codex mcp add cnt -- $cnt mcp" 'where it goes is said beside it, and the client'"'"'s own command'

snippet gemini --box web --read-only
is "$(words web)" "[\"$cnt\",\"mcp\",\"--box\",\"web\",\"--read-only\"]" 'the server has the name of the box'
snippet claude --tools platform
is "$(words cnt)" "[\"$cnt\",\"mcp\",\"--tools\",\"platform\"]" 'which tools'
snippet vscode --ssh host.example
is "$(words cnt)" '["ssh","-T","-oBatchMode=yes","root@host.example","cnt","mcp"]' 'through ssh, as root'
snippet opencode --ssh me@2001:db8::1 --box web
is "$(words web)" '["ssh","-T","-oBatchMode=yes","me@2001:db8::1","cnt","mcp","--box","web"]' 'as another'

exits 0 'another instance' env CNT_ROOT=/srv/other cnt mcp --config claude
is "$(words cnt)" "[\"env\",\"CNT_ROOT=/srv/other\",\"$cnt\",\"mcp\"]" 'is named'
snippet claude --ssh host.example
like "$err" '^# or: claude mcp add cnt -- ssh -T -oBatchMode=yes root@host\.example cnt mcp$' 'the same by a command'
exits 0 'a path with a blank and a quote' env "CNT_ROOT=/srv/it's here" cnt mcp --config claude
like "$err" "^# or: claude mcp add cnt -- env 'CNT_ROOT=/srv/it'\\\\''s here' $cnt mcp$" 'is quoted for the shell'

exits 0 'who is not root' setpriv --reuid 65534 --regid 65534 --clear-groups cnt mcp --config claude
is "$(words cnt)" "[\"sudo\",\"-n\",\"$cnt\",\"mcp\"]" 'needs sudo'

for host in '' - -oProxyCommand=x root@-x @x x@ a@b@c 'a b' 'a;b' 'a$(b)' 'a b@c'; do
	exits 2 "ssh: no host: '$host'" cnt mcp --config claude --ssh "$host"
	is "$out" '' 'nothing is printed'
done
exits 2 'a client that nobody knows' cnt mcp --config emacs
like "$err" 'claude-desktop, codex' 'those it knows are named'
exits 2 '--ssh alone' cnt mcp --ssh host
exits 2 'what the server would refuse' cnt mcp --config claude --start --read-only
exits 2 'so too' cnt mcp --config claude --box web --tools platform
exits 2 'a box that cannot be' cnt mcp --config claude --box '../x'
