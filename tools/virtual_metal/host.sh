# What makes up one virtual metal host, and who keeps its parts running? Sourced by tools/virtual-metal.
# shellcheck shell=bash disable=SC2034,SC2054,SC2154  # `parts` is of tools/virtual-metal, `test_devices` for lab.sh
#
# A host is a folder: the disk, keys, the BMC's configuration, sockets. Its keeper, one process, is the parent of all that
# runs for it: QEMU, ipmi_sim, and the socat that is the wire between the serial port and the BMC. Each of these is killed
# with the keeper, whatever ends that, so that nothing outlives a lab. QEMU is started and stopped only when the BMC, the
# PDU or the Redfish server ask for it (tools/virtual_metal/power).

# The test devices, as the built-in machine has them (lab/qemu/parts.cc), with the management card in the place of its
# virtio-net: role, address, model, traits.
e1000e_traits='msi msix intx reset native-driver power-management'
test_devices=(
  "e1000e|0000:01:00.0|e1000e|$e1000e_traits"
  'nvme|0000:03:00.0|nvme|msix intx reset native-driver third-port nvme-registers'
  'edu|0000:05:01.0|edu|msi intx reset dma-engine behind-bridge'
  "e1000e-switch|0000:08:00.0|e1000e|$e1000e_traits behind-switch"
  'testdev|0000:00:12.0|pci-testdev|'
)

# At 0000:0a:00.0 is one more that no inventory has by itself: a card with the driver of the management card. It comes
# behind that one, which is to be eth0.

# Sets `machine` to QEMU's argv. no_timer_check: a busy machine emulates the timer so late that the kernel would give it
# up and panic. norandmaps: QEMU translates a program's code once for each address that it is mapped at, and when the
# next kernel is copied over such pages it throws away one translation after the other, with a look through all that a
# page has: a kexec that takes 3 s then took a minute. Two processors: with one, a system that is left by kexec once its
# drivers are shut down may never get to it, since a reader of the disk that gets nothing but errors keeps the only one.
# Run in the host's folder: the sockets' full paths may be longer than a socket's path can be.
machine_argv() {
  local ssh_port=$1 accel=tcg,thread=multi
  [[ ${VIRTUAL_METAL_ACCEL:-tcg} == tcg ]] || accel=$VIRTUAL_METAL_ACCEL
  machine=(qemu-system-x86_64 -name "virtual-metal" -machine q35,kernel-irqchip=split,sata=off,smbus=off -accel "$accel" -cpu max
    -smp 2 -m 1536M -nodefaults -nographic
    -chardev serial,id=console,path=console.machine,logfile=console.log,logappend=on -device isa-serial,chardev=console
    -chardev socket,id=qmp,path=qmp.sock,server=on,wait=off -mon chardev=qmp,mode=control
    -device intel-iommu,intremap=on,caching-mode=on
    -drive file=disk.raw,format=raw,if=none,id=root,cache=unsafe -device virtio-blk-pci,drive=root,addr=0x1e,disable-legacy=on
    -netdev "user,id=net,restrict=on,hostfwd=tcp:127.0.0.1:$ssh_port-:22"
    -netdev hubport,id=net1,hubid=0 -netdev hubport,id=net3,hubid=0
    -device pcie-root-port,id=rp1,chassis=1,slot=1,addr=0x1 -device e1000e,bus=rp1,netdev=net1,romfile=
    -device pcie-root-port,id=rp2,chassis=2,slot=2,addr=0x2
    -device virtio-net-pci,id=management,bus=rp2,netdev=net,romfile=,disable-legacy=on
    -device pcie-root-port,id=rp3,chassis=3,slot=3,addr=0x3 -blockdev driver=null-co,node-name=disk,size=16777216,read-zeroes=on
    -device nvme,bus=rp3,serial=holdfast,drive=disk
    -device pcie-root-port,id=rp4,chassis=4,slot=4,addr=0x4 -device pcie-pci-bridge,id=bridge,bus=rp4
    -device edu,bus=bridge,addr=0x1
    -device pcie-root-port,id=rp5,chassis=5,slot=5,addr=0x5 -device x3130-upstream,id=up,bus=rp5
    -device xio3130-downstream,id=down1,bus=up,chassis=6,slot=6,addr=0x0
    -device xio3130-downstream,id=down2,bus=up,chassis=7,slot=7,addr=0x1 -device e1000e,bus=down1,netdev=net3,romfile=
    -device pci-testdev,addr=0x12
    -device pcie-root-port,id=rp6,chassis=8,slot=8,addr=0x6 -netdev hubport,id=net6,hubid=0
    -device virtio-net-pci,bus=rp6,netdev=net6,romfile=,disable-legacy=on
    -kernel vmlinuz -initrd initrd -append 'root=/dev/vda rw net.ifnames=0 console=ttyS0,115200 quiet panic=5 no_timer_check norandmaps')
}

# make_host FOLDER NAME SSH_PORT BMC_PORT IMAGE: a host that has never run. Its keys are those that lie in FOLDER already.
make_host() {
  local dir=$1 name=$2 ssh_port=$3 bmc_port=$4 image=$5
  mkdir -p "$dir"/{state,faults}
  # A host's disk is its own; the image stays as it was made.
  cp --sparse=always --reflink=auto "$image/disk.raw" "$dir/disk.raw"
  cp --reflink=auto "$image"/{vmlinuz,initrd} "$dir/"
  [[ -e $dir/host_key ]] || ssh-keygen -q -t ed25519 -N '' -C "$name" -f "$dir/host_key"
  [[ -e $dir/bmc_password ]] || (umask 077 && head -c 9 /dev/urandom | base64 | tr '+/' 'ab' >"$dir/bmc_password")
  echo "$name" >"$dir/hostname"
  printf '%s' "$name" | md5sum | cut -c 1-32 >"$dir/machine-id"
  printf '%s\n' "$ssh_port" >"$dir/ssh_port"
  printf '%s\n' "$bmc_port" >"$dir/bmc_port"
  put_file() { printf 'rm %s\nwrite %s %s\nset_inode_field %s mode 0100%s\nset_inode_field %s uid 0\nset_inode_field %s gid 0\n' \
    "$2" "$1" "$2" "$2" "$3" "$2" "$2"; }
  {
    put_file "$dir/host_key" /etc/ssh/ssh_host_ed25519_key 600
    put_file "$dir/host_key.pub" /etc/ssh/ssh_host_ed25519_key.pub 644
    put_file "$dir/../id_ed25519.pub" /root/.ssh/authorized_keys 600
    put_file "$dir/hostname" /etc/hostname 644
    put_file "$dir/machine-id" /etc/machine-id 444
  } | debugfs -w -f - "$dir/disk.raw" >"$dir/debugfs.log" 2>&1
  printf '%s\n' 'mc_setbmc 0x20' 'mc_add 0x20 0 no-device-sdrs 0x23 9 8 0x9f 0x1291 0xf02 persist_sdr' \
    'sel_enable 0x20 1000 0x0a' 'mc_enable 0x20' >"$dir/bmc.emu"
}

# The BMC's configuration. Its end of the serial line is named as the kernel names it: ipmi_sim locks it by its last part.
bmc_conf() {
  cat <<TEXT
name "bmc"
startlan 1
addr 127.0.0.1 $(<bmc_port)
priv_limit admin
allowed_auths_admin none md5
guid a123456789abcdefa123456789abcdef
endlan
chassis_control "$parts/power $PWD bmc"
sol "$(readlink console.bmc)" 115200 history=16384
user 1 false "" "" user 10
user 2 true "lab" "$(<bmc_password)" admin 10
TEXT
}

# --- The keeper -------------------------------------------------------------------------------------------------------

# Starts a part of the host, which ends with this process; sets `started` to its process id.
start_part() {
  local log=$1
  shift
  setpriv --pdeathsig KILL "$@" </dev/null >>"$log" 2>&1 &
  started=$!
}

bmc=0 bmc_back=0
start_bmc() {
  bmc_conf >lan.conf
  start_part bmc.log ipmi_sim -n -c lan.conf -f bmc.emu -s state
  bmc=$started
}
stop_bmc() {
  kill -KILL "$bmc" 2>/dev/null || true
  wait "$bmc" 2>/dev/null || true
  unlock_console
}
# ipmi_sim, when it is killed, leaves its lock.
unlock_console() { [[ ! -L console.bmc ]] || rm -f "/var/lock/LCK..$(basename "$(readlink console.bmc)")"; }
# What no other run of the host needs.
clear_host() {
  unlock_console
  rm -f disk.raw vmlinuz initrd console.bmc console.machine qmp.sock requests qemu.pid
}

start_machine() {
  machine_argv "$(<ssh_port)"
  rm -f qmp.sock
  start_part qemu.log "${machine[@]}"
  echo "$started" >qemu.pid.new
  mv qemu.pid.new qemu.pid
}

# keep_host PARENT FOLDER: returns when it is told to, by SIGTERM.
keep_host() {
  local request argument requests line part said='' ended=
  trap 'ended=1' TERM
  trap '' INT HUP
  ((PPID == $1)) || return
  cd "$2" || return
  rm -f requests qemu.pid faults/*
  mkfifo -m 600 requests
  exec {requests}<>requests
  start_part wire.log socat PTY,raw,echo=0,mode=600,link=console.bmc PTY,raw,echo=0,mode=600,link=console.machine
  until [[ -e console.bmc && -e console.machine ]]; do sleep 0.05; done
  # Held open, the line stays up while the machine is off.
  exec {line}<>console.machine
  start_bmc
  start_machine
  while [[ -z $ended ]]; do
    if ((bmc_back && SECONDS >= bmc_back)); then
      bmc_back=0
      start_bmc
    fi
    # What has come of a line when the time is over is its begin.
    if ! IFS= read -r -t 0.5 -u "$requests" part; then
      said+=$part
      continue
    fi
    read -r request argument <<<"$said$part"
    said=
    case $request in
      on) start_machine ;;
      bmc-back) ((bmc_back == 0)) || bmc_back=1 ;;
      bmc-away)
        bmc_back=$((SECONDS + argument))
        stop_bmc ;;
    esac
  done
  stop_bmc
  exec {line}>&- {requests}>&-
  mapfile -t started < <(jobs -p)
  kill -KILL "${started[@]}" 2>/dev/null || true
  wait
  clear_host
}
