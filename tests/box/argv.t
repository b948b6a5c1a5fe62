#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# agent-box from a shell: one tool a run, the same checker, one table of exit codes.

# shellcheck disable=SC2034
no_instance=1
# shellcheck source=tests/tap.sh
. "$(dirname "$0")/../tap.sh"

HOME=$tmp/home; export HOME
mkdir "$HOME"
cd "$tmp" || exit

run agent-box --version
like "$out" '^agent-box [0-9]' '--version'
run agent-box --help
like "$out" 'shell_exec +run a command' '--help lists the tools'
is "$(printf '%s\n' "$out" | grep -cE '^(Commands|Files|The box|Not over MCP)$')" 4 'in groups'
run agent-box read_file --help
like "$out" '^usage: agent-box read_file' 'a tool has --help'
run sh -c 'agent-box --describe | jq -r ".verbs[].name" | tr "\n" " "'
is "$out" 'shell_exec process_start process_list process_read process_write process_wait process_kill read_file write_file edit_file list_directory search_files find_files file_info make_directory move_file copy_file delete_file tail_log wait_for_port box_info write_ci_context ' '--describe is JSON'
for tool in $out; do
	run agent-box "$tool" --help
	case $rc:$out in "0:usage: agent-box $tool"*) ;; *) false ;; esac
	tap_result $? "$tool --help"
	unlike "$out" 'null' "$tool: each option is described, or needs no words"
done
run script -qec 'agent-box' /dev/null
like "$out" '^usage: agent-box TOOL' 'alone on a terminal it prints help'
run agent-box
is "$rc:$out" 0: 'with no terminal it serves, and ends at end of input'

run agent-box read_file --path f --max_output 1 --json
is "$(printf '%s' "$out" | jq -r .error.code)" invalid '--json counts behind a mistake too'
exits 2 'a form of description that there is not' agent-box --describe=nothing
like "$err" '^agent-box: unknown option --describe=nothing$' 'which is named'
is "$(agent-box read_file --describe=words)" "$(agent-box --describe=words | grep '^read_file ')" 'a tool describes itself in words'
like "$(agent-box read_file --describe=mdoc)" '^\.It Fl Fl path' 'and in mdoc'
run agent-box shell_exec --command 'echo hi' --timeout_seconds 5
is "$rc:$out" 0:hi 'names may have the _ of the tools'

# Codes.
printf 'a\nb\n' >"$HOME/f"
run agent-box read_file --path f
is "$rc:$out:$err" '0:a
b:' 'a payload is printed as it is'
run sh -c 'agent-box read_file --path f | cmp - home/f'
is "$rc" 0 'byte for byte'
head -c 5000 /dev/urandom >"$HOME/r"
run sh -c 'agent-box read_file --path r | cmp - home/r'
is "$rc" 0 'also what is not UTF-8'
run agent-box read_file --path f --limit 2
is "$out:$err" 'a:[more follows: next_offset 2]' 'what was cut is said on standard error'
exits 1 'not found: 1' agent-box read_file --path g
like "$err" '^agent-box: g: No such file or directory
hint: nearest existing directory: ' 'with a hint'
exits 2 'usage: 2' agent-box read_file --path f --limit x
exits 2 'a tool that is not there: 2' agent-box read_fil --path f
like "$err" 'did you mean read_file' 'with the nearest'
exits 2 'an option that is not there: 2' agent-box shell_exec --command x --on-time kill
like "$err" '^agent-box: shell_exec: unknown option --on-time$' 'and the tool is named once'
exits 2 'no tool but an option: 2' agent-box --nothing
like "$err" '^agent-box: unknown option --nothing$' 'which is named'
for words in '--read-only read_file --path f' '--mcp read_file' '--mcp --nothing' '--mcp --help' '--help read_file' '--version x' '--describe x'; do
	# shellcheck disable=SC2086
	exits 2 "no word is ignored: $words" agent-box $words
	like "$err" '^agent-box: (surplus operand "read_file"|--[a-z]+ stands alone|unknown option --nothing)' 'and one is named'
done
exits 75 'a time that is over: 75' agent-box shell_exec --command 'echo x; sleep 9' --timeout-seconds 1
is "$out" x 'with what was written so far'
for words in 'read_file --path f' --help; do
	exits 71 "an output that is full: 71: $words" sh -c "agent-box $words >/dev/full"
	is "$err" 'agent-box: standard output: No space left on device' 'with the reason'
done
run agent-box --nothing --json
is "$(printf '%s' "$out" | jq -r .error.code)" invalid 'a misuse as JSON'
run agent-box shell_exec --command 'echo out; echo err >&2; exit 9'
is "$rc:$out" 9:out 'the status of a command is passed on'
like "$err" 'err' 'and its standard error'
exits 137 'a signal is 128 and its number' agent-box shell_exec --command 'kill -9 $$'
run agent-box shell_exec --command 'cat; echo "$X"' --env X=1 --stdin 'in '
is "$out" 'in 1' 'a map and an empty one'

# JSON.
run sh -c 'agent-box shell_exec --json --command "echo hi" | jq -r "[.exit_code, .stdout.text, .stdout.total_bytes] | @csv"'
is "$out" '0,"hi
",3' '--json has the payload'
run sh -c 'agent-box read_file --json --path f | jq -r .text'
is "$out" 'a
b' 'of a file too'
run sh -c 'agent-box read_file --json --path g | jq -r .error.code'
is "$out" not_found 'an error is an object'

# Every tool with --json: one line for jq. js NAME WANTED FILTER TOOL [ARGUMENT...]
js() {
	js_name=$1 js_want=$2 js_filter=$3; shift 3
	run agent-box "$@" --json
	is "$(printf '%s\n' "$out" | jq -r "$js_filter" 2>&1)" "$js_want" "$js_name"
	[ "$(printf '%s\n' "$out" | wc -l)" -eq 1 ] || diag "more than one line: $out"
}
mkdir "$HOME/d"
printf 'one TODO\ntwo\nTODO three\n' >"$HOME/d/t.c"
js 'search_files' 'd/t.c:1:5:one TODO d/t.c:3:1:TODO three' '[.matches[] | "\(.path):\(.line):\(.column):\(.text)"] | join(" ")' \
    search_files --pattern TODO --path d
js 'find_files' 'd/t.c' '.paths[]' find_files --path d --glob '*.c'
run agent-box find_files --path d --glob '*.c'
is "$out" d/t.c 'which prints a path a line for people'
js 'list_directory' 'file t.c' '.entries[] | .type + " " + .name' list_directory --path d
js 'file_info' 'file 24' '"\(.type) \(.size)"' file_info --path d/t.c
js 'make_directory' true .created make_directory --path e/f
js 'copy_file' 24 .bytes copy_file --source d/t.c --destination e/f/copy
js 'move_file' false .replaced move_file --source e/f/copy --destination e/moved
js 'write_file, of many lines' 6 .bytes_written write_file --path e/w --content 'ä
b"c'
js 'edit_file, an object each' 2 .replacements edit_file --path d/t.c --edits '{"old":"one","new":"1"}' --edits '{"old":"two","new":"2"}'
js 'edit_file, an array' 2 .replacements edit_file --path d/t.c --edits '[{"old":"TODO","new":"DONE","expect":2}]'
is "$(cat "$HOME/d/t.c")" '1 DONE
2
DONE three' 'and it is done'
js 'edit_file, what is no JSON' invalid .error.code edit_file --path d/t.c --edits x
js 'edit_file, what lacks a member' 'edits[1]: missing new' .error.message edit_file --path d/t.c --edits '[{"old":"1","new":"2"},{"old":"x"}]'
js 'delete_file' 6 .bytes delete_file --path e/w
js 'tail_log' 'DONE three' '.text | rtrimstr("\n") | split("\n")[-1]' tail_log --path d/t.c --follow-seconds 0
js 'wait_for_port' false .open wait_for_port --port 1 --timeout-seconds 0.1
js 'box_info' "$(uname -r)" .kernel box_info
js 'process_start' "p$$" .name process_start --command 'read -r a; echo "got $a"' --stdin --name "p$$"
id=$(agent-box process_list --json | jq -r '.processes[0].id')
js 'process_list, by another process' running '.processes[0].state' process_list
js 'process_write' 6 .bytes_written process_write --id "$id" --text 'hello
'
js 'process_wait' '0' .exit_code process_wait --id "$id" --until exit
agent-box process_start --command 'read x' --stdin >/dev/null
exits 75 'a wait whose time was over: 75' agent-box process_wait --id p2 --until output --timeout-seconds 0.1
agent-box process_write --id p2 --eof --text '' >/dev/null
exits 0 'one that is met: 0' agent-box process_wait --id p2 --until exit
exits 1 'one that cannot be met any more: 1' agent-box process_wait --id p2 --until output
js 'process_read' 'got hello' '.text | rtrimstr("\n")' process_read --id "$id"
js 'process_kill, of what has ended' exited .state process_kill --id "$id"
js 'shell_exec' 'hi 3' '"\(.stdout.text)\(.exit_code)" | sub("\n"; " ")' shell_exec --command 'echo hi; exit 3'
js 'a map' '1 2' '.stdout.text | rtrimstr("\n")' shell_exec --command 'echo $A $B' --env A=1 --env B=2
js 'read_file' 'a
b' '.text | rtrimstr("\n")' read_file --path f

# What there is to say beside a payload is no part of it.
printf 'x\ny\n' >"$HOME/log"
since=$(agent-box tail_log --path log --follow-seconds 0 --json | jq -r .next)
printf 'x\n' >"$HOME/log"
run agent-box tail_log --path log --since "$since" --follow-seconds 0
is "$out" x 'a payload is alone on standard output'
like "$err" '^\[the log was rotated, .* lines are missing here\]$' 'a note is on standard error'
printf 'caf\351\n' >"$HOME/latin"
run agent-box search_files --pattern caf --path latin
is "$err" '[bytes that are not UTF-8 are shown as U+FFFD]' 'of a search too'
touch "$HOME/d/u.c"
cursor=$(agent-box find_files --path d --glob '*.c' --limit 1 --json | jq -r .next_cursor)
rm "$HOME/d/t.c"
run agent-box find_files --path d --glob '*.c' --cursor "$cursor"
is "$out" d/u.c 'so is a list'
like "$err" '^\[changed since the page before.*: \.\]$' 'and what is said of it'

# As a server: one tool alone, and those that read.
printf '%s\n' '{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}}}' >ask
run sh -c 'agent-box file_info --mcp <ask | jq -r ".result.tools[].name"'
is "$out" file_info 'TOOL --mcp serves that tool'
for words in '--mcp --read-only' '--read-only --mcp' '--read-only'; do
	run sh -c "agent-box $words <ask | jq -c '.result.tools | [length > 5, all(.annotations.readOnlyHint)]'"
	is "$out" '[true,true]' "$words serves what only reads"
done
exits 2 'what is no tool is not served' agent-box write_ci_context --mcp
run agent-box process_wait --help
like "$out" '^  --until exit\|output\|port\|idle$' 'help shows the choices'
unlike "$out" ' $' 'and no space at the end of a line'

# However long a log is, its end is kept.
run sh -c 'seq 1 1000000 | CNT_CI_CONTEXT_PATH=$HOME/ci.json agent-box write_ci_context --platform git --exit-code 1 --json'
is "$(jq -r '.failure_log_tail | split("\n") | [length > 2500, .[-3:]] | @json' "$HOME/ci.json")" '[true,["999999","1000000",""]]' \
    'the end of a long log is the end'

# What runs on ends with the call: the call is the connection here.
run agent-box shell_exec --command "sleep 31$$ & echo hi"
is "$out" hi 'a command that leaves something running'
ok 'which ends soon after' wait_for 3 sh -c "! pgrep -f '[s]leep 31$$'"

# What the caller has open is not the command's, nor the keeper's.
run sh -c 'exec 9>lk 8</etc/passwd; agent-box shell_exec --command "ls /proc/self/fd | wc -l"'
is "$out" 4 'a command gets no descriptor of its caller'
exits 0 'whose pipe ends without the process that was started' timeout $((10 * slow)) \
    sh -c "agent-box process_start --command 'exec sleep 32$$' 3>&1 | cat >&2"
run agent-box process_kill --id "$(agent-box process_list --json | jq -r '.processes[0].id')" --json
is "$(printf '%s' "$out" | jq -r .signal)" TERM 'which runs on'

# What it is.
run sh -c 'file -L "$(command -v agent-box)" 2>/dev/null || readelf -lW "$(command -v agent-box)"'
unlike "$out" 'dynamically linked|INTERP' 'it is one static program'
