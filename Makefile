# The usual commands; meson and ninja do the work.
#
#   make          builds build/easel            make run      starts a demo, with a tour
#   make test     all tests and checks          make bench    measures
#   make fuzz     each target FUZZ_SECONDS      make install  DESTDIR, PREFIX
#   make format   formats the sources           make lint     clang-tidy and cppcheck

PREFIX ?= /usr/local
DESTDIR ?=
BUILD ?= build
LISTEN ?= 127.0.0.1:8080
DATA ?= easel-data
FUZZ_SECONDS ?= 60

BINDIR = $(PREFIX)/bin
SOURCES = $(wildcard src/*.c src/*/*.c src/*/*.h tests/unit/*.c tests/fuzz/*.c bench/*.c)

.PHONY: all deps run test bench fuzz install clean format lint

all:
	@test -f $(BUILD)/build.ninja || meson setup $(BUILD) || \
	  { tools/install-deps.sh --check build; exit 1; }
	@ninja -C $(BUILD) easel

deps:
	tools/install-deps.sh build run test bench

run:
	@tools/install-deps.sh build run
	@$(MAKE) --no-print-directory all
	@EASEL_BINARY=$(BUILD)/easel tools/run.sh $(DATA) $(LISTEN)

test:
	@tools/install-deps.sh build run test
	@tests/run-all.sh

bench:
	@tools/install-deps.sh build run bench
	@$(MAKE) --no-print-directory all
	@ninja -C $(BUILD) bench/jwt_loop bench/content_loop
	@/usr/bin/python3 bench/run.py

fuzz:
	@tools/install-deps.sh build test
	@tools/fuzz.sh $(FUZZ_SECONDS)

install: all
	install -D -m 755 $(BUILD)/easel $(DESTDIR)$(BINDIR)/easel
	install -D -m 644 man/easel.1 $(DESTDIR)$(PREFIX)/share/man/man1/easel.1
	install -D -m 644 share/completion/easel.bash \
	  $(DESTDIR)$(PREFIX)/share/bash-completion/completions/easel
	install -D -m 644 share/easel.conf $(DESTDIR)$(PREFIX)/share/doc/easel/easel.conf
	install -D -m 644 LICENSE $(DESTDIR)$(PREFIX)/share/doc/easel/LICENSE
	@# The unit where systemd runs, and in every package.
	if [ -n "$(DESTDIR)" ] || [ -d /run/systemd/system ]; then \
	  install -d $(DESTDIR)$(PREFIX)/lib/systemd/system && \
	  sed 's|@BINDIR@|$(BINDIR)|' share/easel.service \
	    > $(DESTDIR)$(PREFIX)/lib/systemd/system/easel.service && \
	  chmod 644 $(DESTDIR)$(PREFIX)/lib/systemd/system/easel.service; fi

clean:
	rm -rf $(BUILD) build-test-* build-fuzz

format:
	clang-format -i $(SOURCES)

lint:
	@tests/run-all.sh lint
