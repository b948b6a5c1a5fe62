#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Images: what is taken, what is refused, and that nothing of a refused one is left.

. "$(dirname "$0")/../tap.sh"
. "$(dirname "$0")/refused.sh"

images=$CNT_ROOT/var/lib/cnt/images
field() { printf '%s' "$out" | jq -r ".$1"; }
names() { cnt image list --json | jq -r '.images[].name' | grep "^$me" | tr '\n' ' '; }
left() { find "$images" -mindepth 1 -maxdepth 1 | sort; }

"$tests/tiny" "$me" >"$tmp/tiny.tar"
sum=$(sha256sum <"$tmp/tiny.tar" | cut -d ' ' -f 1)
ok 'an archive becomes an image' cnt image import "$tmp/tiny.tar" --name "$me" --json
is "$(field id)" "$sum" 'named by its sha256'
is "$(field name)" "$me" 'and for people'
ok 'its files are there' test -x "$images/$sum/rootfs/sbin/init"
is "$(stat -c %a "$images")" 700 'where nobody else can reach setuid programs'
ok 'the same archive under a second name' cnt image import "$tmp/tiny.tar" --name "$me.2" --json
is "$(left | grep -c "$sum")" 1 'is stored once'
gzip -c "$tmp/tiny.tar" >"$tmp/tiny.tgz"
ok 'a compressed archive from standard input' sh -c 'cnt image import - --name "$1.gz" <"$2"' - "$me" "$tmp/tiny.tgz"
is "$(cnt image list --json | jq -r --arg n "$me.gz" '.images[] | select(.name == $n).id')" \
    "$(sha256sum <"$tmp/tiny.tgz" | cut -d ' ' -f 1)" 'is named by the sha256 of what came'

"$tests/tiny" newer | cnt image import - --name "$me" >/dev/null
newer=$(cnt image list --json | jq -r --arg n "$me" '.images[] | select(.name == $n).id')
isnt "$newer" "$sum" 'a newer image takes the name'

ok 'a box by the first digits of an id' cnt create "$me-a" --image "$(echo "$newer" | cut -c 1-12)"
refused 1 no 'use' 'an image that a box uses' cnt image delete "$newer"
ok 'it is still there' test -x "$images/$newer/rootfs/sbin/init"
cnt delete --force "$me-a" >/dev/null
ok 'an unused one is deleted' cnt image delete "$newer" --json
is "$(field deleted)" true 'and says so'
ok 'with its files' test ! -e "$images/$newer"
refused 1 not_found . 'deleting it again' cnt image delete "$newer"
before=$(left)

for name in '' A ../x a/b .x "$(printf '%064d' 0)" "$(printf '%065d' 0)"; do
	exits 2 "the name \"$name\" is refused" cnt image import "$tmp/tiny.tar" --name "$name"
done
bad() {		# NAME STATUS: the archive is $tmp/bad.tar
	exits "$2" "$1 is refused" cnt image import "$tmp/bad.tar" --name "$me.bad"
	is "$(left)" "$before" "$1: nothing is left"
	unlike "$(names)" "$me.bad" "$1: and not in the list"
}
printf 'not an archive' >"$tmp/bad.tar"
bad 'what is no archive' 2
: >"$tmp/bad.tar"
bad 'an empty file' 2
head -c 30000 "$tmp/tiny.tar" >"$tmp/bad.tar"
bad 'an archive that is cut short' 2
mkdir -p "$tmp/t/etc" "$tmp/t/sbin"
tar -C "$tmp/t" -cf - . >"$tmp/bad.tar"
bad 'one without accounts and an init' 2
cp /etc/passwd "$tmp/t/etc/passwd"
tar -C "$tmp/t" -cf - . >"$tmp/bad.tar"
bad 'one without groups' 2
cp /etc/group "$tmp/t/etc/group"
tar -C "$tmp/t" -cf - . >"$tmp/bad.tar"
bad 'one without an init' 2
printf '\050\265\057\375compressed' >"$tmp/tiny.tar.zst"
# shellcheck disable=SC2016
exits 69 'what zstd compressed, on a host without it' unshare --mount sh -c \
    'there=$(command -v zstd) && mount --bind /dev/null "$there"; cnt image import "$1" --name "$2"' - \
    "$tmp/tiny.tar.zst" "$me.zst"
like "$err" 'zstd: Cannot exec' 'says so'
like "$err" 'hint: .*apt-get install zstd' 'and what to do'
exits 1 'a file that is not there' cnt image import "$tmp/none" --name "$me.none"

# Names in an archive that lead out of it.
touch "$tmp/outside"
cp /bin/true "$tmp/t/sbin/init"
(cd "$tmp/t" && tar --transform 's,etc/passwd,../../../../../../../../../tmp/cnt-escaped,' -P -cf "$tmp/esc.tar" \
    ./sbin ./etc/passwd)
run cnt image import "$tmp/esc.tar" --name "$me.esc"
ok 'an entry with ../ writes nothing outside' test ! -e /tmp/cnt-escaped
perl - "$tmp" <<'EOF'
# A link out of the tree, then a file through it: as an attacker would order them.
my $tmp = shift;
open my $f, '>', "$tmp/link.tar" or die;
sub entry {
	my ($name, $type, $link, $body) = @_;
	my $h = pack('a100 a8 a8 a8 a12 a12 a8 a1 a100 a6 a2 a32 a32 a8 a8 a155 x12', $name, "0000644\0", "0000000\0",
	    "0000000\0", sprintf("%011o\0", length $body), "00000000000\0", ' ' x 8, $type, $link, "ustar\0", '00', '', '',
	    "0000000\0", "0000000\0", '');
	substr($h, 148, 8) = sprintf("%06o\0 ", unpack('%32C*', $h));
	print {$f} $h, $body, "\0" x (-length($body) % 512);
}
entry('out', '2', $tmp, '');
entry('out/escaped', '0', '', "escaped\n");
entry('etc/passwd', '0', '', "root:x:0:0::/:/bin/sh\n");
entry('sbin/init', '0', '', "init\n");
print {$f} "\0" x 1024;
EOF
run cnt image import "$tmp/link.tar" --name "$me.link"
ok 'a file through a link out of the archive writes nothing outside' test ! -e "$tmp/escaped"

for image in $(names); do cnt image delete "$image" >/dev/null 2>&1; done
cnt image delete "$sum" >/dev/null 2>&1
is "$(left | grep -cF "$sum")" 0 'all are deleted'
