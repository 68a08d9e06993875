// How is one fault made in one phase of a real run?
//
// holdfast is started with a point at which it holds (harness/hold_point.h); there the fault is made, and the run goes
// on. A fault of the machine in its boot needs no hold: firmware and kernel take long enough. Then all is looked at
// that the run left, and a case is run after it: in the same run where that goes on, else in another one.
#include "tools/faults_matrix/cell.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/stat.h>

#include <algorithm>
#include <optional>

#include "harness/base/file.h"
#include "harness/base/text.h"
#include "harness/e2e/program.h"
#include "harness/kernel/data_dir.h"
#include "harness/timeouts.h"
#include "reports/journal.h"
#include "tools/faults_matrix/relay.h"
#include "tools/faults_matrix/strike.h"

namespace holdfast::faults {
namespace fs = std::filesystem;
namespace {

constexpr const char* kCase = "Retrieve.DeviceComesBackAndWorks";
constexpr const char* kCaseInReport = "Retrieve.e1000e.DeviceComesBackAndWorks";
constexpr const char* kNext = "Sessions.ImpossibleNamesAreRefused";  // of a suite behind the other, and cheap
constexpr Millis kReachLimit{240'000};
constexpr Millis kRunLimit{300'000};
constexpr Millis kPause{60'000};
/// Besides two phases: diagnosis, the release of the machine, the next case.
constexpr Millis kRest{40'000};
/// Within its phase, and not at the begin of it.
constexpr Millis kIntoThePhase{30};

class Cell {
 public:
  Cell(const Bench& bench, const Combination& combination, fs::path folder)
      : bench_(bench), combination_(combination), row_(row_of(combination.fault)), folder_(std::move(folder)) {}

  Observation try_out() {
    if (!prepare()) return seen_;
    auto run = Process::start(command(goes_on() ? fmt::format("{}:{}", kCase, kNext) : kCase, /*with_hold=*/true));
    if (!run) return trouble(run.error().what);
    if (!reach(*run)) return seen_;
    make_fault(*run);
    look();
    follow();
    return std::move(seen_);
  }

  /// Without a fault: what the two cases come to.
  std::string just_run() {
    if (!prepare()) return seen_.trouble;
    auto run = holdfast::run(command(fmt::format("{}:{}", kCase, kNext), false), Deadline::after(kRunLimit));
    return run && run->status.success() ? "" : read_output();
  }

 private:
  bool goes_on() const { return row_.of_machine; }
  fs::path out() const { return folder_ / "out"; }
  bool without_hold() const {
    return combination_.phase == "boot" && row_.of_machine && combination_.fault != Fault::kPaused &&
           combination_.fault != Fault::kClockStepped;
  }
  Observation trouble(std::string what) {
    seen_.trouble = std::move(what);
    return seen_;
  }
  std::string read_output() const {
    auto text = read_file(folder_ / "output");
    return text ? *std::move(text) : "";
  }

  bool prepare() {
    for (const char* name : {"out", "tmp", "hold"}) {
      if (auto made = make_dirs(folder_ / name); !made) return seen_.trouble = made.error().what, false;
    }
    static_cast<void>(write_file(folder_ / "clock", std::string(8, '\0')));
    if (combination_.fault == Fault::kDiskFull) seen_.trouble = mount_small_disk(out());
    return seen_.trouble.empty();
  }

  Command command(const std::string& filter, bool with_hold) {
    output_ = *open_file(folder_ / "output", O_WRONLY | O_CREAT | O_APPEND);
    Command command{.argv = {(bench_.bin / "holdfast").string(), "run", "--jobs", "1", "--device", "e1000e", "--accel",
                             "tcg", "--filter", filter, "--timeout-scale", fmt::format("{}", bench_.scale)},
                    .env = {{"HOLDFAST_OUT", out().string()},
                            {"HOLDFAST_CACHE", bench_.cache.string()},
                            {"HOLDFAST_FAULT_DIR", folder_.string()},
                            {"TMPDIR", (folder_ / "tmp").string()},
                            {"PATH", fmt::format("{}:{}", bench_.bin.string(), std::getenv("PATH"))}},
                    .stdout_fd = output_.get(),
                    .stderr_fd = output_.get()};
    if (!with_hold) return command;
    // A machine that goes on from a snapshot has booted when it begins.
    if (combination_.phase == "boot" || combination_.phase == "connect") command.argv.emplace_back("--cold");
    if (!without_hold()) {
      command.env["HOLDFAST_HOLD"] = fmt::format("{}:{}:{}", kCase, combination_.phase, (folder_ / "hold").string());
    }
    if (combination_.fault == Fault::kClockStepped) {
      command.env["LD_PRELOAD"] = bench_.clock.string();
      command.env["HOLDFAST_FAULT_CLOCK"] = (folder_ / "clock").string();
    }
    return command;
  }

  /// Waits until the run is where it is to be struck.
  bool reach(Process& run) {
    const Deadline deadline = Deadline::after(kReachLimit);
    while (!deadline.expired()) {
      const auto held = read_file(folder_ / "hold/held");
      const auto pid = held ? parse_u64(trim(*held)) : std::nullopt;
      if (pid) victim_.at_point = static_cast<pid_t>(*pid);
      const bool there = without_hold() ? order(folder_, "hello") : pid.has_value();
      victim_ = {.controller = run.pid(),
                 .at_point = victim_.at_point,
                 .folder = folder_,
                 .out = out(),
                 .clock = folder_ / "clock"};
      if (there) return true;
      if (run.poll()) return seen_.trouble = "the run ended before it came to the phase: " + read_output(), false;
      wait_until(deadline.at_most(Millis(5)));
    }
    seen_.trouble = "the run did not come to the phase";
    return false;
  }

  Millis limit() const {
    const auto scaled = [&](Millis time) { return std::chrono::duration_cast<Millis>(time * bench_.scale); };
    if (combination_.fault == Fault::kTerminated || combination_.fault == Fault::kKilled) return Millis(15'000);
    const Millis pause = combination_.fault == Fault::kPaused ? scaled(kPause) : Millis(0);
    const auto phase = phase_from(combination_.phase);
    return scaled(phase ? limit_of(*phase) : limit_of(Phase::kBoot)) + scaled(limit_of(Phase::kWait)) + kRest + pause;
  }

  void make_fault(Process& run) {
    const auto began = Deadline::Clock::now();
    seen_.limit = limit();
    seen_.trouble = strike(combination_.fault, victim_);
    static_cast<void>(write_file(folder_ / "hold/released", ""));
    if (combination_.fault == Fault::kPaused) {
      wait_until(Deadline::after(kIntoThePhase));
      pause(victim_, std::chrono::duration_cast<Millis>(kPause * bench_.scale));
    }
    const auto ended = run.wait(Deadline::after(std::max(kRunLimit, seen_.limit)));
    seen_.timed_out = !ended;
    seen_.status = ended ? *ended : run.stop();
    seen_.took = std::chrono::duration_cast<Millis>(Deadline::Clock::now() - began);
  }

  void look() {
    seen_.output = read_output();
    look_for_leftovers();
    const fs::path run = out() / "latest";
    const auto reports = e2e::read_junit(run / "junit.xml");
    seen_.report_sound = fs::exists(run / "junit.xml") && xml_is_sound(run / "junit.xml");
    seen_.verdict = verdict_in(reports, kCaseInReport);
    seen_.next = verdict_in(reports, kNext);
    if (const auto found = reports.find(kCaseInReport); found != reports.end()) {
      seen_.explained = !found->second.message.empty() && !found->second.text.empty();
    }
    std::error_code absent;
    seen_.console_kept = fs::file_size(run / "cases" / kCase / "e1000e/attempt-1/console.log", absent) > 0 && !absent;
    const auto journal = reports::read_journal(run / "journal.jsonl");
    seen_.journal_sound = journal && journal->broken.empty();
    seen_.journal_tells = journal && std::ranges::any_of(journal->events, [](const Event& event) {
                            const auto* begun = std::get_if<CaseStarted>(&event);
                            return begun != nullptr && begun->where.id.name == "DeviceComesBackAndWorks";
                          });
  }

  static bool xml_is_sound(const fs::path& file) {
    const auto checked =
        holdfast::run({.argv = {"xmllint", "--noout", file.string()}}, Deadline::after(Millis(30'000)));
    return checked && checked->status.success();
  }

  static std::string verdict_in(const std::map<std::string, e2e::CaseReport>& reports, const std::string& name) {
    const auto found = reports.find(name);
    if (found == reports.end()) return "absent";
    const auto& [verdict, type, message, text] = found->second;
    return type.empty() ? verdict : verdict + " " + type;
  }

  /// What is gone in a moment is not left behind.
  void look_for_leftovers() {
    const std::string own = "HOLDFAST_FAULT_DIR=" + folder_.string();
    const Deadline deadline = Deadline::after(Millis(10'000));
    auto left = processes_of(own);
    while (!left.empty() && !deadline.expired()) {
      wait_until(deadline.at_most(Millis(20)));
      left = processes_of(own);
    }
    for (const pid_t pid : left) {
      const auto name = read_file(fmt::format("/proc/{}/comm", pid));
      seen_.left.push_back(fmt::format("process {} ({})", pid, name ? trim(*name) : "?"));
      ::kill(pid, SIGKILL);
    }
    const bool killed = combination_.fault == Fault::kKilled;
    for (const char* place : {"out", "tmp"}) {
      for (const auto& entry : fs::recursive_directory_iterator(folder_ / place)) {
        // Who was killed cannot remove a socket, which is of no use to anybody: the next run makes its own.
        const bool socket = entry.is_socket() && !killed;
        const bool temporary = std::string_view(place) == "tmp" && !entry.is_directory();
        if (socket || temporary) seen_.left.push_back(entry.path().string());
      }
    }
    const auto mounts = read_file("/proc/self/mountinfo");
    if (mounts && mounts->find((folder_ / "out/").string()) != std::string::npos) seen_.left.emplace_back("a mount");
  }

  /// The case after it, where it was not in the same run.
  void follow() {
    if (goes_on()) return;
    if (combination_.fault == Fault::kDiskFull) make_room(out());
    auto next = Process::start(command(kNext, /*with_hold=*/false));
    const auto status = next ? next->wait(Deadline::after(kRunLimit)) : Result<ExitStatus>(next.error());
    if (!status) return void(seen_.next = status.error().what);
    seen_.next = verdict_in(e2e::read_junit(out() / "latest/junit.xml"), kNext);
    if (!status->success()) seen_.next += fmt::format(", but {}", status->describe());
    look_for_leftovers();
  }

  const Bench& bench_;
  const Combination combination_;
  const FaultRow& row_;
  const fs::path folder_;
  Fd output_;
  Victim victim_;
  Observation seen_;
};

Result<void> make_script(const fs::path& file, const std::string& text) {
  TRY(write_file(file, text));
  if (::chmod(file.c_str(), 0755) != 0) return system_error(fmt::format("make {} a program", file.string()), errno);
  return {};
}

}  // namespace

Result<Bench> set_up(const fs::path& folder, const fs::path& program) {
  Bench bench{.bin = folder / "bin",
              .clock = program.parent_path() / "libholdfast-stepped-clock.so",
              .cache = folder / "cache"};
  TRY(make_dirs(bench.bin));
  TRY(make_dirs(bench.cache));
  const auto qemu = find_program("qemu-system-x86_64");
  if (!qemu) return lab_error("missing-program", "there is no qemu-system-x86_64 in PATH");
  const fs::path relay = bench.bin / "relay";
  TRY(make_script(
      bench.bin / "qemu-system-x86_64",
      fmt::format("#!/bin/sh\nexec {} relay {} \"$@\"\n", shell_quote(relay.string()), shell_quote(qemu->string()))));
  // Copies: a build that goes on beside this changes nothing here.
  std::error_code failed;
  fs::copy_file("/proc/self/exe", relay, failed);
  if (!failed) fs::copy_file(program, bench.bin / "holdfast", failed);
  if (!failed) fs::copy_file(program.parent_path() / "holdfast-faulty-agent", bench.bin / "holdfast-agent", failed);
  if (!failed) fs::create_symlink(fs::canonical(program.parent_path() / "fixtures"), bench.bin / "fixtures", failed);
  const fs::path cache = TRY(cache_dir());
  for (const char* part : {"kernels", "names"}) {
    if (!failed) fs::create_symlink(cache / part, bench.cache / part, failed);
  }
  if (failed) return system_error(fmt::format("make {}", folder.string()), failed.value());
  return bench;
}

Result<void> warm_up(const Bench& bench, const fs::path& folder) {
  const std::string said = Cell(bench, {"verify", Fault::kConsoleSilent}, folder).just_run();
  if (said.empty()) return {};
  return lab_error("bench", fmt::format("without any fault the cases do not pass:\n{}", said));
}

Observation try_out(const Bench& bench, const Combination& combination, const fs::path& folder) {
  return Cell(bench, combination, folder).try_out();
}

}  // namespace holdfast::faults
