#!/usr/bin/env bash
# Makes the layer NAME of an image, a Python environment in /opt/venv, in WORK/NAME, on top of the Debian layer WORK/debian.
#
#   unshare --mount python-layer.sh WORK NAME REQUIREMENTS LOCK
#
# What a layer has beside Python's packages, a script beside REQUIREMENTS adds: NAME.sh, where there is one.
# LOCK has the version of each package. Where it is missing, it is written with what REQUIREMENTS brought:
# to take newer packages, edit REQUIREMENTS, remove LOCK, and build again.
set -euo pipefail
work=$1 name=$2 requirements=$3 lock=$4
export SOURCE_DATE_EPOCH=0 DEBIAN_FRONTEND=noninteractive
umask 022
exec 3>&2 >"$work/python-layer.log" 2>&1
trap 'code=$?; ((code == 0)) || tail -n 20 "$work/python-layer.log" >&3' EXIT

stage() { echo "stage: $1" | tee /dev/fd/3; } # what the caller counts

# The Debian layer, once; images share it.
stage debian
if [ ! -e "$work/debian.done" ]; then
	rm -rf "$work/debian"
	debootstrap --variant=minbase --include=python3,python3-venv,ca-certificates trixie "$work/debian"
	rm -rf "$work"/debian/{var/cache/apt,var/lib/apt/lists,var/log,var/cache/ldconfig,usr/share/doc,usr/share/man,usr/share/locale,debootstrap}/*
	rm -rf "$work"/debian/dev/*
	rm -f "$work"/debian/etc/{resolv.conf,hostname,machine-id}
	find "$work/debian" -name __pycache__ -prune -exec rm -rf {} +
	echo 'jovyan:x:1000:100::/home/jovyan:/bin/bash' >>"$work/debian/etc/passwd"
	touch "$work/debian.done"
fi

layer=$work/$name root=$work/root cache=$work/pip
rm -rf "$layer" "$work/overlay"
mkdir -p "$layer" "$work/overlay" "$root" "$cache"
mount -t overlay overlay -o "lowerdir=$work/debian,upperdir=$layer,workdir=$work/overlay" "$root"
mount -t proc proc "$root/proc"
mount -t tmpfs tmpfs "$root/dev" # never the machine's own
cp -a /dev/null /dev/urandom "$root/dev"
mount -t tmpfs tmpfs "$root/run"
mount -t tmpfs tmpfs "$root/tmp"
# How this machine reaches Python's packages, for the time of the build: names, authorities, pip's settings, and a cache.
mkdir "$root/tmp/pip"
mount --bind "$cache" "$root/tmp/pip"
cp -L /etc/resolv.conf "$root/tmp/resolv.conf"
touch "$root/etc/resolv.conf"
mount --bind "$root/tmp/resolv.conf" "$root/etc/resolv.conf"
authorities=/etc/ssl/certs/ca-certificates.crt
if [ -e "${SSL_CERT_FILE:-$authorities}" ]; then
	cp -L "${SSL_CERT_FILE:-$authorities}" "$root/tmp/authorities.crt"
	mount --bind "$root/tmp/authorities.crt" "$root$authorities"
fi
[ ! -e /etc/pip.conf ] || cp -L /etc/pip.conf "$root/tmp/pip.conf"
[ -e "$lock" ] && from=$lock complete=--no-deps || from=$requirements complete=
cp "$from" "$root/tmp/requirements.txt"
# pip obeys REQUESTS_CA_BUNDLE before its own setting.
inside() {
	chroot "$root" env -u PIP_FIND_LINKS PATH=/usr/bin:/bin PIP_CERT=$authorities SSL_CERT_FILE=$authorities \
		REQUESTS_CA_BUNDLE=$authorities PIP_CONFIG_FILE=/tmp/pip.conf PYTHONDONTWRITEBYTECODE=1 PYTHONHASHSEED=0 "$@"
}
stage venv
inside python3 -m venv /opt/venv
stage packages
inside /opt/venv/bin/pip install --cache-dir /tmp/pip --no-compile --root-user-action ignore $complete -r /tmp/requirements.txt
if [ ! -e "$lock" ]; then
	{
		echo "# Each package of the image and its version. Made from $(basename "$requirements"): remove this file and build the image to renew it."
		inside /opt/venv/bin/pip freeze
	} >"$lock.new"
	mv "$lock.new" "$lock"
fi
if [ -e "${requirements%.txt}.sh" ]; then
	stage more
	. "${requirements%.txt}.sh"
fi
stage compile
# Uid 1000 can't write them later, and each start would be slower. Some packages ship files for other Pythons. One process:
# what another compiled before would show in a file.
inside /opt/venv/bin/python -m compileall -q --invalidation-mode unchecked-hash /opt/venv/lib || true
umount -R -l "$root" # lazily: files may still be held for a moment
rm -rf "$layer"/{dev,tmp,run,proc,root,var,etc/resolv.conf}
