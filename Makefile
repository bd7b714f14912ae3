# Everything runs in .venv from requirements.lock; what the machine lacks is installed by name (.ci/need).
# Another Python has an environment of its own: make test PYTHON=python3.13
PYTHON ?= python3
VENV := .venv$(if $(filter-out python3,$(PYTHON)),-$(notdir $(PYTHON)))
PIP := $(VENV)/bin/python -m pip --disable-pip-version-check -qq
UV := 0.13.9

.PHONY: help run test lint bench bench-sms campaign hil deb image bundle image-test lock texts clean \
	need-run need-test need-disks need-hil need-image need-emulation
help:
	@echo "make run [FOR=40]   a simulated site, live in this terminal (for 40 s)"
	@echo "make test           the tests; ARGS='tests/unit -k alarm' for some of them"
	@echo "make lint           style, types, layers, lock, generated pages"
	@echo "make bench          figures: CPU, memory, bytes, speed"
	@echo "make bench-sms      readings in a message of 140 octets, beside other formats"
	@echo "make campaign       the long tests: full outages, 10^6 damaged groups, every capture"
	@echo "make hil [FULL=1]   the station in a guest, on hardware that its kernel simulates; the short part takes 6 minutes"
	@echo "make deb            the Debian packages, arm64 and amd64"
	@echo "make image          the card of a Raspberry Pi; needs root, takes 10 minutes"
	@echo "make bundle         a signed update for boxes that were made by make image"
	@echo "make image-test [FULL=1]  boots that card in emulation, updates it, cuts its power"
	@echo "make lock           requirements.lock anew, from pyproject.toml"
	@echo "make texts          the text catalogues compiled, after a .po was changed"
	@echo "make clean          removes what the others made"

run: need-run $(VENV)/.ready-run
	@$(VENV)/bin/vigie run --demo --live $(if $(FOR),--for $(FOR))

# Many tests wait for a real broker, modem or process: three at a time, a file's tests together, keep two cores busy.
test: need-test $(VENV)/.ready-test
	@$(VENV)/bin/python -m pytest $(if $(ARGS),$(ARGS),-n 3 --dist loadfile)

lint: need-run $(VENV)/.ready-test
	$(VENV)/bin/ruff check
	$(VENV)/bin/ruff format --check
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports --no-cache
	$(VENV)/bin/python image/lock.py check

bench: need-test need-disks $(VENV)/.ready-test
	@$(VENV)/bin/python -m pytest --bench -m bench --capture=no $(ARGS)

bench-sms: need-run $(VENV)/.ready-test
	@$(VENV)/bin/python -m pytest --bench -m bench --capture=no tests/bench/bench_sms.py $(ARGS)

campaign: need-test need-disks $(VENV)/.ready-test
	@$(VENV)/bin/python -m pytest --campaign -m campaign $(ARGS)

# One guest at a time, and each wait in it has its bound; the first run also makes the guest's disk.
hil: need-hil $(VENV)/.ready-test
	@$(VENV)/bin/python -m pytest --hil -m hil --capture=no $(if $(FULL),--full) $(if $(ARGS),$(ARGS),tests/hil)

deb: need-image $(VENV)/.ready-test
	@$(VENV)/bin/python -m image.deb.build $(ARGS)

image: need-image $(VENV)/.ready-test
	@nice $(VENV)/bin/python -m image.card.build $(ARGS)

bundle: need-image $(VENV)/.ready-test
	@nice $(VENV)/bin/python -m image.update.bundle $(ARGS)

image-test: need-test need-image need-emulation $(VENV)/.ready-test
	@$(VENV)/bin/python -m pytest --image -m image --capture=no $(if $(FULL),--full) $(if $(ARGS),$(ARGS),tests/image)

# The version of uv is pinned so that two people get the same file; the index is the machine's own and is not written down.
lock: need-run
	@test -x .venv-lock/bin/uv || $(PYTHON) -m venv .venv-lock
	@.venv-lock/bin/python -m pip --disable-pip-version-check -qq install uv==$(UV)
	@.venv-lock/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes $(ARGS) \
		--custom-compile-command "make lock" --extra gpio --extra gsm --extra modbus --extra display --extra card --extra image --extra dev pyproject.toml -o requirements.lock
	@$(PYTHON) image/lock.py select --extra gpio --extra gsm --extra modbus --extra display | grep -c == | xargs echo "packages on a box with a modem:"

# the catalogues that people translate (.po) become what the program reads (.mo); both are kept, a test compares them
texts: $(VENV)/.ready-test
	@for lang in en fr; do \
		$(VENV)/bin/pybabel -q compile -i config/text/$$lang/LC_MESSAGES/vigie.po -o config/text/$$lang/LC_MESSAGES/vigie.mo || exit 1; \
	done

clean:
	rm -rf .venv .venv-* .run build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

need-run:
	@.ci/need $(PYTHON) tzdata $(if $(filter run,$(MAKECMDGOALS)),mosquitto)

need-test:
	@.ci/need $(PYTHON) tzdata mosquitto mosquitto_sub openssl strace gammu-smsd libdbd-sqlite3

# power cuts and counted writes need file systems of their own on loop devices, and root: without root they are skipped
need-disks:
	@.ci/need $(PYTHON) mkfs.ext4 mkfs.xfs losetup

# everything below runs without root: a guest is a program like another
need-hil:
	@.ci/need $(PYTHON) tzdata qemu-system-x86_64 mmdebstrap mkfs.ext4 cpio depmod fakeroot newuidmap mkfs.vfat mcopy rauc mksquashfs openssl

# a card for another processor is filled through its emulation, as root
need-image:
	@.ci/need $(PYTHON) tzdata mmdebstrap qemu-aarch64-static dpkg-deb mkfs.ext4 mkfs.vfat mcopy sfdisk dtc rauc mksquashfs xz cpio depmod openssl

need-emulation:
	@.ci/need $(PYTHON) qemu-system-aarch64 qemu-img debugfs fdtput

# hatchling builds the editable package, from the lock like the rest
$(VENV)/.ready-run: requirements.lock pyproject.toml image/lock.py
	@test -x $(VENV)/bin/python || $(PYTHON) -m venv $(VENV)
	@echo "filling $(VENV) from requirements.lock"
	@$(PYTHON) image/lock.py select --with hatchling >$(VENV)/run.lock
	@$(PIP) install --require-hashes --only-binary :all: -r $(VENV)/run.lock
	@$(PIP) install --no-deps --no-index --no-build-isolation --editable .
	@touch $@

$(VENV)/.ready-test: $(VENV)/.ready-run Makefile
	@$(PYTHON) image/lock.py select --extra gpio --extra gsm --extra modbus --extra display --extra card --extra image --extra dev >$(VENV)/test.lock
	@$(PIP) install --require-hashes --only-binary :all: -r $(VENV)/test.lock
	@touch $@
