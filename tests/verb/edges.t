#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Command line and MCP of every verb give the same results and the same errors (edges.pl).

. "$(dirname "$0")/../tap.sh"

"$tests/tiny" "$me" | cnt image import - --name "$me" >/dev/null
on_exit 'cnt image delete "$me" >/dev/null'
perl "$tests/verb/edges.pl" "$me" "$me" >"$tmp/said" 2>"$tmp/err"
status=$?
results "$tmp/said"
is "$status $(cat "$tmp/err")" '0 ' 'all were tried'
