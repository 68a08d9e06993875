"""What tools/bench measures of size: reports of very many results, and one controller with very many targets."""
import json
import os
import resource
import shutil
import subprocess
import threading
import time
from pathlib import Path

LIMIT_S = 600
FLEET_CASE = "Addresses.PlainKexecMovesNothing"


def build_program(build, name):
    """Builds one of the programs that only tools/bench uses; where it is."""
    subprocess.run(["cmake", "--build", build, "--target", name], check=True, stdout=subprocess.DEVNULL)
    return Path(build) / name


def run_measured(argv, **options):
    """Runs a program; its output, seconds, CPU seconds and peak memory in MiB."""
    begin = time.monotonic()
    process = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **options)
    output = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    took = time.monotonic() - begin
    return process.returncode, output, {"took_s": took, "cpu_s": usage.ru_utime + usage.ru_stime,
                                        "peak_mib": usage.ru_maxrss / 1024}


def measure_reports(figures, holdfast, build, work, results):
    """Writes the reports of a run of so many results, and merges two halves of it."""
    program = build_program(build, "holdfast-bench-reports")
    folder = work / "reports"
    for name, count in (("tenth", results // 10), ("whole", results), ("half-1", results // 2), ("half-2", results // 2)):
        code, output, use = run_measured([program, folder / name, str(count)])
        if code != 0:
            raise RuntimeError(f"{program.name}: exit code {code}\n{output[-2000:]}")
        if name not in ("tenth", "whole"):
            continue
        busy = json.loads(output)
        figures.add(f"reports_{name}_s", busy["record_s"] + busy["html_s"] + busy["junit_s"])
        figures.add(f"reports_{name}_peak_mib", use["peak_mib"])
    shutil.rmtree(folder / "whole")
    code, output, use = run_measured([holdfast, "report", "merge", folder / "half-1", folder / "half-2", "--out",
                                      folder / "merged"])
    if code not in (0, 1, 2):
        raise RuntimeError(f"holdfast report merge: exit code {code}\n{output[-2000:]}")
    figures.add("merge_s", use["took_s"])
    figures.add("merge_peak_mib", use["peak_mib"])
    shutil.rmtree(folder)


class Watch(threading.Thread):
    """Threads, descriptors and memory of a process, at their highest."""

    def __init__(self, pid):
        super().__init__(daemon=True)
        self.folder = Path(f"/proc/{pid}")
        self.most = {"threads": 0, "fds": 0, "peak_mib": 0.0}

    def run(self):
        while True:
            try:
                status = dict(line.split(":", 1) for line in (self.folder / "status").read_text().splitlines())
                fds = len(os.listdir(self.folder / "fd"))
            except OSError:
                return
            if "VmHWM" not in status:
                return
            self.keep("threads", int(status["Threads"]))
            self.keep("fds", fds)
            self.keep("peak_mib", int(status["VmHWM"].split()[0]) / 1024)
            time.sleep(0.05)

    def keep(self, name, value):
        self.most[name] = max(self.most[name], value)


class CaseProcesses(threading.Thread):
    """How much memory the processes of the cases take, each, and how many there are at once."""

    def __init__(self, pid):
        super().__init__(daemon=True)
        self.pid = pid
        self.mib_each = 0.0
        self.most = 0
        self.over = threading.Event()

    def run(self):
        while not self.over.wait(1.0):
            sizes_kib = []
            for child in children_of(self.pid):
                try:
                    rollup = Path(f"/proc/{child}/smaps_rollup").read_text()
                except OSError:
                    continue
                sizes_kib += [int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Pss:")]
            if len(sizes_kib) >= self.most:
                self.most = len(sizes_kib)
                self.mib_each = sum(sizes_kib) / 1024 / max(1, len(sizes_kib))


def children_of(pid):
    try:
        return [int(child) for task in os.listdir(f"/proc/{pid}/task")
                for child in Path(f"/proc/{pid}/task/{task}/children").read_text().split()]
    except OSError:
        return []


def fleet_command(holdfast, build, folder, kernel, hosts):
    """Lays out a fleet of simulated machines; the command that runs one case on each, and its environment."""
    machine = build_program(build, "holdfast-bench-machine")
    (folder / "bin").mkdir(parents=True)
    (folder / "bin/qemu-system-x86_64").symlink_to(machine.resolve())
    inventory = folder / "lab.toml"
    inventory.write_text("".join(f'[[vm]]\nname = "sim-{i:04}"\naccel = "tcg"\n' for i in range(hosts)))
    environment = dict(os.environ, PATH=f"{folder / 'bin'}:{os.environ['PATH']}",
                       HOLDFAST_FLEET_BUILD_ID=kernel["build_id"], HOLDFAST_FLEET_RELEASE=kernel["release"],
                       HOLDFAST_FLEET_BOOT_MS="5000")
    return [holdfast, "run", "--kernel", kernel["path"], "--lab", inventory, "--jobs", "1", "-q", "--filter", FLEET_CASE,
            "--out", folder / "out"], environment


def measure_fleet(figures, holdfast, build, work, kernel, hosts):
    """One case on each of so many simulated machines, all at once, through the whole program."""
    folder = work / "fleet"
    argv, environment = fleet_command(holdfast, build, folder, kernel, hosts)
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    begin = time.monotonic()
    process = subprocess.Popen(argv, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    watch, cases = Watch(process.pid), CaseProcesses(process.pid)
    watch.start()
    cases.start()
    output = process.communicate(timeout=LIMIT_S)[0]
    took = time.monotonic() - begin
    cases.over.set()
    watch.join()
    cases.join()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if process.returncode != 0:
        raise RuntimeError(f"the fleet: exit code {process.returncode}\n{output[-3000:]}")
    tally = json.loads((folder / "out/latest/manifest.json").read_text())["tally"]
    figures.add("fleet_hosts", hosts)
    figures.add("fleet_passed", tally["passed"])
    figures.add("fleet_s", took)
    figures.add("fleet_controller_peak_mib", watch.most["peak_mib"])
    figures.add("fleet_threads_per_host", watch.most["threads"] / hosts)
    figures.add("fleet_fds_per_host", watch.most["fds"] / hosts)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    figures.add("fleet_cpu_s_per_host", cpu / hosts)  # the machines' own among it
    figures.add("fleet_case_process_mib", cases.mib_each)
    files = [path for path in (folder / "out").rglob("*") if path.is_file() and not path.is_symlink()]
    figures.add("fleet_files_per_result", len(files) / hosts)
    figures.add("fleet_bytes_per_result", sum(path.stat().st_size for path in files) / hosts)
    shutil.rmtree(folder)


def measure_file_operations(figures, holdfast, build, work, kernel, hosts=20):
    """What a result asks of the folder that it goes to: every call that names a file there, and every sync."""
    folder = work / "fleet-traced"
    argv, environment = fleet_command(holdfast, build, folder, kernel, hosts)
    trace = work / "fleet.trace"
    calls = "trace=%file,fsync,fdatasync"
    code, output, _ = run_measured(["strace", "-f", "-qq", "-y", "-s", "300", "-e", calls, "-o", trace, *argv],
                                   env=environment)
    if code != 0:
        raise RuntimeError(f"the traced fleet: exit code {code}\n{output[-3000:]}")
    operations = syncs = 0
    with trace.open(errors="replace") as lines:
        for line in lines:
            if str(folder / "out") in line:
                operations += 1
                syncs += "sync(" in line
    figures.add("fleet_file_calls_per_result", operations / hosts)
    figures.add("fleet_syncs_per_result", syncs / hosts)
    trace.unlink()
    shutil.rmtree(folder)
