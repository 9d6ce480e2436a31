.DEFAULT_GOAL := help
# A shell that is not the default one: else make starts simple commands itself, by the PATH it was given.
SHELL := /bin/bash
.NOTPARALLEL:
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory

arch := $(if $(filter aarch64 arm64,$(shell uname -m)),arm64,x64)
ours := $(CURDIR)/node_modules/.bin:$(CURDIR)/node_modules/node-linux-$(arch)/bin
# npm itself runs with the Node of the machine: `npm ci` removes ours while it works.
system_path := $(subst $(ours):,,$(PATH))
export PATH := $(ours):$(system_path)
npm_ci := PATH='$(system_path)' npm ci --no-audit --no-fund --loglevel=error

packages := node_modules/.package-lock.json
validators := build/validators.js
addon := build/native/thintrust.node
node20 := test/node20/node_modules/.package-lock.json
sources := $(shell find agent protocol ui server native words -name '*.ts' -o -name '*.tsx' 2>/dev/null)
web := $(shell find server/web -type f 2>/dev/null)
checked := $(sources) $(shell find scripts test bench types -name '*.ts' -not -path '*/node_modules/*' 2>/dev/null)
version := $(shell sed -n 's/^  "version": "\(.*\)",/\1/p' package.json)
# Seconds: what is made of one commit is the same whenever and wherever it is made.
epoch = $(or $(SOURCE_DATE_EPOCH),$(shell git log -1 --format=%ct 2>/dev/null),1767225600)
layer_source := yocto-layer/recipes-thintrust/thintrust/files/thintrust-$(version).tar.gz
programs := thintrustd thintrust thintrust-ui thintrust-session thintrust-server

.PHONY: help
help: ## this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' Makefile

.PHONY: build
build: build/.types dist/.built ## everything that is compiled; quick when little has changed

.PHONY: lint
lint: build/.types ## types, style, import cycles
	@biome ci --log-level=warn .

.PHONY: test
test: build lint ## the tests of every day; as root on Debian it first installs missing programs, unless DEPS=no
	@if [ '$(DEPS)' != no ] && [ "$$(id -u)" = 0 ] && [ -e /etc/debian_version ]; then $(MAKE) deps; fi
	@node test/run.ts

.PHONY: test-long
test-long: build ## the tests that take long (minutes), which `make test` leaves out
	@node test/run.ts --long

.PHONY: test-mosquitto
test-mosquitto: build ## with mosquitto as the broker of the server: the flow stories of every day, and two in which a server is lost
	@THINTRUST_TEST_BROKER=mosquitto node test/run.ts test/flow test/flow/recovery.long.test.ts test/flow/server-killed.long.test.ts

.PHONY: test-mosquitto-long
test-mosquitto-long: build ## all flow stories that take long, with mosquitto (by hand, half an hour and more)
	@THINTRUST_TEST_BROKER=mosquitto node test/run.ts --long test/flow

.PHONY: coverage
coverage: build ## the same tests, measured; the report is coverage/index.html
	@c8 --all --include='{agent,protocol,server,ui,words,native}/**/*.ts' --reporter=text-summary --reporter=html node test/run.ts

.PHONY: fuzz-import
fuzz-import: build ## three hundred damaged files through the process that reads keys (minutes)
	@THINTRUST_IMPORT_RUNS=300 node test/run.ts test/edge/import-identity.test.ts

.PHONY: deps
deps: $(node20) ## programs the tests need: Debian packages (as root), and Node 20 beside Node 24
	@scripts/deps.sh

.PHONY: deps-freerdp3
deps-freerdp3: ## FreeRDP 3 and systemd for the tests, in a root of Debian 13 (as root; minutes, 700 MB)
	@scripts/freerdp3.sh

.PHONY: deps-enrolment
deps-enrolment: ## SCEP and EST software of others for the tests, in that same root (as root; a minute, 100 MB more)
	@scripts/enrolment-peers.sh

.PHONY: deps-hil
deps-hil: deps-image ## what `make hil` needs: the same

.PHONY: demo
demo: build ## a server and a device on this machine, the screens in this terminal
	@node scripts/demo.ts

.PHONY: vectors
vectors: ## makes the test vectors again
	@test/vectors/make.sh

.PHONY: states
states: build ## writes docs/states.md from the tables of the core
	@node scripts/states.ts

.PHONY: manual
manual: build ## writes the manual page and the completion of thintrust from the table of its commands
	@node scripts/manual.ts

.PHONY: bench
bench: build ## measurements, each beside its floor
	@node bench/run.ts

.PHONY: bundle
bundle: dist/.built ## the five programs as single files in dist/, and the Web Console

ARCH ?= $(arch)

.PHONY: deps-image
deps-image: ## what `make image` needs: Debian packages (as root)
	@scripts/deps-image.sh $(ARCH)

.PHONY: image
image: dist/.built ## Debian with our programs in build/image/<architecture>, for virtual machines; ARCH=arm64 for that
	@scripts/image/build.sh $(ARCH) build/image/$(ARCH)

.PHONY: fresh-bundles
fresh-bundles: # they know the time of the commit they were made of
	@rm -f dist/.built
	@$(MAKE) dist/.built

.PHONY: yocto-source
yocto-source: fresh-bundles ## the source archive of the Yocto layer, the same bytes every time
	@mkdir -p $(dir $(layer_source))
	@tar -c --sort=name --owner=0 --group=0 --numeric-owner --mode=u=rwX,go=rX --mtime=@$(epoch) --format=ustar \
		--transform 's,^,thintrust-$(version)/,' --exclude=README.md LICENSE dist/*.cjs dist/usr dist/web dist/THIRD-PARTY.txt \
		native/Makefile native/*.cc native/*.h packaging/install.sh packaging/server-overlay rootfs-overlay \
		| gzip -9n > $(layer_source).tmp
	@mv $(layer_source).tmp $(layer_source)
	@sha256sum $(layer_source)

.PHONY: deb
deb: fresh-bundles ## Debian packages of the device and of the server, in build/deb; ARCH=arm64: in build/deb-arm64
	@packaging/deb.sh build/deb$(if $(filter-out $(arch),$(ARCH)),-$(ARCH)) $(version) $(epoch) $(ARCH)

.PHONY: deps-debian
deps-debian: ## a Debian to boot in a container, for deb-test (as root; a minute, 160 MB)
	@scripts/debian-root.sh

.PHONY: deb-test
deb-test: deps-debian deb ## installs, upgrades, removes and purges them on a Debian with systemd (as root; minutes)
	@node test/run.ts --limit-ms 600000 test/deb

.PHONY: deb-test-arm64
deb-test-arm64: ## packages for arm64, and their programs run by qemu-user (after `make deps-image ARCH=arm64`; by hand, minutes)
	@$(MAKE) deb ARCH=arm64
	@node test/run.ts --limit-ms 3600000 test/arm64

.PHONY: layer-check
layer-check: build ## the Yocto layer, as far as it can be checked without bitbake
	@node test/run.ts test/house/layer.test.ts

.PHONY: hil
hil: image ## the stories on a booted image, x86-64, in QEMU (docs/hil.md); two machines at a time
	@node test/hil/prepare.ts
	@THINTRUST_SLOW=$${THINTRUST_SLOW:-2} node test/run.ts --limit-ms 1200000 test/hil

.PHONY: bench-image
bench-image: image ## how large, quick and frugal daemon and screens are on the booted image, beside a bare Node (20 minutes)
	@node bench/run.ts image

.PHONY: hil-arm64
hil-arm64: ## stories on the arm64 image (docs/hil.md; by hand, half an hour on two idle cores)
	@$(MAKE) image ARCH=arm64
	@THINTRUST_HIL=arm64 THINTRUST_SLOW=$${THINTRUST_SLOW:-4} node test/hil/prepare.ts
	@THINTRUST_HIL=arm64 THINTRUST_SLOW=$${THINTRUST_SLOW:-4} node test/run.ts --limit-ms 7200000 \
		$(addprefix test/hil/,$(addsuffix .test.ts,registration framebuffer replacement link clock reset late))

.PHONY: clean
clean: ## removes what was built, the demo's state too; packages stay
	rm -rf build dist coverage .demo

$(packages): package-lock.json
	@echo 'packages: npm ci …'
	@$(npm_ci)
	@touch $@

$(node20): test/node20/package-lock.json
	@echo 'Node 20 for the tests: npm ci …'
	@$(npm_ci) --prefix test/node20
	@touch $@

$(validators): protocol/schema.ts protocol/local.ts protocol/session.ts protocol/shapes.ts protocol/limits.ts scripts/compile-schemas.ts $(packages)
	@echo 'schemas …'
	@node scripts/compile-schemas.ts

$(addon): $(wildcard native/*.cc native/*.h) native/Makefile $(packages)
	@echo 'native …'
	@$(MAKE) -s -C native
	@touch $@

build/.types: $(validators) $(checked) tsconfig.json server/web/tsconfig.json $(packages)
	@echo 'types …'
	@tsc -p .
	@tsc -p server/web
	@touch $@

# npx finds the programs of this clone, and the Node they need, by the links. npm 9 makes none for an optional package.
dist/.built: $(validators) $(sources) $(web) scripts/bundle.ts scripts/bundler.ts scripts/web-bundler.ts scripts/licences.ts $(addon) $(packages)
	@echo 'bundles …'
	@node scripts/bundle.ts
	@ln -sf ../node-linux-$(arch)/bin/node node_modules/.bin/node
	@for program in $(programs); do ln -sf "../../dist/$$program.cjs" "node_modules/.bin/$$program"; done
	@touch $@
