# shellcheck shell=sh
# SPDX-License-Identifier: Apache-2.0
#
# tap.sh: what every test script reads first: . "$(dirname "$0")/../tap.sh"
# TAP for prove(1), the built programs in PATH, an instance of cnt to work in, and an end that leaves
# nothing behind. Under tests/run the instance is the run's; a test started by hand makes its own.
#
#   $me          begins the name of every box of this test: cnt create "$me-web"
#   $tmp         a directory of this test's own
#   $out $err $rc   of the last `run COMMAND...`
#   on_exit CMD  is evaluated at the end, when the boxes are gone, last given first
#   no_instance=1 before reading this: the test works without one
#   $slow        what every deadline is multiplied by: SLOW, where the machine is an emulated one
# There is no skip: a host that cannot run a test fails it.

set -u
tests=$(cd "$(dirname "$0")" && while [ ! -e tap.sh ]; do cd ..; done && pwd)
BUILD=${BUILD:-$tests/../build}
PATH=$BUILD/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
LC_ALL=C.UTF-8
export BUILD PATH LC_ALL
umask 022
slow=${SLOW:-1} me=t$$ out='' err='' rc=0
tap_n=0 tap_bad=0 tap_exit=''
tmp=$(mktemp -d /var/tmp/cnt-tap.XXXXXX) && chmod 755 "$tmp" || exit 1

tap_result() {		# 0|1 NAME
	tap_n=$((tap_n + 1))
	[ "$1" -eq 0 ] && printf 'ok %d - %s\n' "$tap_n" "${2%%[[:cntrl:]]*}" && return
	tap_bad=$((tap_bad + 1))
	printf 'not ok %d - %s\n' "$tap_n" "${2%%[[:cntrl:]]*}"
}
diag() { printf '%s\n' "$*" | sed 's/^/# /' >&2; }
results() { while read -r tap_r tap_name; do case $tap_r in	# FILE of `0|1 NAME`, and what else a child says
	[01]) tap_result "$tap_r" "$tap_name" ;; *) diag "${tap_r#\#} $tap_name" ;; esac; done <"$1"; }

on_exit() { tap_exit="$1
$tap_exit"; }

# run COMMAND...: keeps what it says and its status.
run() {
	"$@" >"$tmp/.out" 2>"$tmp/.err" </dev/null && rc=0 || rc=$?
	out=$(cat "$tmp/.out") err=$(cat "$tmp/.err")
}

# ok NAME COMMAND...
ok() {
	tap_name=$1; shift
	run "$@"
	tap_result $((rc != 0)) "$tap_name"
	[ "$rc" -eq 0 ] || diag "$* exits $rc: $out $err"
}

# exits STATUS NAME COMMAND...
exits() {
	tap_want=$1 tap_name=$2; shift 2
	run "$@"
	is "$rc" "$tap_want" "$tap_name"
	[ "$rc" -eq "$tap_want" ] || diag "$*: $out $err"
}

# is GOT WANTED NAME; isnt; like GOT EXTENDED-REGEX NAME; unlike
is() { [ "$1" = "$2" ]; tap_result $? "$3"; [ "$1" = "$2" ] || diag "got:    $1
wanted: $2"; }
isnt() { [ "$1" != "$2" ]; tap_result $? "$3"; [ "$1" != "$2" ] || diag "got: $1"; }
like() { printf '%s\n' "$1" | grep -Eq -- "$2"; tap_r=$?; tap_result $tap_r "$3"
	[ $tap_r -eq 0 ] || diag "got:     $1
matches: $2"; }
unlike() { ! printf '%s\n' "$1" | grep -Eq -- "$2"; tap_r=$?; tap_result $tap_r "$3"
	[ $tap_r -eq 0 ] || diag "got: $1"; }

# wait_for SECONDS COMMAND...: until it succeeds; fails when the time is over: the second that has begun is extra.
wait_for() {
	tap_end=$(($(date +%s) + $1 * slow + 1)); shift
	until "$@" >/dev/null 2>&1; do
		[ "$(date +%s)" -lt "$tap_end" ] || return 1
		perl -e 'select undef, undef, undef, 0.02'
	done
}

tap_finish() {
	tap_rc=$?; trap '' EXIT HUP INT TERM
	[ -n "${no_instance-}" ] || for tap_box in $(cnt list 2>/dev/null | awk -v me="^$me(-|\$)" '$1 ~ me { print $1 }'); do
		cnt delete --force "$tap_box" >/dev/null 2>&1 || diag "$tap_box: could not be deleted"
	done
	eval "$tap_exit"
	[ -z "${tap_root-}" ] || CNT_ROOT=$tap_root sh "$tests/instance" unmake
	rm -rf "$tmp"
	echo "1..$tap_n"
	[ "$tap_rc" -eq 0 ] || exit "$tap_rc"
	exit $((tap_bad != 0))
}
trap tap_finish EXIT
trap 'exit 130' HUP INT TERM

if [ -z "${CNT_ROOT-}${no_instance-}" ]; then
	tap_root=$(sh "$tests/instance" make) || exit 1
	CNT_ROOT=$tap_root; export CNT_ROOT
fi
