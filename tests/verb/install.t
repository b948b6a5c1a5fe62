#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# What `make install` puts below DESTDIR, with which modes, whatever the umask; and twice changes nothing.

no_instance=1
. "$(dirname "$0")/../tap.sh"

dest=$tmp/dest
install_it() { (umask 077; make -s -C "$tests/.." O="$BUILD" SAN="${SAN-}" PREFIX=/usr DESTDIR="$dest" install); }
tree() { (cd "$dest" && find . -printf '%M %u:%g %P\n' | sort -k 3); }

ok 'make install' install_it
times=$(find "$dest" -type f -printf '%i %T@ %p\n' | sort)

wanted() {
	echo 'drwxr-xr-x root:root '
	for d in usr usr/bin usr/lib usr/lib/cnt usr/lib/systemd usr/lib/systemd/system usr/share usr/share/cnt \
	    usr/share/cnt/image usr/share/man usr/share/man/man1 usr/share/man/man5 usr/share/man/man7; do
		echo "drwxr-xr-x root:root $d"
	done
	for p in agent-box cnt cnt-boot cnt-ci-keep cnt-create cnt-delete cnt-doctor cnt-enter cnt-exec cnt-image cnt-info \
	    cnt-list cnt-mcp cnt-resize cnt-restart cnt-setup cnt-start cnt-stop cnt-version; do
		echo "-rwxr-xr-x root:root usr/bin/$p"
		echo "-rw-r--r-- root:root usr/share/man/man1/$p.1"
	done
	echo '-rw-r--r-- root:root usr/share/man/man5/cnt-ci-context.5'
	echo '-rw-r--r-- root:root usr/share/man/man5/cnt.conf.5'
	echo '-rw-r--r-- root:root usr/share/man/man7/cnt-box.7'
	echo '-rw-r--r-- root:root usr/share/man/man7/cnt-verbs.7'
	echo '-rwxr-xr-x root:root usr/lib/cnt/cnt-dropin'
	echo '-rw-r--r-- root:root usr/share/man/man7/cnt-protocol.7'
	echo '-rwxr-xr-x root:root usr/share/cnt/image/debian'
	echo '-rw-r--r-- root:root usr/lib/systemd/system/cnt-boot.service'
}
is "$(tree)" "$(wanted | sort -k 3)" 'the tree is the list, with its owners and modes'
built_in=$(realpath "$BUILD") source=$(realpath "$tests/..")
is "$(grep -rlF -e "$built_in" -e "$source" -e "$dest" "$dest")" '' 'no file tells where it was built'
is "$(grep -rhE '^Exec' "$dest/usr/lib" | grep -cv '=-*/usr/bin/cnt ')" 0 'the unit starts what PREFIX names'
is "$(grep -rl @PREFIX@ "$dest")" '' 'nothing is left to be filled in'

ok 'make install again' install_it
is "$(find "$dest" -type f -printf '%i %T@ %p\n' | sort)" "$times" 'changes nothing'
run "$dest/usr/bin/cnt" --version
like "$out" '^cnt [0-9]+\.[0-9]+\.[0-9]+$' 'what was installed runs'
run "$dest/usr/bin/cnt" --help
like "$out" '^  ci-keep +run a step of CI' 'and lists what is no program of its own'
exits 125 'which is found' "$dest/usr/bin/cnt" ci-keep

ok 'make uninstall' make -s -C "$tests/.." O="$BUILD" SAN="${SAN-}" PREFIX=/usr DESTDIR="$dest" uninstall
is "$(find "$dest" -name 'cnt*' -o -type f)" '' 'leaves nothing of it'
