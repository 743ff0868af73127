# SPDX-License-Identifier: Apache-2.0
# What is installed from packages, tried in a minimal root and in an emulated machine with systemd. The
# newer version is there to be upgraded to.
NEWER := $(VERSION).1
# What README.md says, typed in a minimal root.
.PHONY: check-deb check-package check-readme
check-deb: deb rpm
	@$(MAKE) --no-print-directory deb VERSION=$(NEWER)
	@tests/package/deb $(VERSION) $(NEWER)
check-package: deb build/targets/shares
	@$(MAKE) --no-print-directory deb VERSION=$(NEWER)
	@tests/package/check $(VERSION) $(NEWER)
check-readme:
	@tests/package/readme
