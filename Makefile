# SPDX-License-Identifier: Apache-2.0
# make, make install, make check, make lint, make bench; SAN=1 builds with ASan and UBSan, FAULTS=1 with
# the fault points of lib/fault.h, for a test alone; O= is where.

VERSION = 0.1.0
PREFIX  = /usr/local
O       = build$(if $(SAN),-san)$(if $(FAULTS),-faults)
# However it is spelled: what a compiler writes of headers counts for the object of that name alone.
override O := $(abspath $(O))

CC      = $(CROSS)gcc
AR      = $(CROSS)ar
Q       = $(if $(V),,@)
WARN    = -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wwrite-strings -Wvla \
          -Wformat=2 -Wimplicit-fallthrough -Wno-format-nonliteral $(if $(DEV),-Werror)
HARDEN  = -fstack-protector-strong $(if $(SAN),,-D_FORTIFY_SOURCE=2)
SANFLAGS = $(if $(SAN),-fsanitize=address$(comma)undefined -fno-sanitize-recover=all -fno-omit-frame-pointer)
comma   = ,
CPPFLAGS = -D_GNU_SOURCE -I. $(shell pkg-config --cflags libbsd-overlay) -DCNT_VERSION='"$(VERSION)"' \
          $(if $(FAULTS),-DCNT_FAULTS) \
          $(if $(CROSS),-isystem $(O)/cross/usr/include/$(CROSS:-=) -idirafter /usr/include)
CFLAGS  = -O2 -g
ALLFLAGS = -std=c11 $(CPPFLAGS) $(CFLAGS) $(WARN) $(HARDEN) $(SANFLAGS) -ffunction-sections \
          -fdata-sections '-ffile-prefix-map=$(CURDIR)=.' -MMD -MP

# CROSS=aarch64-linux-gnu- makes agent-box, and nothing else, for another machine, with its libcrypto (sh/cross).
# Headers that are the same everywhere are this host's.
PARTS   = $(wildcard $(addprefix lib/,$(addsuffix .c,argv base base64 check check-result crypto describe err file help json \
          json-escape json-member landlock nearest print proc standard utf8 value)) mcp/*.c)
LIBSRC  = $(if $(CROSS),$(PARTS),$(filter-out $(if $(FAULTS),,lib/fault.c),$(wildcard lib/*.c mcp/*.c)))
BOXSRC  = $(wildcard mcp/box/*.c mcp/box/*/*.c)
OTHERS  = cnt-dropin
VERBS   = $(filter-out $(OTHERS),$(patsubst bin/%.c,%,$(wildcard bin/cnt*.c)))
UNIT    = $(patsubst %.c,$(O)/%,$(wildcard tests/unit/*.c))
MAN     = $(patsubst man/%.in,$(O)/man/%,$(wildcard man/*.in))

LIB     = $(O)/libcnt.a
LDFLAGS = -Wl,--as-needed -Wl,--gc-sections -Wl,-z,relro -Wl,-z,now $(SANFLAGS)
# Two of them are linked in: libcrypto, of which only SHA-256 is used, costs each start 1.2 ms as a shared
# library, libbsd with its libmd 0.2 ms.
LDLIBS  = -lcjson -lsqlite3 -lseccomp -llxc -l:libcrypto.a -l:libbsd.a -l:libmd.a -lm

PROGS   = $(VERBS:%=$(O)/bin/%)
# What nobody types: programs find them by ../lib/cnt and ../share/cnt, in a build and where it is installed.
PRIVATE = $(OTHERS:%=$(O)/lib/cnt/%)
RECIPES = $(patsubst sh/%,$(O)/share/cnt/%,$(wildcard sh/image/*))

# What tests run: programs of their own; those in tests/host stand alone, for they run in boxes too.
AIDS    = $(patsubst %.c,$(O)/%,$(wildcard tests/mcp/*.c tests/box/*.c tests/bench/*.c))
HOSTAIDS = $(patsubst %.c,$(O)/%,$(wildcard tests/host/*.c))
FAULTED = $(addprefix $(O)/faults/bin/,cnt $(addprefix cnt-,create delete doctor image info list resize setup start stop))
SUITE   = $(shell . /etc/os-release; echo $$VERSION_CODENAME)
IMAGE   = $(O)/tests/image-$(SUITE).tar
SCRIPTS = $(shell find sh tests .ci -name node_modules -prune -o -type f ! -name '*.txt' -exec \
          awk 'FNR == 1 && /^\#(!\/bin\/(ba)?sh| shellcheck shell=)/ { print FILENAME } { nextfile }' {} +)

all:

$(O)/%.o: %.c Makefile
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALLFLAGS) $(if $(filter mcp/box/% bin/agent-box.c,$<),,-fPIE) -c -o $@ $<

$(LIB): $(LIBSRC:%.c=$(O)/%.o)
	@rm -f $@
	$(Q)$(AR) crD $@ $^

$(PROGS): $(O)/bin/%: $(O)/bin/%.o $(LIB)
	@mkdir -p $(@D)
	$(Q)$(CC) -pie $(LDFLAGS) -o $@ $< $(LIB) $(LDLIBS)

$(PRIVATE): $(O)/lib/cnt/%: $(O)/bin/%.o $(LIB)
	@mkdir -p $(@D)
	$(Q)$(CC) -pie $(LDFLAGS) -o $@ $< $(LIB) $(LDLIBS)

$(RECIPES): $(O)/share/cnt/%: sh/%
	@mkdir -p $(@D)
	$(Q)cp $< $@

# agent-box runs in any distribution: static. cJSON comes as a shared library only; sh/cjson compiles the
# distribution's own source package. A static program cannot carry ASan, so with SAN=1 the one for boxes is
# built without, and one with it stands beside for what is tested on the host.
$(O)/libcjson.a: sh/cjson
	@mkdir -p $(@D)
	CC='$(CC)' CFLAGS='$(CFLAGS)' CJSON_SRC='$(CJSON_SRC)' sh/cjson $@

# lib/crypto.c says what for.
LAZY    = -Wl,--wrap=OPENSSL_cpuid_setup -Wl,--undefined=OPENSSL_cpuid_setup

BOX     = $(O)$(if $(SAN),/plain)
BOXOBJ  = bin/agent-box.o $(BOXSRC:%.c=%.o)

ifdef SAN
$(BOX)/%.o $(O)/bin/agent-box: override SAN =
$(BOX)/%.o: %.c Makefile
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALLFLAGS) -c -o $@ $<

$(BOX)/libcnt.a: $(LIBSRC:%.c=$(BOX)/%.o)
	@rm -f $@
	$(Q)$(AR) crD $@ $^

all: $(O)/san/agent-box
$(O)/san/agent-box: $(BOXOBJ:%=$(O)/%) $(LIB)
	@mkdir -p $(@D)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ -lcjson -lcrypto -lm
endif

$(O)/bin/agent-box: $(BOXOBJ:%=$(BOX)/%) $(BOX)/libcnt.a $(O)/libcjson.a
	@mkdir -p $(@D)
	$(Q)$(CC) -static $(LDFLAGS) $(LAZY) $(if $(CROSS),-L$(O)/cross/usr/lib/$(CROSS:-=)) -o $@ $^ -lcrypto -lm

$(UNIT): $(O)/tests/unit/%: $(O)/tests/unit/%.o $(LIB) $(BOXSRC:%.c=$(O)/%.o)
	@mkdir -p $(@D)
	$(Q)$(CC) -pie $(LDFLAGS) -o $@ $(filter %.o,$^) $(LIB) -lcmocka $(LDLIBS)

$(AIDS): $(O)/tests/%: $(O)/tests/%.o $(LIB)
	@mkdir -p $(@D)
	$(Q)$(CC) -pie $(LDFLAGS) -o $@ $< $(LIB) $(LDLIBS)

$(HOSTAIDS): $(O)/tests/host/%: tests/host/%.c Makefile
	@mkdir -p $(@D)
	$(Q)$(CC) -std=c11 -D_GNU_SOURCE -O2 $(WARN) -static -o $@ $<

ifdef CROSS
all: $(O)/bin/agent-box
$(BOXOBJ:%=$(O)/%) $(LIBSRC:%.c=$(O)/%.o) $(O)/libcjson.a: | $(O)/cross/usr
$(O)/cross/usr: sh/cross
	@mkdir -p $(@D)
	sh/cross $(@D) $(shell dpkg-architecture -f -t $(CROSS:-=) -qDEB_HOST_ARCH)
else
all: $(PROGS) $(PRIVATE) $(RECIPES) $(O)/bin/agent-box $(MAN)
endif

# Harnesses for libFuzzer, by clang with ASan and UBSan whatever the rest is built with. tests/fuzz/run runs
# them, or those that FUZZ names, two at a time: for so many seconds each, or with FUZZ_RUNS for so many inputs.
FUZZERS = $(patsubst tests/fuzz/%.c,$(O)/fuzz/%,$(wildcard tests/fuzz/*.c))
FUZZ_SECONDS ?= 60
FUZZ_RUNS    ?=
FUZZ         ?=

$(O)/fuzz/%: override SAN = 1
$(O)/fuzz/%: override CC = clang
$(O)/fuzz/%.o: %.c Makefile
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALLFLAGS) -O1 -fsanitize=fuzzer-no-link -c -o $@ $<

$(O)/fuzz/box.a: $(PARTS:%.c=$(O)/fuzz/%.o) $(BOXSRC:%.c=$(O)/fuzz/%.o)
	@rm -f $@
	$(Q)$(AR) crD $@ $^

$(O)/fuzz/conversation: OWN_CLOCK = -Wl,--wrap=ppoll,--wrap=cnt_ticks_us
$(FUZZERS): $(O)/fuzz/%: $(O)/fuzz/tests/fuzz/%.o $(O)/fuzz/box.a
	$(Q)$(CC) $(LDFLAGS) $(OWN_CLOCK) -fsanitize=fuzzer -o $@ $^ -lcjson -lcrypto -lm

# A page's OPTIONS come from the table of the program it is about.
$(MAN): $(O)/man/%: man/%.in man/options.awk $(PROGS) $(O)/bin/agent-box
	@mkdir -p $(@D)
	$(Q)awk -v describe='$(O)/bin/$(basename $*) --describe=mdoc' -f man/options.awk $< >$@.new
	$(Q)mv $@.new $@

$(IMAGE): sh/image/debian
	@mkdir -p $(@D)
	sh/image/debian $(SUITE) >$@.new
	$(Q)mv $@.new $@

faults:
	+$(Q)$(MAKE) FAULTS=1 SAN= O='$(O)/faults' CFLAGS=-O1 $(FAULTED)

fuzz: $(FUZZERS)
	CORPUS='$(O)/fuzz/corpus' BUILD='$(O)' FUZZ_RUNS='$(FUZZ_RUNS)' \
		tests/fuzz/run $(FUZZ_SECONDS) $(FUZZ)

check: all faults $(FUZZERS) $(UNIT) $(AIDS) $(HOSTAIDS) $(IMAGE)
	BUILD='$(O)' SAN='$(SAN)' AGENT_BOX='$(O)/$(if $(SAN),san,bin)/agent-box' \
		tests/run $(TESTS)

# What takes longer than continuous integration's share: the analyzer as far as it goes by itself, a build
# by clang, more rounds of the tests that know CNT_LONG, the suite with ASan and UBSan, agent-box emulated,
# ten million inputs for the JSON reader, and the suite ten times beside a load.
check-long:
	$(MAKE) NODES=225000 lint-analyze
	$(MAKE) O='$(O)-clang' CC=clang DEV=1 all
	CNT_LONG=1 $(MAKE) check
	CNT_LONG=1 $(MAKE) O='$(O)-san' SAN=1 check
	$(MAKE) check-aarch64
	$(MAKE) FUZZ=json FUZZ_RUNS=10000000 fuzz
	BUILD='$(O)' tests/flakes

# Four agents from npm. Two of them are in the suite too.
check-clients: all $(IMAGE)
	BUILD='$(O)' tests/run $(patsubst tests/%,./%,$(wildcard tests/agents/*.t tests/agents/more/*.t))

# A machine of its own: cgroup v2 alone, AppArmor, a power cut.
check-vm: all $(HOSTAIDS) $(IMAGE)
	BUILD='$(O)' tests/vm/check

# agent-box for another machine, emulated.
check-aarch64: all
	BUILD='$(O)' tests/box/aarch64

bench: all $(AIDS) $(HOSTAIDS) $(IMAGE)
	BUILD='$(O)' tests/bench/run

# What a tool found clean is not read again: a stamp for each tool and source below $(O)/lint, as old as
# the object, which knows the headers. clang's own warnings are clang-tidy's. The analyzer looks at
# NODES states of a function: a third of the time that its 225000 take, for the same findings.
SOURCES = $(wildcard bin/*.c lib/*.c mcp/*.c mcp/box/*.c mcp/box/*/*.c tests/*/*.c)
PAGES   = $(MAN)
SPELT   = fo,iif,isnt,memroy,nd,nnumber
PROSE   = $(wildcard *.md Makefile sh .ci bin lib mcp man packaging tests)
NODES   = 40000
LINTFLAGS = -std=c11 $(CPPFLAGS) $(CFLAGS) $(WARN) $(HARDEN)
# vfork is what makes a start cheap; between it and exec or _exit a child only makes system calls.
ANALYZE = clang --analyze --analyzer-output text -Xclang -analyzer-werror -Xclang -analyzer-config \
          -Xclang max-nodes=$(NODES) -Xclang -analyzer-disable-checker \
          -Xclang unix.Vfork,security.insecureAPI.vfork -o /dev/null
# It does not know the cleanup attribute, nor that POSIX makes NULL a pointer.
CPPCHECK = cppcheck -q --enable=warning,performance,portability --error-exitcode=1 --std=c11 -I. -D_GNU_SOURCE \
          --include=$(shell pkg-config --variable=includedir libcjson)/cjson/cJSON.h --suppress=resourceLeak \
          --suppress=varFuncNullUB

lint: lint-tidy lint-analyze lint-cppcheck lint-shell lint-man lint-spell
lint-tidy: $(SOURCES:%.c=$(O)/lint/%.tidy)
lint-analyze: $(SOURCES:%.c=$(O)/lint/%.$(NODES))
lint-cppcheck: $(SOURCES:%.c=$(O)/lint/%.cppcheck)

# clang-tidy counts on standard error what it does not show.
$(O)/lint/%.tidy: %.c $(O)/%.o .clang-tidy
	@mkdir -p $(@D)
	$(Q)clang-tidy --quiet --config-file=.clang-tidy $< -- $(LINTFLAGS) >$@.new 2>&1 || { cat $@.new; exit 1; }
	$(Q)mv $@.new $@

$(O)/lint/%.$(NODES): %.c $(O)/%.o
	@mkdir -p $(@D)
	$(Q)$(ANALYZE) $(LINTFLAGS) $<
	$(Q)touch $@

$(O)/lint/%.cppcheck: %.c $(O)/%.o
	@mkdir -p $(@D)
	$(Q)$(CPPCHECK) $<
	$(Q)touch $@

lint-shell:
	shellcheck $(SCRIPTS)

lint-man: $(PAGES)
	mandoc -Tlint -Wwarning $(PAGES)

lint-spell:
	codespell --skip='*/node_modules,*/seeds,*.json,*.jsonl' -L $(SPELT) $(PROSE)

BIN     = $(DESTDIR)$(PREFIX)/bin
LIBDIR  = $(DESTDIR)$(PREFIX)/lib/cnt
SHARE   = $(DESTDIR)$(PREFIX)/share
UNITS   = $(DESTDIR)$(PREFIX)/lib/systemd/system

install: all
	install -d $(BIN) $(LIBDIR) $(SHARE)/cnt/image $(UNITS)
	install -C -m 755 $(PROGS) $(O)/bin/agent-box $(BIN)
	install -C -m 755 $(PRIVATE) $(LIBDIR)
	install -C -m 755 sh/ci-keep $(BIN)/cnt-ci-keep
	install -C -m 755 $(RECIPES) $(SHARE)/cnt/image
	sed 's,@PREFIX@,$(PREFIX),' packaging/cnt-boot.service >$(O)/cnt-boot.service
	install -C -m 644 $(O)/cnt-boot.service $(UNITS)
	for page in $(MAN); do \
		install -C -D -m 644 $$page $(SHARE)/man/man$${page##*.}/$${page##*/} || exit; \
	done

# What install puts there; boxes, images and records stay.
uninstall:
	rm -f $(addprefix $(BIN)/,$(VERBS) agent-box cnt-ci-keep) $(addprefix $(LIBDIR)/,$(OTHERS)) \
		$(RECIPES:$(O)/share/%=$(SHARE)/%) $(UNITS)/cnt-boot.service \
		$(foreach page,$(notdir $(MAN)),$(SHARE)/man/man$(subst .,,$(suffix $(page)))/$(page))
	rmdir --ignore-fail-on-non-empty $(LIBDIR) $(SHARE)/cnt/image $(SHARE)/cnt

# From a checkout: git knows what belongs to it, and gives the same bytes for the same commit.
dist:
	@test -e .git || { echo 'dist: not a checkout: this tree came from an archive' >&2; exit 1; }
	@mkdir -p $(O)
	git -c safe.directory='$(CURDIR)' archive --prefix=cnt-$(VERSION)/ -9 -o $(O)/cnt-$(VERSION).tar.gz HEAD

clean:
	rm -rf $(O)

-include $(shell find $(O) -name '*.d' -type f 2>/dev/null)
.PHONY: all faults fuzz check check-long check-clients check-vm check-aarch64 bench lint lint-tidy lint-analyze lint-cppcheck lint-shell lint-man lint-spell install uninstall dist clean
.SECONDARY:
.DELETE_ON_ERROR:
