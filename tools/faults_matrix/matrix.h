// Which faults are there, in which phases do they make sense, and what is right when they strike?
#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace holdfast::faults {

enum class Fault {
  kQemuKilled,
  kQemuStopped,
  kAgentKilled,
  kAgentStopped,
  kSocketCut,
  kHalfMessage,
  kConsoleSilent,
  kConsoleFlooded,
  kTerminated,
  kKilled,
  kPaused,
  kDiskFull,
  kFolderRemoved,
  kClockStepped,
  kNoMemory,
  kNoDescriptors,
  kBmcAway
};

/// What may come of it.
struct FaultRow {
  Fault fault;
  std::string_view name;    ///< "qemu-killed"
  std::string_view column;  ///< four letters for the table
  std::string_view
      verdicts;           ///< that are right for the case: "passed", "error lab.link", "error lab.*", with | between
  bool of_machine;        ///< strikes what a machine is made of; the run goes on, and its next case must pass
  std::string_view what;  ///< for --list
};

/// In the order of the table. "absent": the case has no result in junit.xml.
inline constexpr std::array<FaultRow, 17> kFaults{{
    {Fault::kQemuKilled, "qemu-killed", "qkil", "error lab.vm-killed", true, "QEMU gets SIGKILL"},
    {Fault::kQemuStopped, "qemu-stopped", "qstp", "error lab.vm-stuck", true, "QEMU gets SIGSTOP"},
    {Fault::kAgentKilled, "agent-killed", "akil", "error harness.agent-ended", true, "the agent ends in the guest"},
    {Fault::kAgentStopped, "agent-stopped", "astp", "error lab.link", true, "the agent serves no more"},
    {Fault::kSocketCut, "socket-cut", "cut", "error lab.vm-link", true, "the agent's socket is closed"},
    {Fault::kHalfMessage, "half-message", "half", "error lab.vm-link", true,
     "the next message breaks off in its middle"},
    {Fault::kConsoleSilent, "console-silent", "mute", "passed", true, "no byte more comes from the console"},
    {Fault::kConsoleFlooded, "console-flooded", "flod", "passed", true, "24 MiB of noise come from the console"},
    {Fault::kTerminated, "terminated", "term", "absent", false, "the controller gets SIGTERM"},
    {Fault::kKilled, "killed", "kill", "absent", false, "the controller gets SIGKILL"},
    // The pause may be longer than a phase may take: that is nobody's fault, and least of all the kernel's.
    {Fault::kPaused, "paused", "stop", "passed|error lab.timeout", true,
     "controller and case get SIGSTOP, and later SIGCONT"},
    {Fault::kDiskFull, "disk-full", "full", "passed|error lab.*|absent", false, "no byte is left for the output"},
    {Fault::kFolderRemoved, "folder-removed", "gone", "passed|error lab.*|absent", false,
     "the run's folder is removed"},
    {Fault::kClockStepped, "clock-stepped", "clck", "passed", true, "the wall clock is set back by 30 hours"},
    {Fault::kNoMemory, "no-memory", "mem", "passed|error lab.*|error harness.*|absent", false,
     "the process may allocate no more"},
    {Fault::kNoDescriptors, "no-descriptors", "fds", "passed|error lab.*|error harness.*|absent", false,
     "the process may open no more files"},
    {Fault::kBmcAway, "bmc-away", "bmc", "", true, "the BMC does not answer"},
}};

const FaultRow& row_of(Fault fault);

/// The phases of the table: those of a case, and what stands before and behind them.
inline constexpr std::array<std::string_view, 13> kPhases{"lease",    "boot",    "connect", "snapshot", "bind",
                                                          "preserve", "load",    "kexec",   "wait",     "verify",
                                                          "retrieve", "restore", "report"};

struct Combination {
  std::string_view phase;
  Fault fault;
  /// "kexec/qemu-killed"
  std::string name() const;
};

/// Why it makes no sense; empty: it does.
std::string_view left_out_because(const Combination& combination);

/// All that make sense.
std::vector<Combination> sensible_combinations();

/// The combinations whose name one of `globs` matches; without any, all. Sensible ones only.
std::vector<Combination> chosen(const std::vector<std::string>& globs);

}  // namespace holdfast::faults
