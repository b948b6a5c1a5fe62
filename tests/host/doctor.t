#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# What doctor says of a host that is well, of one that is not set up, and of one whose kernel
# refuses what a box needs (a process below chroot(2) gets no user namespace).

. "$(dirname "$0")/../tap.sh"

rows() { printf '%s' "$out" | jq -r ".checks[] | select(.state == \"$1\").name"; }
row() { printf '%s' "$out" | jq -r ".checks[] | select(.name == \"$1\").$2"; }
records() { cnt doctor --json | jq -r '.checks[] | select(.name == "audit").detail'; }

ok 'this host is well' cnt doctor
like "$out" '^boxes can run here$' 'and doctor says so'
ok 'as JSON' cnt doctor --json
is "$(printf '%s' "$out" | jq .ok)" true 'too'
is "$(rows fail)" '' 'no row has failed'
for name in database audit boxes image 'id ranges' bridge firewall resolver forwarding programs \
    'control groups' 'system calls' 'user namespaces' mounts seccomp 'sealed programs' landlock; do
	isnt "$(row "$name" state)" '' "there is a row: $name"
done
is "$(find "$CNT_ROOT/var/lib/cnt/boxes" -name '.*')" '' 'the trial mount has left no directory'
is "$(grep -c "$CNT_ROOT" /proc/self/mountinfo)" 0 'and no mount'

before=$(records)
is "$(records)" "$before" 'looking is not recorded'
ok 'repair' cnt doctor --repair
isnt "$(records)" "$before" 'repair is'

# A box that is made once the rows are read and before the directory is, and one that is deleted when its
# name is read there.
cat >"$tmp/meanwhile.c" <<'END'
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct dirent *
readdir(DIR *d)
{
	struct dirent *(*real)(DIR *) = dlsym(RTLD_NEXT, "readdir"), *entry;
	char fd[64], path[PATH_MAX] = "";

	snprintf(fd, sizeof(fd), "/proc/self/fd/%d", dirfd(d));
	if (readlink(fd, path, sizeof(path) - 1) == -1 || strstr(path, "/cnt/boxes") == NULL)
		return real(d);
	unsetenv("LD_PRELOAD");
	if (getenv("MADE") != NULL && system("cnt create $MADE --no-start >/dev/null") == 0)
		unsetenv("MADE");
	entry = real(d);
	if (entry != NULL && strcmp(entry->d_name, getenv("DELETED")) == 0)
		system("cnt delete $DELETED >/dev/null");
	return entry;
}
END
cc -shared -fPIC -w -o "$tmp/meanwhile.so" "$tmp/meanwhile.c"
cnt create "$me-a" --no-start >/dev/null
run env LD_PRELOAD="$tmp/meanwhile.so" ASAN_OPTIONS=verify_asan_link_order=0 MADE="$me-b" DELETED="$me-a" cnt-doctor --json
is "$(row files detail)" '' 'boxes that come and go meanwhile have no files that nobody knows'
is "$(cnt list | awk -v me="$me" '$1 ~ me { print $1 }')" "$me-b" 'they came and went'
cnt delete "$me-b" >/dev/null
mkdir "$CNT_ROOT/var/lib/cnt/boxes/$me-b"
run cnt doctor --json
is "$(row files detail)" "$me-b" 'those of no box are told'
rmdir "$CNT_ROOT/var/lib/cnt/boxes/$me-b"

# As after a boot.
cnt create "$me-h" --no-start >/dev/null
sqlite3 "$CNT_ROOT/var/lib/cnt/cnt.db" "UPDATE box SET state = 'creating' WHERE name = '$me-h'"
# shellcheck disable=SC2016
run unshare --mount sh -c 'mount -t tmpfs none "$CNT_ROOT/run" && cnt doctor --json'
is "$(row boxes detail)" "$me-h: left half made" 'a box left half made is told while there are no locks yet'
ok 'repair takes it away' cnt doctor --repair
is "$(find "$CNT_ROOT/var/lib/cnt/boxes" -name "$me-h")" '' 'with its files'

# As on a host with systemd.
# shellcheck disable=SC2016
run unshare --mount sh -c 'mount --bind "$CNT_ROOT/var/lib" /var/lib && mount -t tmpfs none /run &&
    mkdir -p /run/systemd/system && CNT_ROOT=/ cnt doctor --json'
like "$(row boot remedy)" '^`make install`' 'a build has no service to enable: the remedy is to install it'

# And where it is installed: a host of its own, but for its systemctl.
mkdir -p "$tmp/prefix/lib/systemd/system" "$tmp/sbin"
: >"$tmp/prefix/lib/systemd/system/cnt-boot.service"
cp -r "$BUILD/bin" "$tmp/prefix/bin"
printf '#!/bin/sh\ncase $1 in is-*) exec test -e /run/on ;; enable) : >/run/on ;; esac\n' >"$tmp/sbin/systemctl"
chmod 755 "$tmp/sbin/systemctl"
# shellcheck disable=SC2016
ok 'a set-up that was killed before the service is on' unshare --net --mount --pid --fork --mount-proc sh -ec '
    mount -t sysfs sysfs /sys; mount -t tmpfs none /run; mount -t tmpfs none /var/lib; mount --bind "$1/sbin" /usr/local/sbin
    mkdir -p /run/systemd/system /run/upper /run/work
    mount -t overlay -o lowerdir=/etc,upperdir=/run/upper,workdir=/run/work none /etc
    unset CNT_ROOT; "$1/prefix/bin/cnt" setup; rm /run/on
    "$1/prefix/bin/cnt" doctor --repair || :; test -e /run/on' - "$tmp"
like "$out" 'ok   repair' 'is finished by a repair'

mkdir -m 755 "$tmp/none" "$tmp/root"
run env CNT_ROOT="$tmp/none" cnt doctor --json
is "$rc" 69 'not set up: boxes cannot run'
is "$(rows fail)" "$(printf 'database\nmounts')" 'for want of a database and a state directory'
like "$(row database remedy)" 'cnt setup' 'the remedy is setup'
like "$(row mounts remedy)" 'cnt setup' 'for both'
is "$(find "$tmp/none" -mindepth 1)" '' 'and nothing was made'

# shellcheck disable=SC2016
run unshare --mount sh -c 'mount --rbind / "$1" && chroot "$1" "$2" --json' - "$tmp/root" "$(command -v cnt-doctor)"
is "$rc" 69 'no user namespaces: boxes cannot run'
is "$(printf '%s' "$out" | jq .ok)" false 'says the answer'
is "$(rows fail)" "$(printf 'user namespaces\nmounts')" 'the rows that need one have failed'
like "$(row 'user namespaces' remedy)" 'max_user_namespaces' 'with the remedy'
run unshare --mount sh -c 'mount --rbind / "$1" && chroot "$1" "$2"' - "$tmp/root" "$(command -v cnt-doctor)"
like "$out" '^boxes cannot run here$' 'for people too'
like "$out" '^     -> ' 'remedies below their rows'

cp "$CNT_ROOT/var/lib/cnt/cnt.db" "$tmp/db"
mkdir -p "$tmp/none/var/lib/cnt"
head -c 3000 "$tmp/db" >"$tmp/none/var/lib/cnt/cnt.db"
chmod 600 "$tmp/none/var/lib/cnt/cnt.db"
run env CNT_ROOT="$tmp/none" cnt doctor --json
is "$rc" 69 'a damaged database: boxes cannot run'
is "$(row database state)" fail 'says which'
isnt "$(row seccomp state)" '' 'and the rest is checked all the same'
unlike "$(printf '%s' "$out" | jq -r '.checks[] | select(.state != "ok").remedy')" 'doctor --repair|image build' \
    'no remedy that cannot help'
