# What is the nested machine made of, and how is it started and ended? Sourced by tools/nested-machine.
# shellcheck shell=bash disable=SC2054,SC2154  # commas of QEMU; `image`, `kernel` are of image.sh, `program` of the tool

machine_programs=(cpio qemu-system-x86_64 setpriv socat ssh ssh-keygen)
boot_limit_s=${NESTED_MACHINE_BOOT_LIMIT:-300}

# Sets `machine` to QEMU's argv. Run in the machine's folder: a socket's path must be short. Port 0: the kernel chooses.
# Interrupt remapping is what vfio needs to be sure of a device; caching-mode, so that what holdfast's guest maps, and it
# has an IOMMU of its own, is seen by this one. no_timer_check: on a busy computer the emulated timer is late.
machine_argv() {
  local accel=tcg,thread=multi
  [[ ${NESTED_MACHINE_ACCEL:-tcg} == tcg ]] || accel=$NESTED_MACHINE_ACCEL
  machine=(qemu-system-x86_64 -name nested-machine -machine q35,kernel-irqchip=split,sata=off,smbus=off -accel "$accel" -cpu max
    -smp 2 -m 2048M -nodefaults -nographic -no-reboot
    -chardev file,id=console,path=console.log -device isa-serial,chardev=console
    -chardev socket,id=monitor,path=monitor.sock,server=on,wait=off -mon chardev=monitor,mode=readline
    -device intel-iommu,intremap=on,caching-mode=on -device virtio-rng-pci,addr=0x11,disable-legacy=on
    -netdev hubport,id=net1,hubid=0 -netdev hubport,id=net3,hubid=0
    -netdev 'user,id=net,restrict=on,hostfwd=tcp:127.0.0.1:0-:22'
    -device pcie-root-port,id=rp1,chassis=1,slot=1,addr=0x1 -device e1000e,bus=rp1,netdev=net1,romfile=
    -device pcie-root-port,id=rp2,chassis=2,slot=2,addr=0x2 -blockdev driver=null-co,node-name=disk,size=16777216,read-zeroes=on
    -device nvme,bus=rp2,serial=nested,drive=disk
    -device pcie-root-port,id=rp3,chassis=3,slot=3,addr=0x3
    -device e1000e,bus=rp3,addr=0x0.0x0,multifunction=on,netdev=net3,romfile=
    -device virtio-net-pci,bus=rp3,addr=0x0.0x1,netdev=net,romfile=,disable-legacy=on
    -kernel "$kernel" -initrd initrd
    -append 'console=ttyS0 loglevel=4 panic=-1 no_timer_check intel_iommu=on')
}

# This machine's own part of its system: who it is, and who may come in.
make_keys() {
  rm -rf keys id_ed25519{,.pub}
  mkdir -p keys/etc/ssh keys/root/.ssh
  chmod 755 keys keys/etc keys/etc/ssh
  ssh-keygen -q -t ed25519 -N '' -C machine -f keys/etc/ssh/host_key
  ssh-keygen -q -t ed25519 -N '' -C "who started it" -f id_ed25519
  cp id_ed25519.pub keys/root/.ssh/authorized_keys
  printf 'machine %s\n' "$(cut -d ' ' -f 1,2 keys/etc/ssh/host_key.pub)" >known_hosts
  { cat "$image"; (cd keys && find . -mindepth 1 -print0 | cpio --null --create --format=newc --owner=0:0 --quiet); } >initrd
  rm -rf keys
}

# Which port did the kernel choose?
ssh_port() { echo 'info usernet' | socat -t 2 - UNIX-CONNECT:monitor.sock | awk '$1 ~ /HOST_FORWARD/ { print $4 }'; }

write_ssh_config() {
  cat >ssh_config <<TEXT
Host machine
  HostName 127.0.0.1
  Port $1
  User root
  HostKeyAlias machine
  IdentityFile "$PWD/id_ed25519"
  UserKnownHostsFile "$PWD/known_hosts"
  IdentitiesOnly yes
  BatchMode yes
  LogLevel ERROR
TEXT
}

# Does the child still run? Bash has reaped it when it does not.
runs() { kill -0 "$1" 2>/dev/null; }

# Returns when the machine answers to ssh.
wait_for_machine() {
  local end=$((SECONDS + boot_limit_s))
  until grep -qs 'nested-machine: ready' console.log; do
    [[ -z $ended ]] || return
    runs "$qemu" || { tail -n 20 console.log qemu.log >&2 || true; fail 1 'the machine has ended'; }
    ((SECONDS < end)) || { tail -n 20 console.log >&2; fail 1 "the machine was not up after $boot_limit_s s"; }
    sleep 0.2
  done
  write_ssh_config "$(ssh_port)"
  until ssh -F ssh_config -o ConnectTimeout=20 machine true 2>ssh.log; do
    [[ -z $ended ]] || return
    ((SECONDS < end)) || { cat ssh.log >&2; fail 1 "the machine did not answer to ssh after $boot_limit_s s"; }
    sleep 0.5
  done
  rm -f initrd
  touch ready
}

end_machine() {
  [[ -z $command ]] || kill -TERM "$command" 2>/dev/null || true
  [[ -z $qemu ]] || kill -KILL "$qemu" 2>/dev/null || true
  wait 2>/dev/null
  rm -f initrd monitor.sock ready id_ed25519
  [[ -z $remove ]] || rm -rf "$dir"
}

# run_machine run|up DIR COMMAND...
run_machine() {
  local verb=$1 from=$PWD name lock code=0
  dir=$2 remove='' qemu='' command='' ended=''
  shift 2
  for name in "${machine_programs[@]}"; do
    command -v "$name" >/dev/null || fail 2 "there is no $name; tools/setup installs what is missing"
  done
  umask 077
  [[ -n $dir ]] || { remove=1; dir=$(mktemp -d "${TMPDIR:-/tmp}/nested-machine-XXXXXX"); }
  mkdir -p "$dir"
  cd "$dir" || fail 1 "cannot use $dir"
  dir=$PWD
  exec {lock}>lock
  flock -n "$lock" || fail 2 "another machine runs in $dir"
  rm -f ready console.log
  trap end_machine EXIT
  trap 'ended=1; [[ -z $command ]] || kill -TERM "$command" 2>/dev/null || true' INT TERM HUP
  make_keys
  machine_argv
  # It ends with this script, whatever ends that.
  setpriv --pdeathsig KILL "${machine[@]}" </dev/null >qemu.log 2>&1 {lock}>&- &
  qemu=$!
  wait_for_machine
  say "the machine is up: ssh -F $dir/ssh_config machine"
  if [[ $verb == run ]]; then
    NESTED_MACHINE_DIR=$dir setpriv --pdeathsig TERM env --chdir="$from" "$@" <&0 {lock}>&- &
    command=$!
  fi
  while [[ -z $ended ]] && runs "$qemu" && runs "${command:-$qemu}"; do sleep 0.2; done
  [[ -z $ended ]] || exit 130
  if [[ -z $command ]] || runs "$command"; then fail 1 "the machine has ended: $dir/console.log"; fi
  wait "$command" || code=$?
  command=''
  exit "$code"
}
