#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Names that are refused, and what a refusal leaves behind: nothing.

. "$(dirname "$0")/../tap.sh"
. "$(dirname "$0")/refused.sh"

boxes=$CNT_ROOT/var/lib/cnt/boxes
# Of what is tried here; other tests make boxes meanwhile.
left() {
	find "$boxes" -mindepth 1 -maxdepth 1 -regextype posix-extended \
	    \( -not -regex '.*/[a-z][a-z0-9-]{0,30}' -o -name '*-' -o -name "$me-*" -o \
	    -regex ".*/(x|a|b|root|host|localhost|cnt|agent-box|mail|sudo|${here:-daemon})" \)
}

for name in ../x Ä '' "$(printf 'a%031d' 0)" a/b .. A 1a a_b a- -- "a
b" root host localhost cnt agent-box; do
	[ "$name" != -- ] || continue
	refused 2 invalid . "create \"$name\"" cnt create "$name"
done
refused 2 invalid 'account' 'create mail, an account of the image' cnt create mail
refused 2 invalid 'group' 'create sudo, a group of the image' cnt create sudo

# An account of this host that the image does not have, where there is one.
image=$(echo "$CNT_ROOT"/var/lib/cnt/images/*/rootfs | awk '{ print $1 }')
here=$(getent passwd | cut -d: -f1 | grep -E '^[a-z][a-z0-9-]{0,30}$' |
    grep -vxF "$(cut -d: -f1 "$image/etc/passwd")" | head -n 1)
refused 2 invalid 'account' 'create the name of an account of this host' cnt create "${here:-daemon}"

refused 1 not_found 'no such' 'a box that is not there: info' cnt info "$me-none"
refused 1 not_found 'no such' 'a box that is not there: start' cnt start "$me-none"
refused 1 not_found 'no such' 'a box that is not there: stop' cnt stop "$me-none"
refused 1 not_found 'no such' 'a box that is not there: delete' cnt delete "$me-none"
refused 1 not_found 'image' 'an image that is not there' cnt create "$me-a" --image none
exits 2 'an image name that cannot be' cnt create "$me-a" --image "$(printf '%0100d' 0)"
echo "ssh-ed25519 AAAA" >"$tmp/key"
exits 2 'a key that is none' cnt create "$me-a" --ssh-key "$tmp/key"
exits 2 'less memory than any box can live with' cnt create "$me-a" --memory 1m
exits 125 'exec in a box that is not there is cnt'\''s own failure' cnt exec "$me-none" -- true

is "$(left)" '' 'no directory is left'
is "$(cnt list | awk -v me="$me" 'index($1, me) == 1')" '' 'no box is left'
