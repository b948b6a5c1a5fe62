#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# From a CI step that fails to whoever debugs it: sh/ci-keep with a real box, the environments of the
# platforms it knows, and the context as an agent in the box reads it.

. "$(dirname "$0")/../tap.sh"

keep=$tests/../sh/ci-keep box=$me-ci
for v in $(env | sed -n 's/^\(GITHUB_[A-Z_]*\|CI_[A-Z_]*\|GITLAB_[A-Z_]*\|CNT_CI_CONTEXT_PATH\)=.*/\1/p'); do unset "$v"; done
ok 'a box' cnt create "$box"
mkdir "$tmp/work" "$tmp/t" && cd "$tmp/work" || exit
TMPDIR=$tmp/t; export TMPDIR

in_box() { cnt exec "$box" -- sh -c "$1"; }
# What the agent of the box reads, as its server gives it; member NAME of it as JSON.
context() {
	printf '%s\n' '{"jsonrpc":"2.0","id":1,"method":"resources/read","params":{"uri":"cnt://ci-context","_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}}}' |
	    cnt mcp --box "$box" | jq -r '.result.contents[0].text'
}
member() { printf '%s\n' "$context" | jq -c ".$1"; }
members() { printf '%s\n' "$context" | jq -c "[$1]"; }

# Options.
exits 125 'no box: 125' "$keep"
exits 125 'no command: 125' "$keep" "$box" --
exits 125 'a word between: 125' "$keep" "$box" true -- true
like "$err" 'surplus operand "true"' 'by name'
exits 125 'an unknown option: 125' "$keep" --keep "$box" -- true
exits 125 'an unknown choice: 125' "$keep" --on-success burn "$box" -- true
exits 125 'a box that is not there: 125' "$keep" "$me-nowhere" -- true
like "$err" "$me-nowhere: no such box" 'as cnt says it'
run sh -c "'$keep' --describe | jq -r '.verbs[0].name + \": \" + .verbs[0].group'"
is "$out" 'ci-keep: In a box' '--describe is what cnt lists'

# Success.
run "$keep" "$box" -- sh -c 'echo fine; exit 0'
is "$rc:$out:$err" '0:fine:' 'a step that succeeds says nothing more'
is "$(context)" '{"schema_version":"1.0","available":false}' 'and leaves no context'
run sh -c "echo typed | '$keep' '$box' -- cat"
is "$rc:$out" '0:typed' 'its standard input is the caller'\''s'
run sh -c "'$keep' '$box' -- cat <&-"
is "$rc:$out:$err" '0::' 'or empty, when that is closed'

# Failure, in no repository.
run env DEPLOY_TOKEN=hunter22hunter22 DEPLOY_TOKEN2=hunter22hunter22-long SSH_KEY="BEGIN
line-of-the-key
END" SHORT_KEY=abc GIT_AUTHOR_NAME=visible-value DB_PASSWORD="p'w0rd-long" HTTP_AUTHORIZATION='Basic aHVudGVy' "$keep" "$box" -- sh -c '
	echo "say \"it\"  $HOME"; echo "hunter22hunter22-long, hunter22hunter22" >&2; echo " line-of-the-key, abc, visible-value, Basic aHVudGVy"
	printf "\033[31mred\033[0m \377\n"; echo "not ok 1 - odd # TODO"; echo "not ok 2 - the thing"; exit 7' x 'hunter22hunter22' "a 'b'" "--password=p'w0rd-long"
is "$rc" 7 'the status is passed on'
like "$out" 'say "it"' 'and the output'
like "$err" "^ci-keep: exit 7 in box $box, which is kept" 'it says what happened'
like "$err" "cnt enter $box" 'how to get in'
like "$err" "ssh $box@[0-9.]+" 'by ssh'
like "$err" "cnt mcp --box $box" 'and for an agent'
context=$(context)
is "$(members '.schema_version,.available,.platform,.repo,.commit_sha,.pr_number,.exit_code,.failing_test')" \
    '["1.0",true,"unknown",null,null,null,7,"the thing"]' 'the context'
is "$(member workspace_path)" "\"/home/$box\"" 'where it ran'
is "$(printf '%s\n' "$context" | jq -r .failure_log_tail)" "say \"it\"  /home/$box
***, ***
 ***, abc, visible-value, ***
red �
not ok 1 - odd # TODO
not ok 2 - the thing" 'the log, without secrets and escapes'
unlike "$context" 'hunter22|line-of-the-key|w0rd-long|aHVudGVy|GIT_AUTHOR' 'no secret in any member'
like "$(member failing_command)" 'x \*\*\* '"'a .* '--password=\*\*\*'" 'also not in the command'
is "$(in_box 'stat -c %U:%a /workspace/.cnt/ci-context.json; ls -A /workspace/.cnt')" "$box:644
ci-context.json" 'its file is the user'\''s, and alone'

# The command can be run again as it stands.
run env -u x "$keep" --cwd /tmp --test 'one::two' "$box" -- sh -c 'echo "$1|$2" >>ran; exit 3' 'a b' "it's \$HOME
\"x\""
context=$(context)
is "$(members '.exit_code,.failing_test,.workspace_path')" '[3,"one::two","/tmp"]' 'a later failure takes its place'
again=$(printf '%s\n' "$context" | jq -r .failing_command)
run cnt enter "$box" -- agent-box shell_exec --cwd /tmp --command "$again"
is "$rc" 3 'failing_command runs again in shell_exec'
run in_box 'sort -u /tmp/ran | wc -l; wc -l </tmp/ran'
is "$out" '2
4' 'with the same words'

# Cancelled.
running() { pgrep -xf "sleep $1" >/dev/null; }
gone() { ! running "$1"; }
n=2718300
for signal in HUP:129 INT:130 QUIT:131 TERM:143; do
	n=$((n + 1))
	perl -e '$SIG{$_} = "DEFAULT" for qw(INT QUIT); exec @ARGV' "$keep" "$box" -- sleep "$n" & p=$!
	wait_for 10 running "$n"
	kill "-${signal%:*}" $p
	wait $p
	is $? "${signal#*:}" "${signal%:*} ends a step"
	ok 'with its command' wait_for 5 gone "$n"
done
"$keep" "$box" -- sh -c 'trap "" HUP INT TERM; while :; do sleep 2718310; done' & p=$!
wait_for 10 running 2718310
kill $p
ok 'so does one whose command is deaf' wait_for 20 gone 2718310
wait $p
is $? 143 'with the same status'

# Whenever the signal comes while the command is being started.
mkdir "$tmp/early"
cat >"$tmp/early/mkfifo" <<'END'
#!/usr/bin/perl
use POSIX;
my $step = getppid;
mkfifo($_, 0600) for @ARGV;
exit if fork;
close STDOUT;
select undef, undef, undef, $ENV{DELAY} / 1000;
kill 'TERM', $step;
END
chmod 755 "$tmp/early/mkfifo"
for delay in 0.5 1 1.5 2 2.5 3 3.5 4 5 6 8 10; do
	PATH=$tmp/early:$PATH DELAY=$delay timeout -s KILL 10 "$keep" "$box" -- sleep 2718320
	echo $?
done >"$tmp/ended"
is "$(sort -u "$tmp/ended")" 143 'a step that is just being started ends too'
ok 'and leaves no command' wait_for 5 gone 2718320
is "$(ls -A "$TMPDIR")" '' 'and its temporary files'

# Platforms.
run env GITHUB_ACTIONS=true GITHUB_REPOSITORY=o/r GITHUB_REF=refs/pull/12/merge GITHUB_SHA=abc GITHUB_HEAD_REF=topic \
    GITHUB_REF_NAME=12/merge GITHUB_RUN_ID=99 GITHUB_SERVER_URL=https://g.example "$keep" "$box" -- false
context=$(context)
is "$(members '.platform,.repo,.pr_number,.commit_sha,.branch,.run_id,.run_url')" \
    '["github-actions","o/r",12,"abc","topic","99","https://g.example/o/r/actions/runs/99"]' 'GitHub Actions'
run env GITLAB_CI=true CI_PROJECT_PATH=o/r CI_MERGE_REQUEST_IID=5 CI_COMMIT_SHA=def CI_COMMIT_REF_NAME=main CI_JOB_ID=7 \
    CI_JOB_URL=https://l.example/7 "$keep" "$box" -- false
context=$(context)
is "$(members '.platform,.repo,.pr_number,.commit_sha,.branch,.run_id,.run_url')" \
    '["gitlab-ci","o/r",5,"def","main","7","https://l.example/7"]' 'GitLab CI'
git init -q -b topic . && git -c user.name=x -c user.email=x@x commit -q --allow-empty -m x
git remote add origin https://me:hunter2@example.org/o/r.git
run "$keep" "$box" -- false
context=$(context)
is "$(members '.platform,.repo,.pr_number,.commit_sha,.branch,.run_id')" \
    "[\"git\",\"https://example.org/o/r.git\",null,\"$(git rev-parse HEAD)\",\"topic\",null]" 'a repository, without the account in its address'

# What its programs say is run by nobody, and has an end.
lie() { in_box "printf '#!/bin/sh\n%s\n' '$2' | sudo tee /usr/local/bin/$1 >/dev/null; sudo chmod 755 /usr/local/bin/$1"; }
lie id 'echo "-oProxyCommand=x y"'
run "$keep" "$box" -- false
like "$err" "ssh $box@[0-9.]+\$" 'its id does not say who logs in'
is "$(context | jq -r .failing_command)" false 'nor whose the context is'
lie pwd 'exec yes y'
exits 125 'nor is its pwd listened to for ever' timeout 20 "$keep" "$box" -- true
in_box 'sudo rm /usr/local/bin/id /usr/local/bin/pwd'

# A long log.
run "$keep" "$box" -- sh -c 'seq 1 400000; echo " --- FAIL: TestIt (0.0s)"; exit 1'
is "$(printf '%s\n' "$out" | wc -l)" 400001 'a long log passes whole'
context=$(context)
is "$(printf '%s\n' "$context" | jq -r '.failure_log_tail | [length > 19900, length <= 20000, test("^[0-9]{6}\n")] | join(" ")')" \
    'true true true' 'its end is kept, whole lines'
is "$(member failing_test)" '"TestIt"' 'and a test that go names'
in_box 'printf "{\"schema_version\":\"1.0\",\"available\":true,\"repo\":\"changed\"}" >/workspace/.cnt/ci-context.json'
is "$(context | jq -r .repo)" changed 'a changed file is seen at the next read'

# A box that goes away under it.
run "$keep" "$box" -- sh -c 'sudo systemctl poweroff -ff; sleep 60'
isnt "$rc" 0 'a box that stops fails the step'
like "$err" 'context could not be written' 'and says that nothing was written'
ok 'started again' wait_for 20 cnt start "$box"
run "$keep" --on-success=stop "$box" -- true
is "$rc:$(cnt list | awk -v b="$box" '$1 == b { print $2 }')" 0:stopped '--on-success stop'
ok 'started again' cnt start "$box"
run "$keep" --on-success delete "$box" -- true
is "$rc:$(cnt list | grep -c "^$box ")" 0:0 '--on-success delete'
is "$(ls -A "$TMPDIR")" '' 'nothing is left of its temporary files'
