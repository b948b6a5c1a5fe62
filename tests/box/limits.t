#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# A command that a limit of its box ended or hindered: the answer says which limit and how to raise
# it, and doing as it says helps.

. "$(dirname "$0")/../tap.sh"

box=$me-small
cnt create "$box" --memory 128m --swap 0 --pids 64 >/dev/null
wait_for 20 cnt exec "$box" -- sh -c 'cd /sys/fs/cgroup && cat pids.max pids/pids.max 2>/dev/null | grep -q .'

# ask COMMAND: the text of shell_exec's answer.
ask() {
	perl -I "$tests/box" -MSession -e '
		my $s = Session->new(command => ["cnt", "enter", shift, "agent-box"]);
		binmode STDOUT, ":utf8";
		print $s->tool("shell_exec", { command => shift }, 60)->{text};' "$box" "$1"
}
eater='perl -e '\''$x = "a" x 300000000; print length $x'\'''
forks='for i in $(seq 80); do sleep 3 & done; wait; echo all'

text=$(ask "exec $eater")
like "$text" '^signal KILL ' 'a command that eats more than the box has is killed'
like "$text" "^killed: memory limit 128 MiB; cnt resize $box --memory 256m$" 'the answer says by what and how to raise it'
like "$(ask "$eater; echo \$?")" '^137$' 'a part of a command that is killed is the command'\''s own affair'
like "$(ask "$eater || exit 1")" "^killed: memory limit 128 MiB; cnt resize $box --memory 256m$" 'unless it fails of it'
unlike "$(ask 'kill -9 $$')" 'killed:' 'one that is killed otherwise is not told of limits'
unlike "$(ask 'exit 137')" 'killed:' 'nor is one that only ends like that'
text=$(ask "$forks")
like "$text" "^refused a process: pids limit 64; cnt resize $box --pids 128$" 'a fork that fails: the answer says why and how to raise it'
unlike "$(ask 'echo Cannot open; exit 1')" 'refused' 'other failures are not told of limits'
json=$(cnt exec "$box" -- agent-box shell_exec --command "exec $eater" --json)
is "$(echo "$json" | jq -r .limit)" memory 'typed facts say it too'

# As it was told.
ok 'resize' cnt resize "$box" --memory 1g --pids 128
like "$(ask "exec $eater")" '^300000000' 'with more memory it runs'
like "$(ask "$forks")" '^all$' 'with more processes too'
text=$(ask "exec $eater")
like "$text" "^exit 0 .* cpu [0-9.]+ m?s · peak 5[0-9][0-9] MiB" 'the first line says what it used'
