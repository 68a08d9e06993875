# What runs inside the namespace of tools/slurm-loopback? The daemons, and a loop that takes nodes away and brings them
# back.
# shellcheck shell=bash
set -euo pipefail

# The first process of a namespace is sent no signal that it does not ask for; and with its end all others end.
trap 'exit 0' TERM INT HUP

dir=$1 nodes=$2 cpus=$3 memory=$4 licenses=$5
mkdir -p "$dir/state" "$dir/log"
export SLURM_CONF=$dir/slurm.conf

# A port that nobody listens on now, above those that the kernel gives to outgoing connections by itself.
free_port() {
  local port
  for _ in {1..100}; do
    port=$((61000 + RANDOM % 4000))
    if ! (: <"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
      printf '%s' "$port"
      return
    fi
  done
  return 1
}

# cred_expire: a task of a node that was lost waits so long before it runs again. 2 minutes by default.
write_conf() {
  cat <<CONF
ClusterName=holdfast
SlurmctldHost=localhost(127.0.0.1)
SlurmctldPort=$(free_port)
SlurmUser=$(id -un)
SlurmdUser=$(id -un)
AuthType=auth/munge
CredType=cred/munge
AuthInfo=socket=$dir/munge,cred_expire=6
StateSaveLocation=$dir/state
SlurmdSpoolDir=$dir/spool.%n
SlurmctldPidFile=$dir/slurmctld.pid
SlurmdPidFile=$dir/%n.pid
SlurmctldLogFile=$dir/log/slurmctld
SlurmdLogFile=$dir/log/%n
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
SwitchType=switch/none
MpiDefault=none
MailProg=/bin/true
ReturnToService=2
SlurmdTimeout=4
MessageTimeout=3
KillWait=15
SchedulerParameters=batch_sched_delay=0,sched_min_interval=0,bf_interval=1
CONF
  [[ -z $licenses ]] || echo "Licenses=$licenses"
  local node
  for ((node = 1; node <= nodes; ++node)); do
    echo "NodeName=n$node NodeHostName=localhost NodeAddr=127.0.0.1 Port=$(free_port) CPUs=$cpus RealMemory=$memory"
  done
  echo "PartitionName=all Nodes=n[1-$nodes] Default=YES MaxTime=INFINITE State=UP"
}

declare -A node_pid=()
start_node() {
  local own=()
  ((EUID == 0)) || own=(--user --map-current-user)
  # The first process of a node's namespace is a shell, which reaps what its tasks leave.
  # shellcheck disable=SC2016  # the inner shell expands it
  unshare "${own[@]}" --mount --pid --fork --kill-child --mount-proc bash -c 'slurmd -D -N "$1" & wait $!' node "$1" \
    >>"$dir/log/$1.out" 2>&1 &
  node_pid[$1]=$!
}

wait_for() {
  local what=$1
  shift
  for _ in {1..200}; do
    if "$@" >/dev/null 2>&1; then return 0; fi
    sleep 0.1
  done
  printf 'slurm-loopback: %s: not there after 20 s; see %s\n' "$what" "$dir/log" >&2
  tail -n 5 "$dir"/log/* >&2
  exit 1
}
all_idle() { [[ $(sinfo --noheader --Node --states=idle --format=%N | sort -u | wc -l) -eq $nodes ]]; }

write_conf >"$dir/slurm.conf"
(umask 077 && head -c 128 /dev/urandom >"$dir/key")
munged --foreground --force --socket="$dir/munge" --key-file="$dir/key" --pid-file="$dir/munged.pid" \
  --seed-file="$dir/seed" --log-file="$dir/log/munged" >"$dir/log/munged.out" 2>&1 &
wait_for munged test -S "$dir/munge"
slurmctld -D -i >"$dir/log/slurmctld.out" 2>&1 &
for ((node = 1; node <= nodes; ++node)); do start_node "n$node"; done
mkfifo "$dir/ctl"
wait_for "the cluster" all_idle
echo ready

while true; do
  # Opened for both, so that the end of one writer is not the end of the loop.
  while read -r verb node; do
    case $verb in
      kill)
        kill -KILL "${node_pid[$node]}" 2>/dev/null || true
        wait "${node_pid[$node]}" 2>/dev/null || true
        ;;
      start) start_node "$node" ;;
    esac
    : >"$dir/answer-$verb-$node"
  done <>"$dir/ctl"
done
