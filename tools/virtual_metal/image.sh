# What is on the disk of a virtual metal host, and how is it made? Sourced by tools/virtual-metal, and run by mmdebstrap.
# shellcheck shell=bash disable=SC2154  # `parts` is of tools/virtual-metal
#
# A plain Debian with systemd, udev and OpenSSH. What no lab host needs is switched off, since without KVM each unit costs
# time at every power-on. The initrd is our own: three drivers and a mount, which takes a tenth of the time of Debian's.

image_packages=(systemd-sysv udev openssh-server linux-image-cloud-amd64 kmod iproute2 procps pciutils busybox-static)
image_size=1G

# The release to install: the one that runs here, when that is a Debian.
image_suite() {
  # shellcheck source=/dev/null
  (source /etc/os-release && [[ $ID == debian && -n ${VERSION_CODENAME:-} ]] && echo "$VERSION_CODENAME") || echo bookworm
}

# What the image depends on: this file, and the versions that would be installed.
image_key() {
  { cat "$parts/image.sh"; image_suite; apt-cache policy "${image_packages[@]}" 2>/dev/null | grep Candidate; } |
    sha256sum | cut -c 1-16
}

# The system's own Debian mirrors, as lines of a sources.list; none when apt does not know any.
image_sources() {
  apt-get indextargets --format "\$(ORIGIN) \$(REPO_URI) \$(RELEASE) \$(COMPONENT)" 'Created-By: Packages' 2>/dev/null |
    awk '$1 == "Debian" && $3 ~ "^'"$1"'($|-updates|-security)" { print "deb", $2, $3, $4 }' | sort -u
}

# How apt reaches a mirror here: its proxies.
image_proxies() { apt-config dump 2>/dev/null | grep -E '^Acquire::(https?)::Proxy ' || true; }

# make_image: sets `image` to a folder with disk.raw, vmlinuz and initrd; makes it when it is not there.
make_image() {
  local images=${HOLDFAST_CACHE:-$HOME/.cache/holdfast}/virtual-metal key lock work begin=$SECONDS
  key=$(image_key)
  image=$images/$key
  mkdir -p "$images"
  if [[ ! -e $image/disk.raw ]]; then
    exec {lock}>"$images/lock"
    flock "$lock"
    if [[ ! -e $image/disk.raw ]]; then
      command -v mmdebstrap >/dev/null || fail 2 'there is no mmdebstrap: apt-get install mmdebstrap'
      say 'building the disk image'
      work=$(mktemp -d "$images/.new-XXXXXX")
      if ! install_image "$work" >"$images/log" 2>&1; then
        tail -n 20 "$images/log" >&2
        rm -rf "$work"
        fail 1 "the disk image could not be built: $images/log"
      fi
      mv "$work" "$image"
      say "built in $((SECONDS - begin)) s: $image"
      # What another version of this script or of the packages made, and nobody used for a month.
      find "$images" -mindepth 1 -maxdepth 1 -type d -mtime +30 -exec rm -rf {} +
    fi
    exec {lock}>&-
  fi
  touch "$image"
}

# Works as root, and without where user namespaces and /etc/subuid allow it (package uidmap): mmdebstrap finds out.
install_image() {
  local work=$1 suite line options=()
  suite=$(image_suite)
  image_sources "$suite" >"$work/sources.list"
  [[ -s $work/sources.list ]] || echo "deb http://deb.debian.org/debian $suite main" >"$work/sources.list"
  while read -r line; do options+=(--aptopt="$line"); done < <(image_proxies)
  for line in doc man locale info lintian; do options+=(--dpkgopt="path-exclude=/usr/share/$line/*"); done
  # The hooks run where the image's files belong to root, whoever calls.
  mmdebstrap --variant=minbase --format=null --include="$(IFS=,; echo "${image_packages[*]}")" "${options[@]}" \
    --aptopt='Apt::Install-Recommends "false"' \
    --customize-hook="bash '$parts/image.sh' settle \"\$1\"" \
    --customize-hook="bash '$parts/image.sh' pack \"\$1\"" \
    --customize-hook="download /disk.raw '$work/disk.raw'" \
    --customize-hook="download /vmlinuz.host '$work/vmlinuz'" \
    --customize-hook="download /initrd.host '$work/initrd'" \
    "$suite" - "$work/sources.list" </dev/null &&
    fallocate --dig-holes "$work/disk.raw" && chmod 600 "$work/disk.raw"
}

# settle ROOT: what the installed system is told.
settle() {
  local root=$1 units=$1/etc/systemd/system unit
  for unit in apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer fstrim.timer e2scrub_reap.service \
    systemd-tmpfiles-clean.timer getty.target getty@tty1.service systemd-logind.service systemd-user-sessions.service \
    systemd-binfmt.service proc-sys-fs-binfmt_misc.automount systemd-firstboot.service systemd-machine-id-commit.service \
    systemd-sysusers.service systemd-hwdb-update.service ldconfig.service systemd-update-utmp.service \
    systemd-update-utmp-runlevel.service systemd-pcrphase.service systemd-pcrphase-sysinit.service systemd-repart.service \
    systemd-pstore.service systemd-random-seed.service systemd-journal-flush.service systemd-ask-password-console.path \
    systemd-ask-password-wall.path systemd-modules-load.service kmod-static-nodes.service systemd-remount-fs.service \
    dev-hugepages.mount dev-mqueue.mount sys-kernel-tracing.mount sys-fs-fuse-connections.mount \
    systemd-initctl.socket systemd-journald-audit.socket remote-fs.target systemd-sysctl.service \
    systemd-tmpfiles-setup.service systemd-tmpfiles-setup-dev.service modprobe@.service sys-kernel-config.mount \
    sys-kernel-debug.mount cryptsetup.target integritysetup.target veritysetup.target; do
    ln -sf /dev/null "$units/$unit"
  done
  mkdir -p "$units"/{ssh.service.d,systemd-udev-trigger.service.d,sysinit.target.wants} "$root"/etc/systemd/{journald,system}.conf.d
  # QEMU's user network is always the same.
  cat >"$units/host-network.service" <<'TEXT'
[Unit]
Description=Network of the management port
DefaultDependencies=no
Before=network.target ssh.service
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/sbin/ip link set lo up
ExecStart=/sbin/ip address add 10.0.2.15/24 dev eth0
ExecStart=/sbin/ip link set eth0 up
ExecStart=/sbin/ip route add default via 10.0.2.2
TEXT
  cat >"$units/ssh.service.d/early.conf" <<'TEXT'
[Unit]
DefaultDependencies=no
[Service]
ExecStartPre=
TEXT
  # What is seated in the host gets its driver. The hundreds of other devices that a kernel has need nothing.
  cat >"$units/systemd-udev-trigger.service.d/seated.conf" <<'TEXT'
[Service]
ExecStart=
ExecStart=udevadm trigger --action=add --subsystem-match=pci
TEXT
  cat >"$units/announce.service" <<'TEXT'
[Unit]
Description=Says on the console that the host can be reached
DefaultDependencies=no
After=ssh.service
[Service]
Type=oneshot
StandardOutput=tty
TTYPath=/dev/console
ExecStart=/bin/echo virtual-metal: the stable system is up
TEXT
  ln -sf ../host-network.service ../announce.service /lib/systemd/system/ssh.service "$units/sysinit.target.wants/"
  cat >"$root/etc/ssh/sshd_config" <<'TEXT'
HostKey /etc/ssh/ssh_host_ed25519_key
PermitRootLogin prohibit-password
PasswordAuthentication no
KbdInteractiveAuthentication no
UsePAM no
UseDNS no
PrintMotd no
Subsystem sftp internal-sftp
TEXT
  printf '[Journal]\nStorage=volatile\n' >"$root/etc/systemd/journald.conf.d/lab.conf"
  printf '[Manager]\nShowStatus=no\nDefaultTimeoutStopSec=10s\n' >"$root/etc/systemd/system.conf.d/lab.conf"
  : >"$root/etc/fstab"
  install -d -m 700 "$root/root/.ssh"
  # What makes one host differ from another is put in when a lab starts.
  rm -f "$root"/etc/ssh/ssh_host_* "$root"/etc/apt/apt.conf.d/99mmdebstrap "$root"/etc/apt/sources.list
}

# pack ROOT: makes disk.raw, and kernel and initrd beside it, as files of ROOT that are not on the disk.
pack() {
  local root=$1 modules drivers name
  modules=$(echo "$root"/lib/modules/*)
  cp "$root"/boot/vmlinuz-* "$root.vmlinuz"
  rm -f "$root"/boot/initrd* "$root"/{vmlinuz,initrd.img}*
  mkdir -p "$root.initrd"/{bin,dev,disk,drivers}
  cp "$root/bin/busybox" "$root.initrd/bin/"
  drivers=$(for name in virtio_pci virtio_blk virtio_net; do
    modprobe -d "$root" -S "${modules##*/}" --show-depends "$name"
  done | awk '$1 == "insmod" && !seen[$2]++ { print $2 }')
  for name in $drivers; do cp "$name" "$root.initrd/drivers/"; done
  {
    printf '#!/bin/busybox sh\n# Which drivers does the root disk need? Loads them and hands over to the system on it.\n'
    for name in $drivers; do printf '/bin/busybox insmod /drivers/%s\n' "${name##*/}"; done
    cat <<'TEXT'
/bin/busybox mount -t devtmpfs dev /dev
echo 'virtual-metal: starting the stable system from the disk' >/dev/console
until /bin/busybox mount -t ext4 -o rw,noatime /dev/vda /disk; do /bin/busybox usleep 50000; done
/bin/busybox mount --move /dev /disk/dev
exec /bin/busybox switch_root /disk /sbin/init
TEXT
  } >"$root.initrd/init"
  chmod 755 "$root.initrd/init"
  (cd "$root.initrd" && find . | cpio -o -H newc --quiet) >"$root.cpio"
  # /proc and the like are mounted meanwhile; a bind mount shows what lies below.
  mkdir "$root.bare"
  mount --bind "$root" "$root.bare"
  mkfs.ext4 -q -F -L stable -d "$root.bare" "$root.raw" "$image_size"
  umount "$root.bare"
  mv "$root.raw" "$root/disk.raw"
  mv "$root.cpio" "$root/initrd.host"
  mv "$root.vmlinuz" "$root/vmlinuz.host"
  rm -rf "$root.initrd" "$root.bare"
}

# mmdebstrap's hooks come in here.
if [[ ${BASH_SOURCE[0]} == "$0" ]]; then
  set -euo pipefail
  PATH=$PATH:/usr/sbin:/sbin
  "$@"
fi
