# How does a virtual lab come up, and how is it taken down whatever happens? Sourced by tools/virtual-metal.
# shellcheck shell=bash disable=SC2154  # `script`, `parts` and `root` are of tools/virtual-metal, `test_devices` of host.sh
#
# Three generations of processes. The caller's (run_lab) waits for COMMAND. Its child (keep_lab), in a session of its own so
# that a Ctrl-C reaches COMMAND alone, starts the hosts' keepers and whatever else the lab has, and clears away. Each asks
# the kernel for a SIGTERM at its parent's death: when any one of them is killed, the others still take the lab down.

lab_programs=(qemu-system-x86_64 ipmi_sim ipmitool socat setpriv setsid flock debugfs ssh ssh-keygen)
boot_limit_s=${VIRTUAL_METAL_BOOT_LIMIT:-300}

# run_lab run|up OPTION... [-- COMMAND...]
run_lab() {
  local verb=$1 hosts=1 pdu='' redfish='' dir='' remove='' lock lab='' command='' code=0 lab_code=0 ended='' program
  shift
  while (($#)); do
    case $1 in
      --hosts) hosts=${2:-}; [[ $hosts =~ ^[1-9]$ ]] || bad_usage '--hosts takes a number from 1 to 9'; shift ;;
      --pdu) pdu=1; lab_programs+=(snmpd snmpget snmpset snmpwalk) ;;
      --redfish) redfish=1; lab_programs+=(openssl python3) ;;
      --dir) dir=${2:-}; [[ -n $dir ]] || bad_usage '--dir takes a folder'; shift ;;
      --) shift; break ;;
      *) bad_usage "unknown argument \"$1\"" ;;
    esac
    shift
  done
  [[ $verb != run || $# -gt 0 ]] || bad_usage 'run needs a command, behind --'
  [[ $verb != up || $# -eq 0 ]] || bad_usage 'up takes no command'
  for program in "${lab_programs[@]}"; do
    command -v "$program" >/dev/null || fail 2 "there is no $program; tools/setup installs what is missing"
  done
  make_image

  umask 077
  if [[ $verb == up ]]; then
    dir=${dir:-$root/build/virtual-metal}
  elif [[ -z $dir ]]; then
    remove=1
    dir=$(mktemp -d "${TMPDIR:-/tmp}/virtual-metal-XXXXXX")
  fi
  mkdir -p "$dir"
  dir=$(cd "$dir" && pwd -P)
  # ipmi_sim and snmpd take their programs as one line each.
  [[ $parts$dir =~ ^[A-Za-z0-9_./+:@,=-]+$ ]] || fail 2 "cannot work with blanks or quotes in $dir or $parts"
  exec {lock}>"$dir/lock"
  flock -n "$lock" || fail 2 "another lab runs in $dir"
  rm -f "$dir/ready"

  trap 'ended=130; [[ -z $lab ]] || kill -TERM "$lab" 2>/dev/null || true' INT TERM HUP
  setsid setpriv --pdeathsig TERM "$script" keep-lab $$ "$verb" "$dir" "$hosts" "$image" "$remove" "$pdu" "$redfish" </dev/null &
  lab=$!
  while runs "$lab" && [[ ! -e $dir/ready ]]; do sleep 0.1; done
  if [[ -z $ended && -e $dir/ready ]]; then
    # The signals come to COMMAND as well; the lab has to stand until it has let go.
    trap 'ended=130; kill -TERM "$command" 2>/dev/null || true' TERM HUP
    trap 'ended=130' INT
    if [[ $verb == up ]]; then
      say "the lab is up: $dir/inventory.toml; Ctrl-C ends it"
      trap 'ended=130; kill -TERM "$lab"' INT TERM HUP
    else
      HOLDFAST_LAB=$dir/inventory.toml VIRTUAL_METAL_DIR=$dir XDG_STATE_HOME=$dir/state \
        env --default-signal=INT,QUIT setpriv --pdeathsig TERM "$@" <&0 {lock}>&- &
      command=$!
      while runs "$command" && runs "$lab"; do sleep 0.2; done
      runs "$lab" || kill -TERM "$command" 2>/dev/null || true
      wait_out "$command" || code=$?
      kill -TERM "$lab" 2>/dev/null || true
    fi
  elif [[ -z $ended ]]; then
    code=1
  fi
  wait_out "$lab" || lab_code=$?
  ((code)) || code=$lab_code
  [[ -z $remove ]] || rm -rf "$dir"
  [[ -z $ended || -n $command ]] || code=$ended
  exit "$code"
}

# Does the child still run? Bash has reaped it when it does not.
runs() { kill -0 "$1" 2>/dev/null; }

# Waits for a child to its end, whatever signals come in between; returns its exit code.
wait_out() {
  while runs "$1"; do sleep 0.2; done
  wait "$1"
}

# --- The lab's keeper -------------------------------------------------------------------------------------------------

# Is a TCP or UDP port of this machine unused?
port_is_free() { ! grep -qi "^ *[0-9]*: [0-9A-F]*:$(printf '%04X' "$1") " /proc/net/{tcp,tcp6,udp,udp6} 2>/dev/null; }

# Sets `port`: PREFERRED for `up`, else one that is free, below those that the kernel gives out itself.
choose_port() {
  port=$1
  if [[ $verb == up ]]; then
    port_is_free "$port" || lab_fails "port $port is in use"
    return
  fi
  while :; do
    port=$((20000 + RANDOM % 12000))
    if [[ $taken != *" $port "* ]] && port_is_free "$port"; then
      taken+="$port "
      return
    fi
  done
}

lab_fails() {
  say "$*"
  failed=1
  take_down
}

# keep_lab PARENT VERB DIR HOSTS IMAGE REMOVE PDU REDFISH
keep_lab() {
  local parent=$1 verb=$2 dir=$3 hosts=$4 image=$5 remove=$6 pdu=$7 redfish=$8
  local port taken=' ' failed=0 number host ssh_port folders=() keepers=() others=()
  trap take_down TERM HUP
  trap '' INT
  cd "$dir" || return
  ((PPID == parent)) || take_down
  # Who holds a virtual host is of no interest to real ones, and is forgotten with it.
  rm -rf leases
  [[ $verb != up ]] || mkdir leases
  [[ -e id_ed25519 ]] || ssh-keygen -q -t ed25519 -N '' -C virtual-metal -f id_ed25519
  for ((number = 1; number <= hosts; number++)); do
    host=$dir/metal-$number
    choose_port $((7021 + number))
    ssh_port=$port
    choose_port $((7622 + number))
    # lab/examples/virtual-metal.toml pins the key of the first host, which therefore is always the same one.
    [[ $verb != up || $number -gt 1 ]] || put_known_host_key "$host"
    make_host "$host" "metal-$number" "$ssh_port" "$port" "$image" || lab_fails "metal-$number could not be made: see $host"
    folders+=("$host")
  done
  for host in "${folders[@]}"; do
    setpriv --pdeathsig TERM "$script" keep-host $$ "$host" >"$host/keeper.log" 2>&1 &
    keepers+=($!)
  done
  [[ -z $pdu ]] || start_pdu
  [[ -z $redfish ]] || start_redfish
  ssh_configuration >ssh_config
  # Whoever waits for it sees all of it.
  describe_lab >inventory.toml.new
  mv inventory.toml.new inventory.toml
  for host in "${folders[@]}"; do await_host "$host"; done
  : >ready
  # Ends with a signal, or with a keeper: then a part of the lab is missing.
  wait -n "${keepers[@]}" || true
  lab_fails 'a host of the lab has ended'
}

take_down() {
  trap '' TERM HUP
  kill -TERM "${keepers[@]}" "${others[@]}" 2>/dev/null || true
  wait
  for host in "${folders[@]}"; do (cd "$host" && clear_host); done
  rm -f ready
  cd /
  [[ -z $remove ]] || rm -rf "$dir"
  exit "$failed"
}

put_known_host_key() {
  mkdir -p "$1"
  cp "$parts/not_secret_host_key" "$1/host_key"
  cp "$parts/not_secret_host_key.pub" "$1/host_key.pub"
  chmod 600 "$1/host_key"
}

await_host() {
  local name keeper begin=$SECONDS
  name=$(basename "$1")
  until ssh -F "$dir/ssh_config" -o ConnectTimeout=3 "$name" true </dev/null 2>"$1/ssh.log"; do
    for keeper in "${keepers[@]}"; do runs "$keeper" || lab_fails 'a host of the lab has ended'; done
    ((SECONDS - begin < boot_limit_s)) || {
      tail -n 5 "$1"/{ssh,qemu,bmc,keeper}.log >&2
      lab_fails "$name does not answer after $boot_limit_s s"
    }
    sleep 0.3
  done
  say "$name answers after $((SECONDS - begin)) s"
}

ssh_configuration() {
  local host
  for host in "${folders[@]}"; do
    printf '%s ' "$(basename "$host")" >>known_hosts.new
    cut -d ' ' -f 1,2 "$host/host_key.pub" >>known_hosts.new
    printf 'Host %s\n  HostName 127.0.0.1\n  Port %s\n  User root\n  HostKeyAlias %s\n' "$(basename "$host")" \
      "$(<"$host/ssh_port")" "$(basename "$host")"
  done
  mv known_hosts.new known_hosts
  printf 'Host *\n  IdentityFile %s\n  IdentitiesOnly yes\n  UserKnownHostsFile %s\n  StrictHostKeyChecking yes\n  BatchMode yes\n' \
    "$dir/id_ed25519" "$dir/known_hosts"
}

# A word nobody can guess, in a file of its own.
make_secret() { [[ -e $1 ]] || head -c 9 /dev/urandom | base64 | tr '+/' 'ab' >"$1"; }

start_pdu() {
  choose_port 7161
  pdu=$port
  make_secret pdu_community
  mkdir -p pdu
  cat >pdu/snmpd.conf <<TEXT
agentaddress udp:127.0.0.1:$pdu
rwcommunity $(<pdu_community) 127.0.0.1
sysobjectid .1.3.6.1.4.1.318.1.3.4.5
pass_persist .1.3.6.1.4.1.318.1.1.12.3 $parts/pdu ${folders[*]}
TEXT
  SNMP_PERSISTENT_DIR=$dir/pdu MIBS='' setpriv --pdeathsig KILL snmpd -f -r -C -c pdu/snmpd.conf -Lf pdu/log >/dev/null 2>&1 &
  others+=($!)
}

start_redfish() {
  choose_port 7443
  redfish=$port
  make_secret redfish_password
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 3650 -subj /CN=127.0.0.1 \
    -keyout redfish.key -out redfish.crt 2>/dev/null
  cat redfish.key redfish.crt >redfish.pem
  setpriv --pdeathsig KILL "$parts/redfish" "$redfish" "$dir/redfish.pem" "$dir/redfish_password" "${folders[@]}" \
    </dev/null >redfish.log 2>&1 &
  others+=($!)
}

# --- The inventory ----------------------------------------------------------------------------------------------------

describe_lab() {
  local number
  echo '# Which hosts are in this virtual lab? Written by tools/virtual-metal, anew each time.'
  # What `run` starts is told by its environment where leases are.
  [[ $verb != up ]] || printf '\n[leases]\nfolder = "%s"\n' "$dir/leases"
  for number in "${!folders[@]}"; do describe_host "${folders[number]}" $((number + 1)); done
}

# bmc_access FOLDER: the keys of one who speaks IPMI.
bmc_access() {
  printf 'address = "127.0.0.1"\nport = %s\nuser = "lab"\npassword = { file = "%s" }\n' "$(<"$1/bmc_port")" "$1/bmc_password"
}

describe_host() {
  local host=$1 number=$2 device role bdf model traits
  cat <<TEXT

[[host]]
name = "$(basename "$host")"
tags = ["virtual-metal"]
time_scale = 3.0
payload = "initramfs"
# A busy machine emulates the timer so late that the kernel would give it up.
append = "console=ttyS0,115200 no_timer_check norandmaps"
work_dir = "/var/tmp/holdfast"
# The root disk. It is refused anyway, as is the management card, 0000:02:00.0.
never_touch = ["0000:00:1e.0"]

[host.ssh]
address = "127.0.0.1"
port = $(<"$host/ssh_port")
user = "root"
key = "$dir/id_ed25519"
host_key = "$(cut -d ' ' -f 1,2 "$host/host_key.pub")"

[host.console]
type = "sol"
$(bmc_access "$host")
TEXT
  if ((number == 1)) || [[ -z $pdu$redfish ]]; then
    printf '\n[[host.power]]\ntype = "ipmi"\n%s\n' "$(bmc_access "$host")"
  fi
  [[ -z $redfish ]] || cat <<TEXT

[[host.power]]
type = "fence"
agent = "fence_redfish"
options = { ip = "127.0.0.1", ipport = "$redfish", ssl_insecure = "1", username = "lab", systems_uri = "/redfish/v1/Systems/$(basename "$host")" }
secrets = { password = { file = "$dir/redfish_password" } }
TEXT
  [[ -z $pdu ]] || cat <<TEXT

[[host.power]]
type = "fence"
agent = "fence_apc_snmp"
options = { ip = "127.0.0.1", ipport = "$pdu", snmp_version = "2c", plug = "$number" }
secrets = { community = { file = "$dir/pdu_community" } }
TEXT
  for device in "${test_devices[@]}"; do
    IFS='|' read -r role bdf model traits <<<"$device"
    printf '\n[[host.device]]\nrole = "%s"\nbdf = "%s"\nmodel = "%s"\n' "$role" "$bdf" "$model"
    [[ -z $traits ]] || printf 'traits = [%s]\n' "$(sed 's/[^ ][^ ]*/"&",/g; s/,$//' <<<"$traits")"
  done
}
