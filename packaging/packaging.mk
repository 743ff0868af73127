# SPDX-License-Identifier: Apache-2.0
# Installing: packages needed, files put in place, the demonstration.
.PHONY: deps install demo demo-run format
deps:
	@packaging/install-deps

install: all
	install -D -m 755 $(B)/probe $(DESTDIR)$(PREFIX)/bin/probe
	install -D -m 755 $(B)/probed $(DESTDIR)$(PREFIX)/sbin/probed
	install -D -m 755 $(B)/probe-symbolizer $(DESTDIR)$(PREFIX)/libexec/probe/probe-symbolizer
	install -D -m 644 packaging/probed.socket $(DESTDIR)$(PREFIX)/lib/systemd/system/probed.socket
	sed 's|@PREFIX@|$(PREFIX)|' packaging/probed.service >$(B)/probed.service
	install -D -m 644 $(B)/probed.service $(DESTDIR)$(PREFIX)/lib/systemd/system/probed.service

# What is found out when the Makefile is read (compiler, libraries) holds only after deps: hence a make
# of its own for everything after it. -j where the caller gave none.
parallel = $(if $(findstring jobserver,$(MAKEFLAGS)),,-j$(shell nproc))
demo: deps
	+@$(MAKE) --no-print-directory $(parallel) demo-run
demo-run: all build/targets/shares
	@packaging/demo "$(PID)"

format:
	clang-format -i $(wildcard */*.c */*.h tests/*/*.c tests/*/*.h)
