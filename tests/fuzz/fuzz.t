#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Each harness stands its seeds and a few seconds of what libFuzzer makes of them (FUZZ_SECONDS, with CNT_LONG
# a minute); what it finds is printed with its input.

no_instance=1
. "$(dirname "$0")/../tap.sh"

seconds=${FUZZ_SECONDS:-5}
[ -z "${CNT_LONG-}" ] || seconds=60
run "$tests/fuzz/run" "$seconds"
report=$out
[ "$rc" -eq 0 ] || diag "$report" "$err"
for harness in "$tests"/fuzz/*.c; do
	subject=${harness##*/} subject=${subject%.c}
	is "$(echo "$report" | grep -c "^$subject: [1-9][0-9]* inputs")" 1 "$subject: nothing is found in $seconds s"
	[ -n "$(ls "$tests/fuzz/seeds/$subject")" ]
	is $? 0 'from seeds of its own'
done
