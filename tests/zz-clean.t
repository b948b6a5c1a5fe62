#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# The last test: the instance goes, and the machine is as it was before the first one.

# shellcheck source=tests/tap.sh
. "$(dirname "$0")/tap.sh"

before=$BUILD/tests/machine.before

as_before() {
	"$tests/machine" | grep -Fvx "file $tmp" | diff "$before" -
}

ok 'no box is left by any test' sh -c '[ "$(cnt list | wc -l)" -le 1 ] || { cnt list; false; }'
ok 'database and audit chain are whole' sh -c 'cnt doctor --json |
    jq -e "[.checks[] | select(.name == \"database\" or .name == \"audit\")] | length == 2 and all(.state == \"ok\")"'
ok 'the instance can be taken away' sh "$tests/instance" unmake
# A network namespace goes a moment after its last process.
wait_for 5 as_before
ok 'the machine is as it was before the tests' as_before
