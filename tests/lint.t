#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Each tool of `make lint` finds the defect it is there for, and says nothing without it.

no_instance=1
. "$(dirname "$0")/tap.sh"

lint() { make -s -C "$tests/.." O="$tmp/o" DEV= SAN= "$@"; }

# found TOOL VARIABLE FILE FINDING SED: FILE is clean; as sed changes it, it is not.
found() {
	ok "lint-$1: a clean file" lint "lint-$1" "$2=$3"
	sed -i "$5" "$3"
	run lint "lint-$1" "$2=$3"
	isnt "$rc" 0 "lint-$1: with a defect it fails"
	like "$out$err" "$4" "and names it: $4"
}

cat >"$tmp/seed.h" <<'EOF'
int	seed(const char *path, int n);
EOF
cat >"$tmp/seed.c" <<'EOF'
#include <fcntl.h>
#include <stdlib.h>

#include "seed.h"

int
seed(const char *path, int n)
{
	int a[2] = { n };
	char *p = malloc(4);

	for (int i = 0; i < 2; i++)
		a[i] = n;
	if (p != NULL)
		p[0] = path[0];
	n = p != NULL ? p[0] : a[0];
	free(p);
	return n + open(path, O_RDONLY | O_CLOEXEC);
}
EOF
seeded() { cp "$tmp/seed.c" "$tmp/$1.c" && echo "$tmp/$1.c"; }
found tidy SOURCES "$(seeded t1)" 'android-cloexec-open' 's/ | O_CLOEXEC//'
found tidy SOURCES "$(seeded t2)" 'clang-diagnostic-string-plus-int' 's/open(path/open("ab" + n/'
found analyze SOURCES "$(seeded a)" 'unix.Malloc' '/p != NULL ? /{h; d}; /free/G'
found cppcheck SOURCES "$(seeded c)" 'arrayIndexOutOfBounds' 's/i < 2/i <= 2/'

seeds=$(seeded once)
ok 'a clean source once more' lint lint-tidy "SOURCES=$seeds"
ok 'is not read again' lint -q lint-tidy "SOURCES=$seeds"
touch -d '1 minute' "$tmp/seed.h"
exits 1 'unless a header it includes is newer' lint -q lint-tidy "SOURCES=$seeds"

printf '#!/bin/sh\nrm -f "$1"\n' >"$tmp/seed.sh"
found shell SCRIPTS "$tmp/seed.sh" 'SC2086' 's/"//g'

cat >"$tmp/seed.1" <<'EOF'
.Dd January 1, 2026
.Dt SEED 1
.Os
.Sh NAME
.Nm seed
.Nd a page
.Sh DESCRIPTION
It has words.
EOF
found man PAGES "$tmp/seed.1" 'unknown macro.*Bogus' 's/^It has/.Bogus/'

echo 'You will receive it.' >"$tmp/seed.txt"
found spell PROSE "$tmp/seed.txt" 'receive' 's/ei/ie/'
