# SPDX-License-Identifier: Apache-2.0
# Installing: packages needed, files put in place, the demonstration.
.PHONY: deps install demo demo-run format
deps:
	@packaging/install-deps
	@packaging/install-npm

data := $(DESTDIR)$(PREFIX)
install: all
	install -D -m 755 $(B)/probe $(data)/bin/probe
	install -D -m 755 $(B)/probed $(data)/sbin/probed
	install -D -m 755 $(B)/probe-symbolizer $(data)/libexec/probe/probe-symbolizer
	mkdir -p $(B)/units
	for unit in probed.service probed.socket probe-metrics.service probe-metrics.timer; do \
		sed 's|@PREFIX@|$(PREFIX)|' packaging/$$unit >$(B)/units/$$unit || exit; \
	done
	install -D -m 644 -t $(data)/lib/systemd/system $(B)/units/*
	install -D -m 644 packaging/probe.sysusers $(data)/lib/sysusers.d/probe.conf
	install -D -m 644 packaging/probe.tmpfiles $(data)/lib/tmpfiles.d/probe.conf
	install -D -m 644 packaging/perf-event-paranoid.conf -t $(data)/share/doc/probe/examples
	[ -e $(DESTDIR)/etc/probe/probed.conf ] || \
		install -D -m 644 packaging/probed.conf $(DESTDIR)/etc/probe/probed.conf
	packaging/man/page all $(B)/man $(B)/probe $(VERSION)
	for section in 1 5 8; do \
		install -D -m 644 -t $(data)/share/man/man$$section $(B)/man/*.$$section || exit; \
	done
	for shell in bash zsh fish; do $(B)/probe completion $$shell >$(B)/completion.$$shell || exit; done
	install -D -m 644 $(B)/completion.bash $(data)/share/bash-completion/completions/probe
	install -D -m 644 $(B)/completion.zsh $(data)/share/zsh/site-functions/_probe
	install -D -m 644 $(B)/completion.fish $(data)/share/fish/vendor_completions.d/probe.fish

# What is found out when the Makefile is read (compiler, libraries) holds only after deps: hence a make
# of its own for everything after it. -j where the caller gave none.
parallel = $(if $(findstring jobserver,$(MAKEFLAGS)),,-j$(shell nproc))
demo: deps
	+@$(MAKE) --no-print-directory $(parallel) demo-run
demo-run: all build/targets/shares
	@packaging/demo "$(PID)"

format:
	clang-format -i $(wildcard */*.c */*.h tests/*/*.c tests/*/*.h)

.PHONY: deb
deb:
	@packaging/install-deps deps-deb
	@packaging/deb $(VERSION)
.PHONY: rpm
rpm:
	@packaging/install-deps deps-rpm
	@packaging/rpm $(VERSION)
