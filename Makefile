# Every target starts from a fresh clone with nothing but Rust: a missing Vulkan
# driver, the checkers that tests run and the model are fetched once, and are left
# alone from then on.

.PHONY: help demo examples c-example test test-all-drivers bench check driver checkers model

# All of the setup scripts may need apt, which runs only once at a time.
.NOTPARALLEL:

help: ## list these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-16s %s\n", $$1, $$2 }' Makefile

demo: driver model ## embed the example sentences and search them by meaning
	@scripts/demo.sh

examples: driver model ## run every example
	@for example in examples/*.rs; do \
		cargo run --release --example $$(basename $$example .rs) || exit 1; \
	done

c-example: driver model ## build the library for C, compile examples/c/ with it and run them
	@scripts/c-example.sh

test: driver checkers model ## run every test, and kernels and models again on other adapters
	cargo test --release
	@scripts/test-adapters.sh plain lavapipe swiftshader

# With VK_DRIVER_FILES=DRIVER.json everything runs on that driver first.
test-all-drivers: test ## the same, and every test on GL
	@scripts/test-adapters.sh gl

# With PYTHON=python3 that has numpy, the targets are beside OpenBLAS too.
bench: driver model ## run the benchmarks, the table of targets last
	cargo bench

check: ## check formatting, lints and documentation
	cargo fmt --check
	cargo clippy --all-features --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --all-features --no-deps --document-private-items

driver: ## install a Vulkan driver if the system has none
	@scripts/setup-driver.sh

checkers: ## install spirv-val, glslangValidator and a C++ compiler if the system has none
	@scripts/setup-checkers.sh

model: ## fetch the default model into models/
	@scripts/fetch-model.sh
