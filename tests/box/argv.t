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
run agent-box read_file --help
like "$out" '^usage: agent-box read_file' 'a tool has --help'
run sh -c 'agent-box --describe | jq -r ".verbs[].name" | tr "\n" " "'
is "$out" 'shell_exec read_file write_file list_directory move_file delete_file box_info ' '--describe is JSON'
run script -qec 'agent-box' /dev/null
like "$out" '^usage: agent-box TOOL' 'alone on a terminal it prints help'
run agent-box
is "$rc:$out" 0: 'with no terminal it serves, and ends at end of input'

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
like "$err" '^agent-box read_file: g: No such file or directory
hint: nearest existing directory: ' 'with a hint'
exits 2 'usage: 2' agent-box read_file --path f --limit x
exits 2 'a tool that is not there: 2' agent-box read_fil --path f
like "$err" 'did you mean read_file' 'with the nearest'
exits 2 'an option that is not there: 2' agent-box shell_exec --command x --on-timeout kill
exits 2 'no tool but an option: 2' agent-box --nothing
exits 75 'a time that is over: 75' agent-box shell_exec --command 'echo x; sleep 9' --timeout-seconds 0.1
is "$out" x 'with what was written so far'
exits 71 'an output that is full: 71' sh -c 'agent-box read_file --path f >/dev/full'
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

# What runs on ends with the call: the call is the connection here.
run agent-box shell_exec --command "sleep 31$$ & echo hi"
is "$out" hi 'a command that leaves something running'
ok 'which ends soon after' wait_for 3 sh -c "! pgrep -f '[s]leep 31$$'"

# What it is.
run sh -c 'file -L "$(command -v agent-box)" 2>/dev/null || readelf -lW "$(command -v agent-box)"'
unlike "$out" 'dynamically linked|INTERP' 'it is one static program'
run sh -c "printf '%s\n' '{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/list\",\"params\":{\"_meta\":{\"io.modelcontextprotocol/protocolVersion\":\"2026-07-28\",\"io.modelcontextprotocol/clientCapabilities\":{}}}}' | agent-box | wc -c"
[ "$out" -lt 16384 ]; is $? 0 "tools/list is under 16 KB ($out bytes)"
