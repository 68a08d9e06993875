"""Where does a fleet break first? What was measured of a small one, and a simulation of a large one.

Costs per result and per host come from tools/bench --fleet (measured here, on this program); what computers, shared
folders and Slurm bear are assumptions, which stand in LIMITS with where they are from. The model says for each part
how much of it a night uses, and at how many hosts it is used up. The simulation plays the part that breaks by queueing:
signs of life of leases on a shared folder, which must come in time or the host is given up.
"""
import heapq
import random

NIGHT_S = 8 * 3600

# What one of each bears. Replace them with what yours does.
LIMITS = {
    "controller_cores": 16,
    "controller_mib": 64 * 1024,
    "controller_fds": 1024,            # the usual soft limit of a login; `ulimit -n` up to the hard one costs nothing
    "controller_processes": 30_000,    # pid_max is 32768 where cores are few
    "shared_ops_per_s": 10_000,        # small operations of an NFS server on flash
    "shared_fsync_ms": 1.0,            # of one, as its clients see it
    "shared_bytes_per_s": 500 << 20,
    "shared_files": 100_000_000,
    "shared_space": 4 << 40,           # bytes, for one night
    "readable_file": 256 << 20,        # kResultsLimit (reports/history/run_results.h): larger ones are not read back
    "merge_mib": 16 * 1024,            # of the computer that merges
    "merge_s": 1800,                   # that somebody waits for it in the morning
    "slurm_jobs": 10_000,              # MaxJobCount by default
    "slurm_starts_per_s": 50,          # tasks that slurmctld starts, sustained
}

# Of a result in the files that are read back, measured with `tools/bench --reports` (3 of 100 fail).
JOURNAL_BYTES = 2400
JUNIT_BYTES = 1340

# A lease: a sign of life every so often, and how long a holder goes on without (two thirds of expires_after).
BEAT_S = 10.0
EXPIRES_S = 60.0
# Of one sign of life: look up and read the lease, create, write, sync, rename (lab/lease/held.cc).
OPS_PER_BEAT = 8


def load_of(costs, hosts, results, hosts_per_controller, limits=None):
    """How much of each part's limit a night uses, and what that is made of: name -> (share, text)."""
    most = dict(LIMITS, **(limits or {}))
    rate = results / NIGHT_S
    controllers = max(1, -(-hosts // hosts_per_controller))
    on_one = min(hosts, hosts_per_controller)
    ops = rate * costs["ops_per_result"] + hosts / BEAT_S * OPS_PER_BEAT
    parts = {
        "controller: cores": (rate / controllers * costs["cpu_s_per_result"], most["controller_cores"], "cores"),
        "controller: memory": (costs["base_mib"] + on_one * costs["mib_per_host"], most["controller_mib"], "MiB"),
        "controller: descriptors": (on_one * costs["fds_per_host"], most["controller_fds"], "fds"),
        "controller: processes": (on_one * costs["processes_per_host"], most["controller_processes"], "processes"),
        "shared folder: operations": (ops, most["shared_ops_per_s"], "ops/s"),
        "shared folder: bytes": (rate * costs["bytes_per_result"], most["shared_bytes_per_s"], "bytes/s"),
        "shared folder: files of a night": (results * costs["files_per_result"], most["shared_files"], "files"),
        "shared folder: space of a night": (results * costs["bytes_per_result"], most["shared_space"], "bytes"),
        "reports: a run's journal": (results / controllers * JOURNAL_BYTES, most["readable_file"], "bytes"),
        "reports: the merged junit.xml": (results * JUNIT_BYTES, most["readable_file"], "bytes"),
        "reports: memory of the merge": (results * costs["merge_kib_per_result"] / 1024, most["merge_mib"], "MiB"),
        "reports: time of the merge": (results * costs["merge_ms_per_result"] / 1000, most["merge_s"], "s"),
        "slurm: jobs in the queue": (controllers, most["slurm_jobs"], "jobs"),
        "slurm: starts": (controllers / NIGHT_S * 10, most["slurm_starts_per_s"], "starts/s"),
    }
    return {name: (used / limit, f"{used:,.0f} of {limit:,} {unit}") for name, (used, limit, unit) in parts.items()}


def first_to_break(costs, results_per_host, hosts_per_controller, limits=None):
    """The parts in the order in which they are used up while hosts are added: (hosts, name)."""
    broken = {}
    hosts = 10
    while hosts <= 100_000_000 and len(broken) < 14:
        for name, (share, _) in load_of(costs, hosts, hosts * results_per_host, hosts_per_controller, limits).items():
            if share > 1:
                broken.setdefault(name, hosts)
        hosts = int(hosts * 1.1) + 1
    return sorted((hosts, name) for name, hosts in broken.items())


def simulate_beats(hosts, ops_per_s, background_ops=0.0, beat_s=BEAT_S, expires_s=EXPIRES_S, seconds=300, seed=1,
                   servers=16):
    """Plays signs of life on a shared folder that does `ops_per_s`, in `servers` at once; (longest wait in s, leases lost).

    Each holder renews, waits for the answer, and sleeps `beat_s`: so a slow folder slows them down, as it does in truth.
    A holder that had no answer for two thirds of `expires_s` gives its host up. `background_ops` take their share.
    """
    chance = random.Random(seed)
    left = max(1.0, ops_per_s - background_ops)
    service = OPS_PER_BEAT * servers / left
    free = [0.0] * servers
    heapq.heapify(free)
    due = [(chance.uniform(0, beat_s), host) for host in range(hosts)]
    heapq.heapify(due)
    patience = expires_s * 2 / 3
    renewed = [0.0] * hosts
    longest = 0.0
    lost = 0
    while due:
        now, host = heapq.heappop(due)
        if now > seconds:
            break
        done = max(now, heapq.heappop(free)) + service * chance.uniform(0.5, 1.5)
        heapq.heappush(free, done)
        longest = max(longest, done - now)
        if done - renewed[host] > patience:
            lost += 1  # given up: it beats no more
            continue
        renewed[host] = now
        heapq.heappush(due, (done + beat_s, host))
    return longest, lost


def most_hosts_without_loss(ops_per_s, **how):
    """By bisection, to 2 %."""
    low, high = 10, 10
    while simulate_beats(high, ops_per_s, **how)[1] == 0 and high < 400_000:
        low, high = high, high * 2
    while high - low > max(1, low // 50):
        middle = (low + high) // 2
        if simulate_beats(middle, ops_per_s, **how)[1] == 0:
            low = middle
        else:
            high = middle
    return low


def self_check():
    """The model must say what is plain without it; or it says nothing."""
    costs = dict(cpu_s_per_result=0.1, base_mib=40, mib_per_host=1, fds_per_host=3, processes_per_host=2,
                 ops_per_result=10, bytes_per_result=1000, files_per_result=5, merge_kib_per_result=1,
                 merge_ms_per_result=0.1)
    share = load_of(costs, 100, 1000, 100)["controller: descriptors"][0]
    assert abs(share - 300 / 1024) < 1e-9, share
    one = dict((n, h) for h, n in first_to_break(costs, 100, 10 ** 9))
    twice = dict((n, h) for h, n in first_to_break(dict(costs, fds_per_host=6), 100, 10 ** 9))
    assert twice["controller: descriptors"] < 0.6 * one["controller: descriptors"], (one, twice)
    assert simulate_beats(100, 10_000)[1] == 0, "an idle folder loses no lease"
    assert simulate_beats(2000, 50)[1] > 0, "one that is asked for far more than it can do loses some"


def report(costs, hosts, results, say):
    self_check()
    say(f"\na night of {hosts:,} hosts and {results:,} results ({results / NIGHT_S:.1f} a second)")
    for title, per_controller in (("one controller for all", hosts), ("a controller for 100 hosts", 100),
                                  ("a controller for each host (submit)", 1)):
        say(f"\n{title}:")
        for name, (share, text) in sorted(load_of(costs, hosts, results, per_controller).items(), key=lambda x: -x[1][0]):
            say(f"  {name:<36}{share:>9.1%}  {text}{'   BREAKS' if share > 1 else ''}")
    say(f"\nused up as hosts are added ({results // hosts} results each), a controller for 100:")
    for at, name in first_to_break(costs, results / hosts, 100):
        say(f"  {at:>12,} hosts  {name}")
    say("\nleases on one shared folder, played (most hosts that lose none):")
    for ops in (200, 1000):
        for beat, expires in ((10.0, 60.0), (30.0, 180.0)):
            most = most_hosts_without_loss(ops, beat_s=beat, expires_s=expires)
            say(f"  {ops:>7,} ops/s, a sign of life each {beat:.0f} s: {most:>8,} hosts")
