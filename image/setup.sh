# What image/install.sh and the Debian package have in common: which systems, the user, the folders, the first settings,
# the start, and what a purge takes. install.sh reads it; image/deb/build.py puts it whole into each maintainer script.
# shellcheck shell=sh
#
# $root, set by whoever reads this, is the folder that stands for /: empty on a box.
# shellcheck disable=SC2154

say() { echo "vigie: $*"; }
stop() { echo "vigie: $*" >&2; exit 1; }

is_running_here() { [ -z "$root" ] && [ -d /run/systemd/system ]; }

release_field() { sed -n "s/^$1=\"\{0,1\}\([^\"]*\)\"\{0,1\}\$/\1/p" "$root/etc/os-release" 2>/dev/null | head -n 1; }

refuse() { stop "$1 is not supported: Debian 12 or 13, or Raspberry Pi OS (64-bit), is needed. Nothing was changed."; }

check_system() {
    name=$(release_field PRETTY_NAME)
    [ -n "$name" ] || name="a system without /etc/os-release ($(uname -s))"
    case $(release_field ID) in
    raspbian) refuse "Raspberry Pi OS (32-bit), $name," ;;
    debian) ;;
    *) refuse "$name" ;;
    esac
    case $(release_field VERSION_ID) in
    12 | 13) ;;
    *) refuse "$name" ;;
    esac
    # of the programs, not of the kernel: a 32-bit system may run under a 64-bit kernel
    machine=$(dpkg ${root:+--root="$root"} --print-architecture 2>/dev/null || uname -m)
    case $machine in
    amd64 | arm64) ;;
    *) refuse "$name for $machine" ;;
    esac
}

make_user() {
    for group in gpio i2c dialout; do
        groupadd ${root:+--prefix "$root"} --force --system $group
    done
    if grep -q '^vigie:' "$root/etc/passwd"; then
        usermod ${root:+--prefix "$root"} --append --groups gpio,i2c,dialout vigie
    else
        useradd ${root:+--prefix "$root"} --system --user-group --groups gpio,i2c,dialout \
            --home-dir /var/lib/vigie --no-create-home --shell /usr/sbin/nologin vigie
        say "made the user vigie (groups gpio, i2c, dialout)"
    fi
}

# The ids of the installed system, which below another root are not this machine's.
owner() { sed -n "s/^vigie:[^:]*:\([0-9]*\):\([0-9]*\):.*/\1:\2/p" "$root/etc/passwd"; }

# make_folders SHIPPED: the settings that are there stay; the first ones are SHIPPED with an id of their own.
make_folders() {
    settings_dir=$root/etc/vigie data_dir=$root/var/lib/vigie
    ids=$(owner)
    # settings may hold passwords: root writes, vigie reads
    install -d -m 0750 "$settings_dir"
    chown "0:${ids#*:}" "$settings_dir"
    if [ ! -e "$settings_dir/vigie.toml" ]; then
        # no two boxes may have one id, not even those that nobody has named yet
        id=b$(od -An -N3 -tx1 /dev/urandom | tr -d ' \n')
        # whole or not at all: a power cut leaves no half of a file, which the next run would keep
        install -m 0640 "$1" "$settings_dir/.vigie.toml.new"
        sed -i "s/^id = \"b0001\" /id = \"$id\" /" "$settings_dir/.vigie.toml.new"
        chown "0:${ids#*:}" "$settings_dir/.vigie.toml.new"
        sync "$settings_dir/.vigie.toml.new"
        mv "$settings_dir/.vigie.toml.new" "$settings_dir/vigie.toml"
        say "wrote /etc/vigie/vigie.toml for box $id: give it its own id and its points there"
    fi
    install -d -m 0700 "$data_dir"
    chown "$ids" "$data_dir"
}

# take_up_rules SYSTEMCTL: udev's rules, the drivers to load and the units, as they lie there now.
take_up_rules() {
    if udevadm control --reload 2>/dev/null; then
        udevadm trigger --subsystem-match=gpio --subsystem-match=i2c-dev --subsystem-match=w1
    fi
    "$1" restart systemd-modules-load.service || true
    systemctl daemon-reload
}

# False where the settings are refused, and then it is said what to do.
settings_pass() {
    /opt/vigie/bin/vigie check /etc/vigie/vigie.toml && return 0
    say "installed, not started: correct /etc/vigie/vigie.toml, then: sudo systemctl restart vigie"
    return 1
}

# Compiled modules are nobody's files: they go before the sources that they were made of.
drop_compiled() {
    [ ! -d "$root/opt/vigie" ] || find "$root/opt/vigie" -type d -name __pycache__ -prune -exec rm -rf {} +
}

# kept COMMAND: says what a removal left.
kept() {
    kept_sms=''
    [ ! -d "$root/var/lib/vigie-sms" ] || kept_sms=', /var/lib/vigie-sms'
    say "removed; kept: /etc/vigie, /var/lib/vigie$kept_sms and the user vigie ($1 removes them)"
}

purge_all() {
    rm -rf "$root/etc/vigie" "$root/var/lib/vigie" "$root/var/lib/vigie-sms"
    if grep -q '^vigie:' "$root/etc/passwd"; then
        userdel ${root:+--prefix "$root"} vigie
    fi
    say "removed, with its settings and data"
}
