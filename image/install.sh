#!/bin/sh
# Installs vigie on a box, or brings it up to date; run it again at any time.
#
#   sudo image/install.sh [OPTIONS]           installs from this folder
#   sudo image/install.sh --uninstall         removes the service and its programs, keeps settings and data
#   sudo image/install.sh --uninstall --purge removes settings, data and the user too
#
#   --gsm        adds what a modem needs, --modbus what Modbus meters need, --display what a small screen needs;
#                a later run without the option keeps them
#   --root DIR   puts everything below DIR as if it were /, and starts nothing: for a look at what would be installed
#   --python P   the interpreter of the environment (default python3, which Debian brings)
#
# Debian 12 and 13, 64-bit Raspberry Pi OS included. Anything else is refused before a file is touched.
set -eu

root='' python=python3 wanted='' action=install purge=no
source=$(cd "$(dirname "$0")/.." && pwd)

usage() { sed -n '2,14s/^# \{0,1\}//p' "$0"; }
# shellcheck source=image/setup.sh
. "$source/image/setup.sh"

while [ $# -gt 0 ]; do
    case $1 in
    --gsm | --modbus | --display) wanted="$wanted ${1#--}" ;;
    --uninstall) action=uninstall ;;
    --purge) purge=yes ;;
    --root)
        if [ $# -lt 2 ] || [ ! -d "$2" ]; then stop "--root needs a folder that is there"; fi
        root=$(cd "$2" && pwd)
        root=${root%/}
        shift
        ;;
    --python) [ $# -gt 1 ] || stop "--python needs an interpreter"; python=$2; shift ;;
    -h | --help) usage; exit 0 ;;
    *) usage >&2; stop "unknown option $1" ;;
    esac
    shift
done
[ $purge = no ] || [ $action = uninstall ] || stop "--purge goes with --uninstall"

umask 022
program_dir=$root/opt/vigie settings_dir=$root/etc/vigie
units=$root/etc/systemd/system
# a card that can't be written for hours: the service asks, these let systemd reboot, at most once a day
unit_names='vigie.service vigie-reboot.service vigie-reboot.path vigie-reboot.timer'
# with a modem: gammu-smsd's own file and drop-in, and what wakes a modem that has fallen silent (docs/sms.md)
gsm_unit_names='vigie-modem-reset.service vigie-modem-reset.path vigie-modem-exclusive.service vigie-modem-exclusive.path'
gsm_commands='vigie-modem-reset vigie-sms-setup'
gsm_rules=$root/etc/udev/rules.d/61-vigie-modem.rules
smsd_dropin=$units/gammu-smsd.service.d/vigie.conf
smsd_settings=$root/etc/gammu-smsdrc
rules=$root/etc/udev/rules.d/60-vigie.rules
modules=$root/etc/modules-load.d/vigie.conf
command=$root/usr/local/bin/vigie

check_place() {
    [ -n "$root" ] || [ "$(id -u)" = 0 ] || stop "must run as root: sudo $0"
    if [ -e "$root/var/lib/dpkg/info/vigie.prerm" ]; then
        stop "vigie is installed as a Debian package: apt brings it up to date; or first: sudo apt remove vigie. Nothing was changed."
    fi
    if [ $action = install ] && [ -e "$program_dir" ] && [ ! -L "$program_dir" ]; then
        stop "/opt/vigie is there and not ours; move it away. Nothing was changed."
    fi
}

# what a box has it keeps when it is brought up to date without the option
had() { cat "$program_dir/.complete" 2>/dev/null || true; }
wants_gsm() { case " $wanted $(had) " in *" gsm "*) return 0 ;; esac; return 1; }

no_packages() { stop "Debian's packages did not come, see above: is there a network? Nothing was changed."; }

install_packages() {
    missing=''
    "$python" -c 'import ensurepip, venv' 2>/dev/null || missing="$missing python3 python3-venv"
    [ -e /usr/share/zoneinfo/Europe/Paris ] || missing="$missing tzdata"
    [ -e /etc/ssl/certs/ca-certificates.crt ] || missing="$missing ca-certificates"
    if wants_gsm && [ -z "$root" ]; then # below another root its user is all that the files need
        for package in gammu-smsd libdbd-sqlite3; do
            # shellcheck disable=SC2016 # dpkg's own field
            dpkg-query -W -f '${Status}' $package 2>/dev/null | grep -q ' ok installed' || missing="$missing $package"
        done
    fi
    [ -n "$missing" ] || return 0
    [ -z "$root" ] || stop "missing on this machine:$missing"
    say "installing Debian packages:$missing"
    export DEBIAN_FRONTEND=noninteractive
    apt-get -qq update || no_packages
    # shellcheck disable=SC2086 # a list of names
    apt-get -qq -o Dpkg::Use-Pty=0 install -y --no-install-recommends $missing >/dev/null || no_packages
}

# install_file FROM TO MODE: writes only what differs, and then whole or not at all.
install_file() {
    if cmp -s "$1" "$2"; then return 0; fi
    mkdir -p "$(dirname "$2")"
    install -m "$3" "$1" "$2.new"
    mv "$2.new" "$2"
    changed=yes
    say "wrote ${2#"$root"}"
}

# What decides whether an environment must be made anew: our code, the lock, the interpreter, the extras, site drivers.
fingerprint() {
    {
        cd "$source"
        find edge hal sms config pyproject.toml requirements.lock -type f ! -path '*/__pycache__/*' -print0 |
            LC_ALL=C sort -z | xargs -0 sha256sum
        "$python" -VV
        echo "$extras"
        if [ -f "$settings_dir/drivers.txt" ]; then cat "$settings_dir/drivers.txt"; fi
    } | sha256sum | cut -c 1-12
}

# An environment is made whole beside the running one, then one rename of the link /opt/vigie puts it in its place:
# a power cut on the way leaves the old one.
install_environment() {
    extras='--extra gpio'
    for extra in gsm modbus display; do
        case " $wanted $(had) " in *" $extra "*) extras="$extras --extra $extra" ;; esac
    done
    print=$(fingerprint)
    environment=$root/opt/vigie-$print
    if [ "$(readlink "$program_dir" 2>/dev/null)" = "vigie-$print" ] && [ -e "$environment/.complete" ]; then
        return 0
    fi
    say "filling /opt/vigie from requirements.lock (takes a minute or two)"
    scratch=$(mktemp -d)
    trap 'ended $?' EXIT
    rm -rf "$environment"
    mkdir -p "$root/opt"
    # our own package is built with the locked hatchling, in an environment that is thrown away
    "$python" -m venv "$scratch/build"
    locked "$scratch/build" --only hatchling
    "$scratch/build/bin/python" -m pip -qq --disable-pip-version-check wheel --no-deps --no-index --no-build-isolation \
        --wheel-dir "$scratch" "$source"
    "$python" -m venv "$environment"
    # shellcheck disable=SC2086 # a list of options
    locked "$environment" $extras
    pip_in "$environment" install --no-deps --no-index "$scratch"/vigie-*.whl
    if [ -f "$settings_dir/drivers.txt" ]; then
        # their needs must not move what the lock holds
        sed -n 's/ *\\$//; /==/p' "$scratch/lock.txt" >"$scratch/held.txt"
        pip_in "$environment" install --constraint "$scratch/held.txt" --requirement "$settings_dir/drivers.txt"
    fi
    # pip compiles what it installs; this names what would not compile, and finds nothing to do otherwise
    "$environment/bin/python" -m compileall -q "$environment/lib"
    echo "$extras" >"$environment/.complete"
    sync
    ln -sfn "vigie-$print" "$program_dir.new" # a cut may have left one, and a plain link would go into its folder
    mv -T "$program_dir.new" "$program_dir"
    changed=yes
}

ended() {
    rm -rf "$scratch"
    [ "$1" = 0 ] || say "not finished, see above; packages come over the network. What ran before still runs: run it again." >&2
}

pip_in() {
    into=$1; shift
    "$into/bin/python" -m pip -qq --disable-pip-version-check --no-cache-dir "$@"
}

# locked ENVIRONMENT OPTIONS: installs that part of the lock; every file must have its hash, nothing is compiled.
locked() {
    into=$1; shift
    "$python" "$source/image/lock.py" select "$@" >"$scratch/lock.txt"
    pip_in "$into" install --require-hashes --only-binary :all: --requirement "$scratch/lock.txt"
}

# What a modem needs. gammu-smsd itself stays off until vigie-sms-setup is run: Debian would start it at once, as root.
install_gsm() {
    ids=$(owner)
    if ! grep -q '^gammu:' "$root/etc/passwd"; then
        useradd ${root:+--prefix "$root"} --system --user-group --groups dialout --home-dir /nonexistent \
            --no-create-home --shell /usr/sbin/nologin gammu
    fi
    install -d -m 2770 "$root/var/lib/vigie-sms"
    chown "$(sed -n 's/^gammu:[^:]*:\([0-9]*\):.*/\1/p' "$root/etc/passwd"):${ids#*:}" "$root/var/lib/vigie-sms"
    chmod 2770 "$root/var/lib/vigie-sms" # chown takes the set-group-id bit away
    # a file of one's own stays: Debian's has no modem
    if [ ! -e "$smsd_settings" ] || grep -q '^port = /dev/null' "$smsd_settings"; then
        install_file "$source/config/gammu-smsdrc" "$smsd_settings" 0644
    fi
    install_file "$source/config/61-vigie-modem.rules" "$gsm_rules" 0644
    is_first=no
    [ -e "$smsd_dropin" ] || is_first=yes
    install_file "$source/image/gammu-smsd.conf" "$smsd_dropin" 0644
    for name in $gsm_unit_names; do install_file "$source/image/$name" "$units/$name" 0644; done
    for name in $gsm_commands; do install_file "$source/image/$name" "$root/usr/local/sbin/$name" 0755; done
    if is_running_here && [ $is_first = yes ]; then
        systemctl daemon-reload
        systemctl --quiet disable --now gammu-smsd.service || true
        say "for text messages: sudo vigie-sms-setup (docs/sms.md)"
    fi
}

start_service() {
    is_running_here || return 0
    take_up_rules systemctl
    systemctl --quiet enable vigie.service
    systemctl --quiet enable --now vigie-reboot.timer
    settings_pass || return 0
    if [ "$changed" = yes ] || ! systemctl --quiet is-active vigie.service; then
        systemctl restart vigie.service
        say "running; see: sudo vigie status"
    fi
}

remove_old_environments() {
    current=$(readlink "$program_dir")
    for old in "$root"/opt/vigie-????????????; do
        if [ -f "$old/pyvenv.cfg" ] && [ "$(basename "$old")" != "$current" ]; then rm -rf "$old"; fi
    done
}

do_install() {
    changed=no
    install_packages
    make_user
    install_environment
    make_folders "$source/config/vigie.toml"
    install_file "$source/config/60-vigie.rules" "$rules" 0644
    install_file "$source/config/modules-load.conf" "$modules" 0644
    for name in $unit_names; do
        install_file "$source/image/$name" "$units/$name" 0644
    done
    if wants_gsm; then install_gsm; fi
    mkdir -p "$(dirname "$command")"
    ln -sfn /opt/vigie/bin/vigie "$command"
    start_service
    # only now: until its restart the old service still loads modules from its own environment
    remove_old_environments
    if [ "$changed" = no ]; then say "up to date"; else say "installed"; fi
}

do_uninstall() {
    if is_running_here; then
        systemctl --quiet disable --now vigie.service vigie-reboot.timer vigie-reboot.path 2>/dev/null || true
        if [ -e "$smsd_dropin" ]; then
            systemctl --quiet disable --now vigie-modem-reset.path vigie-modem-exclusive.path gammu-smsd.service \
                2>/dev/null || true
        fi
    fi
    for name in $unit_names $gsm_unit_names; do rm -f "$units/$name"; done
    for name in $gsm_commands; do rm -f "$root/usr/local/sbin/$name"; done
    rm -f "$rules" "$gsm_rules" "$modules" "$command" "$smsd_dropin"
    if cmp -s "$source/config/gammu-smsdrc" "$smsd_settings"; then rm -f "$smsd_settings"; fi
    rmdir "$(dirname "$smsd_dropin")" 2>/dev/null || true
    if [ -L "$program_dir" ]; then rm -f "$program_dir"; fi
    for old in "$root"/opt/vigie-????????????; do
        if [ -f "$old/pyvenv.cfg" ]; then rm -rf "$old"; fi
    done
    if is_running_here; then
        systemctl daemon-reload
        udevadm control --reload 2>/dev/null || true
    fi
    if [ $purge = no ]; then
        kept '--uninstall --purge'
        return 0
    fi
    purge_all
}

check_system
check_place
do_$action
