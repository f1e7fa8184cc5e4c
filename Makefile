# The front door. Every target first installs what is missing (Debian and Ubuntu packages).

SHELL := /bin/bash
JOBS ?= $(shell nproc)
PREFIX ?= /usr/local
BUILDS := release asan tsan fuzz

# Only what apt-get knows by the same name on Debian 12 and Ubuntu 24.04.
PACKAGES := \
  g++ cmake ninja-build ccache mold pkg-config git \
  libpoco-dev libssl-dev libpcap-dev libcap-dev libboost-program-options-dev libre2-dev libnghttp2-dev \
  libseccomp-dev prometheus-cpp-dev rapidjson-dev \
  libgtest-dev libgmock-dev \
  clang-19 libclang-rt-19-dev clang-format-19 clang-tidy-19 \
  python3 python3-grpcio python3-jsonpatch python3-jsonschema python3-yaml \
  nginx-light curl nghttp2-client nghttp2-server wrk tshark tcpdump jq nodejs \
  iproute2 libcap2-bin openssl util-linux procps netcat-openbsd

# For the cluster of the end-to-end tests; Kubernetes itself is built from its Go modules.
E2E_PACKAGES := \
  containerd runc containernetworking-plugins etcd-server iproute2 iptables \
  gcc libc6-dev openssl curl util-linux ca-certificates python3 python3-venv nftables

# For the images; Debian's buildah needs no daemon.
IMAGE_PACKAGES := \
  buildah mmdebstrap debian-archive-keyring qemu-user-static uidmap git python3 curl \
  util-linux procps iproute2

SOURCES = $(shell git ls-files '*.h' '*.cpp')

.PHONY: help deps build install demo test e2e-deps e2e-check e2e image-deps images golden bench format lint clean

help: ## This list
	@awk -F':.*## ' '/^[a-z0-9-]+:.*## /{printf "  make %-9s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

deps: ## Install the packages that are missing (sudo where needed); starts no service
	@e2e/cluster/deps $(PACKAGES)

e2e-deps: deps ## Install what the end-to-end tests' cluster needs; starts no service
	@e2e/cluster/deps $(E2E_PACKAGES)

build: deps ## Build the release binaries: build/release/sidecar/dormouse-sidecar, …/client/kubectl-mirror
	@cmake --preset release >/dev/null
	@cmake --build --preset release -j $(JOBS) --target dormouse-sidecar dormouse-injector kubectl-mirror

install: build ## Install the client below PREFIX (/usr/local; sudo where needed): kubectl-mirror and its completion
	@sudo=; to="$(PREFIX)/bin"; while [ ! -e "$$to" ]; do to=$$(dirname "$$to"); done; \
	[ "$$(id -u)" = 0 ] || [ -w "$$to" ] || sudo=sudo; \
	$$sudo cmake --install build/release --component client --prefix "$(PREFIX)"

demo: build ## Mirror 100 real requests of a real nginx on this machine, and compare them byte for byte
	@e2e/demo/run build/release

test: deps ## Build for release, asan, tsan and fuzzing, and run all tests
	@for build in $(BUILDS); do \
	  echo "== build $$build"; \
	  cmake --preset $$build >/dev/null && cmake --build --preset $$build -j $(JOBS) || exit 1; \
	done
	@printf 'subdirs(%s)\n' "$(BUILDS)" > build/CTestTestfile.cmake
	@ctest --test-dir build -j $(JOBS) --output-on-failure --no-tests=error $(CTEST_FLAGS)

e2e: e2e-check build image-deps e2e-deps ## Run the suite on a real Kubernetes of one node, built and ended here (root, Go 1.24)
	@e2e/run $(E2E_FLAGS)

e2e-check:
	@e2e/run --check

image-deps:
	@e2e/cluster/deps $(IMAGE_PACKAGES)

images: image-deps ## Build the container images as OCI archives in build/images, with their SBOMs, and test them
	@images/build $(IMAGE_FLAGS)
	@if command -v go >/dev/null; then images/testapp; else echo "no Go: the image of e2e/app is not built"; fi

golden: deps ## Write the expected files of the golden tests anew; read the difference before you commit it
	@cmake --preset release >/dev/null
	@cmake --build --preset release -j $(JOBS) --target injector_test
	@DORMOUSE_RENEW_GOLDEN=1 build/release/tests/injector/injector_test --gtest_filter='*Golden*' >/dev/null || true
	@build/release/tests/injector/injector_test --gtest_filter='*Golden*' --gtest_brief=1
	@/usr/bin/python3 -B tests/chart/golden.py --renew
	@git status --short tests/injector/golden tests/chart

bench: deps ## Measure: CPU per request, ratios of paired runs, idle figures (minutes)
	@cmake --preset release >/dev/null
	@cmake --build --preset release -j $(JOBS)
	@bench/run build/release

format: deps ## Format all sources
	@clang-format-19 -i $(SOURCES)

lint: deps ## Check the format and the lint rules; everything is an error
	@clang-format-19 --dry-run -Werror $(SOURCES)
	@cmake --preset dev >/dev/null
	@cmake --preset fuzz >/dev/null
	@tidy() { xargs -P $(JOBS) -n 1 clang-tidy-19 -p $$1 --quiet 2> >(grep -v ' warnings generated' >&2); }; \
	git ls-files '*.cpp' | grep -v '^fuzz/' | tidy build/dev && git ls-files 'fuzz/*.cpp' | tidy build/fuzz

clean: ## Remove everything that was built, and end the end-to-end tests' cluster
	@[ ! -e build/e2e/programs ] || env -u E2E_CLUSTER e2e/cluster/down
	@rm -rf build
