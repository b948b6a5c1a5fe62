# SPDX-License-Identifier: Apache-2.0
# make, make install, make check, make lint, make bench; SAN=1 builds with ASan and UBSan; O= is where.

VERSION = 0.1.0
PREFIX  = /usr/local
O       = build$(if $(SAN),-san)

CC      = gcc
Q       = $(if $(V),,@)
WARN    = -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wwrite-strings -Wvla \
          -Wformat=2 -Wimplicit-fallthrough -Wno-format-nonliteral $(if $(DEV),-Werror)
HARDEN  = -fstack-protector-strong $(if $(SAN),,-D_FORTIFY_SOURCE=2)
SANFLAGS = $(if $(SAN),-fsanitize=address$(comma)undefined -fno-sanitize-recover=all -fno-omit-frame-pointer)
comma   = ,
CPPFLAGS = -D_GNU_SOURCE -I. $(shell pkg-config --cflags libbsd-overlay) -DCNT_VERSION='"$(VERSION)"' -DCNT_PREFIX='"$(PREFIX)"' \
          -DOPENSSL_API_COMPAT=0x10101000L
CFLAGS  = -O2 -g
ALLFLAGS = -std=c11 $(CPPFLAGS) $(CFLAGS) $(WARN) $(HARDEN) $(SANFLAGS) -ffunction-sections \
          -fdata-sections -ffile-prefix-map=$(CURDIR)=. -MMD -MP

LIBSRC  = $(wildcard lib/*.c mcp/*.c)
BOXSRC  = $(wildcard mcp/box/*.c)
VERBS   = $(patsubst bin/%.c,%,$(wildcard bin/cnt*.c))
UNIT    = $(patsubst %.c,$(O)/%,$(wildcard tests/unit/*.c))
MAN     = $(patsubst man/%.in,$(O)/man/%,$(wildcard man/*.in))

LIB     = $(O)/libcnt.a
LDFLAGS = -Wl,--as-needed -Wl,--gc-sections -Wl,-z,relro -Wl,-z,now $(SANFLAGS)
# Two of them are linked in: libcrypto, of which only SHA-256 is used, costs each start 1.2 ms as a shared
# library, libbsd with its libmd 0.2 ms.
LDLIBS  = -lcjson -lsqlite3 -lseccomp -llxc -l:libcrypto.a -l:libbsd.a -l:libmd.a -lm

PROGS   = $(VERBS:%=$(O)/bin/%)

# What tests run: programs of their own; those in tests/host stand alone, for they run in boxes too.
AIDS    = $(patsubst %.c,$(O)/%,$(wildcard tests/mcp/*.c tests/box/*.c tests/bench/*.c))
HOSTAIDS = $(patsubst %.c,$(O)/%,$(wildcard tests/host/*.c))
SUITE   = $(shell . /etc/os-release; echo $$VERSION_CODENAME)
IMAGE   = $(O)/tests/image-$(SUITE).tar
SCRIPTS = $(wildcard sh/check sh/cjson sh/quickstart sh/image/* .ci/run) $(shell grep -lrE '^\#!/bin/(ba)?sh' \
          tests --include=* --exclude-dir=node_modules)

all: $(PROGS) $(O)/bin/agent-box $(MAN)

$(O)/%.o: %.c
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALLFLAGS) $(if $(filter mcp/box/% bin/agent-box.c,$<),,-fPIE) -c -o $@ $<

$(LIB): $(LIBSRC:%.c=$(O)/%.o)
	@rm -f $@
	$(Q)ar crD $@ $^

$(PROGS): $(O)/bin/%: $(O)/bin/%.o $(LIB)
	@mkdir -p $(@D)
	$(Q)$(CC) -pie $(LDFLAGS) -o $@ $< $(LIB) $(LDLIBS)

# agent-box runs in any distribution: static. cJSON comes as a shared library only; sh/cjson compiles the
# distribution's own source package. A static program cannot carry ASan, so with SAN=1 the one for boxes is
# built without, and one with it stands beside for what is tested on the host.
$(O)/libcjson.a: sh/cjson
	@mkdir -p $(@D)
	CC='$(CC)' CFLAGS='$(CFLAGS)' CJSON_SRC='$(CJSON_SRC)' sh/cjson $@

BOX     = $(O)$(if $(SAN),/plain)
BOXOBJ  = bin/agent-box.o $(BOXSRC:%.c=%.o)

ifdef SAN
$(BOX)/%.o $(O)/bin/agent-box: override SAN =
$(BOX)/%.o: %.c
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALLFLAGS) -c -o $@ $<

$(BOX)/libcnt.a: $(LIBSRC:%.c=$(BOX)/%.o)
	@rm -f $@
	$(Q)ar crD $@ $^

all: $(O)/san/agent-box
$(O)/san/agent-box: $(BOXOBJ:%=$(O)/%) $(LIB)
	@mkdir -p $(@D)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ -lcjson -lcrypto -lm
endif

$(O)/bin/agent-box: $(BOXOBJ:%=$(BOX)/%) $(BOX)/libcnt.a $(O)/libcjson.a
	@mkdir -p $(@D)
	$(Q)$(CC) -static $(LDFLAGS) -o $@ $^ -lcrypto

$(UNIT): $(O)/tests/unit/%: $(O)/tests/unit/%.o $(LIB) $(BOXSRC:%.c=$(O)/%.o)
	@mkdir -p $(@D)
	$(Q)$(CC) -pie $(LDFLAGS) -o $@ $(filter %.o,$^) $(LIB) -lcmocka $(LDLIBS)

$(AIDS): $(O)/tests/%: $(O)/tests/%.o $(LIB)
	@mkdir -p $(@D)
	$(Q)$(CC) -pie $(LDFLAGS) -o $@ $< $(LIB) $(LDLIBS)

$(HOSTAIDS): $(O)/tests/host/%: tests/host/%.c
	@mkdir -p $(@D)
	$(Q)$(CC) -std=c11 -D_GNU_SOURCE -O2 $(WARN) -static -o $@ $<

# A page's OPTIONS come from the table of the program it is about.
$(MAN): $(O)/man/%: man/%.in man/options.awk $(PROGS) $(O)/bin/agent-box
	@mkdir -p $(@D)
	$(Q)awk -v describe='$(O)/bin/$(basename $*) --describe=mdoc' -f man/options.awk $< >$@.new
	$(Q)mv $@.new $@

$(IMAGE): sh/image/debian
	@mkdir -p $(@D)
	sh/image/debian $(SUITE) >$@.new
	$(Q)mv $@.new $@

check: all $(UNIT) $(AIDS) $(HOSTAIDS) $(IMAGE)
	BUILD='$(abspath $(O))' SAN='$(SAN)' AGENT_BOX='$(abspath $(O))/$(if $(SAN),san,bin)/agent-box' \
		tests/run $(TESTS)

bench: all $(AIDS) $(HOSTAIDS) $(IMAGE)
	BUILD='$(abspath $(O))' tests/bench/run

lint: all
	shellcheck $(SCRIPTS)
	mandoc -Tlint -Wwarning $(MAN)

BIN     = $(DESTDIR)$(PREFIX)/bin
SHARE   = $(DESTDIR)$(PREFIX)/share

install: all
	install -d $(BIN) $(SHARE)/cnt/image
	install -C -m 755 $(PROGS) $(O)/bin/agent-box $(BIN)
	install -C -m 755 $(wildcard sh/image/*) $(SHARE)/cnt/image
	for page in $(MAN); do \
		install -C -D -m 644 $$page $(SHARE)/man/man$${page##*.}/$${page##*/} || exit; \
	done

dist:
	@mkdir -p $(O)
	git archive --prefix=cnt-$(VERSION)/ HEAD | gzip -9n >$(O)/cnt-$(VERSION).tar.gz

clean:
	rm -rf $(O)

-include $(shell find $(O) -name '*.d' 2>/dev/null)
.PHONY: all check bench lint install dist clean
.SECONDARY:
.DELETE_ON_ERROR:
