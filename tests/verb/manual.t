#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# The manual: clean for mandoc, one page for each program, options as the programs have them, and
# examples that run as they stand.

. "$(dirname "$0")/../tap.sh"

man=$BUILD/man

for page in "$man"/*; do
	is "$(mandoc -Tlint "$page" 2>&1 | grep -vE 'referenced manual not found|outdated mandoc.db|^ *unknown manual')" '' \
	    "${page##*/} is clean"
done
for program in "$BUILD"/bin/*; do
	case ${program##*/} in
	*.*)	continue ;;
	esac
	ok "${program##*/} has a page" test -s "$man/${program##*/}.1"
done

# Every verb is in the list of cnt(1), and every option that it has in its page, once.
for program in "$BUILD"/bin/cnt-*; do
	case $program in
	*.*)	continue ;;
	esac
	ok "${program##*/} has its line in cnt.1" grep -Eq "^\.It (.* )?Xr ${program##*/} 1( |\$)" "$man/cnt.1"
	text=$(mandoc -Tutf8 "$man/${program##*/}.1" | col -b)
	missing=$("$program" --describe=words | tr ' ' '\n' | grep '^--' | sort -u |
	    grep -vxE -- '--(json|help|version|describe)' |
	    while read -r option; do echo "$text" | grep -q -e "^ *$option" || echo "$option"; done)
	is "$missing" '' "${program##*/}: every option is in its page"
done
# And each status that is cnt exec's own.
for said in "$(sed -n 's/^\.It \(12[0-9]\)$/\1/p' "$man/cnt-exec.1")" "$(cnt exec --help | grep -o '12[4-7]')"; do
	is "$(printf %s "$said" | tr '\n' ' ')" '124 125 126 127' 'cnt exec: its own exit statuses'
done
# Files that pages name as cross references exist.
dead=$(sed -n 's/^\(\.It \)*\.*Xr \(cnt[a-z.-]*\|agent-box\) \([0-9]\).*/\2.\3/p' "$man"/* | sort -u |
    while read -r page; do [ -e "$man/$page" ] || echo "$page"; done)
is "$dead" '' 'references lead to pages'

# Commands of EXAMPLES, in a directory of their own, in the order of the page. `web` and `blog` are
# boxes of the page; README's session is read in the same way.
commands() {
	case $1 in
	*.md)	awk '/^```/ { in_code = !in_code; next } in_code' "$1" ;;
	*)	awk '/^\.Sh EXAMPLES/ { on = 1; next } /^\.Sh/ { on = 0 } on' "$1" ;;
	esac | sed -n 's/^\(    \)*\$ //p' | sed 's/\\e/\\/g'
}
clean() {
	for box in web blog; do cnt delete --force "$box" >/dev/null 2>&1; done
}
on_exit clean
for page in "$man"/* "$tests/../README.md"; do
	clean
	rm -rf "$tmp/work" && mkdir "$tmp/work"
	commands "$page" >"$tmp/commands"
	while read -r command <&3; do
		ok "${page##*/}: $command" env HOME="$tmp/work" sh -c 'cd "$HOME" && eval "$1"' - "$command"
	done 3<"$tmp/commands"
done
