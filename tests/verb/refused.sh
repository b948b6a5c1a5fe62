# shellcheck shell=sh disable=SC2154
# SPDX-License-Identifier: Apache-2.0
#
# How a verb says no: the exit status, the code in --json, one line and a hint for people.

# refused STATUS CODE REGEX NAME COMMAND...
refused() {
	refused_rc=$1 refused_code=$2 refused_text=$3 refused_name=$4
	shift 4
	run "$@"
	is "$rc" "$refused_rc" "$refused_name: exits $refused_rc"
	like "$(printf '%s\n' "$err" | sed -n 1p)" "$refused_text" "$refused_name: says what is wrong"
	like "$(printf '%s\n' "$err" | sed -n 2p)" '^hint: .' "$refused_name: and what to do"
	is "$(printf '%s\n' "$err" | wc -l)" 2 "$refused_name: in two lines"
	is "$out" '' "$refused_name: nothing on standard output"
	run "$@" --json
	is "$(printf '%s' "$out" | jq -r .error.code)" "$refused_code" "$refused_name: code $refused_code"
}
