// What does the core tell the world? Typed events, in the order in which things happen; reports and journal only
// listen.
#pragma once

#include <array>
#include <chrono>
#include <map>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "harness/verdict.h"

namespace holdfast {

using Properties = std::map<std::string, std::string>;

/// A case and the device it runs on. Stable from run to run.
struct CaseId {
  std::string suite;   ///< theme: "Preserve"
  std::string name;    ///< requirement: "DeviceKeepsItsAddress"
  std::string device;  ///< role: "e1000e"; empty when the case is about no single device

  /// "Preserve.DeviceKeepsItsAddress" or "Preserve.DeviceKeepsItsAddress/e1000e".
  std::string key() const;
  /// "Preserve.e1000e": JUnit's classname.
  std::string classname() const;
  auto operator<=>(const CaseId&) const = default;
};

/// Which attempt at which case on which target an event belongs to.
struct Where {
  std::string target;
  CaseId id;
  int attempt = 1;
};

/// The folder of an attempt, relative to the run's: "cases/Preserve.DeviceKeepsItsAddress/e1000e/attempt-1". In a run
/// of `several_targets` the same case may be on each: ".../e1000e/metal-1/attempt-1".
std::string attempt_dir(const Where& where, bool several_targets = false);

struct RunStarted {
  std::string run_id;
  std::string out_dir;    ///< the run's own folder, absolute
  int planned = 0;        ///< cases that will run
  int skipped = 0;        ///< cases that the plan skips
  Properties properties;  ///< program version, git commit, host, command line
};
/// Facts about a suite ("<target>/<kernel A>..<kernel B>") as they become known; later ones win.
struct SuiteFacts {
  std::string suite;
  Properties properties;
};
struct CaseStarted {
  Where where;
};
struct PhaseStarted {
  Where where;
  std::string phase;  ///< "boot", "bind", "kexec"...
};
struct PhaseEnded {
  Where where;
  std::string phase;
  std::chrono::milliseconds took{0};
  bool ok = true;
};
/// A moment on the way of a device across a kexec, on the controller's clock.
struct Milestone {
  Where where;
  int kexec = 1;                    ///< of the attempt, counted from 1
  std::string device;               ///< role; empty: the whole machine's
  std::string name;                 ///< one of kMilestones
  std::chrono::milliseconds at{0};  ///< since the old kernel left

  /// "agent", "first-mmio/e1000e"; of a case's second kexec "agent#2".
  std::string key() const;
};
/// Their names, in the order in which they come. What was not seen is not told: a console that is quiet has no bytes.
inline constexpr std::array<std::string_view, 7> kMilestones{
    "exec",          // the old kernel's agent said that it leaves: zero
    "a-last-byte",   // the last byte of the old kernel on the console
    "b-first-byte",  // the first one of the next kernel
    "init",          // the next kernel's process 1 began, which is the agent
    "agent",         // the agent answers the controller
    "retrieved",     // the device's file came out of its session
    "first-mmio",    // a register in a BAR of the retrieved device was read
};
/// The milestone that a key is of, without kexec and device: "first-mmio".
std::string_view milestone_of(std::string_view key);
/// One attempt is over.
struct AttemptEnded {
  Where where;
  Verdict verdict;
  std::chrono::milliseconds took{0};
  Properties properties;  ///< boot ids, nonce, BDF, accel...
  std::string dir;        ///< the attempt's folder, relative to the run's
};
/// A case is decided: what reports count.
struct CaseSettled {
  std::string suite;
  std::string target;
  CaseId id;
  Verdict verdict;
  std::vector<AttemptEnded> attempts;                                ///< empty for a case that the plan skipped
  std::map<std::string, std::chrono::milliseconds> phases;           ///< of the last attempt
  std::string replay;                                                ///< the command that runs this case alone
  std::map<std::string, std::chrono::milliseconds> milestones = {};  ///< of the last attempt, by Milestone::key()
};
/// About to do something that could leave traces behind if the program dies now: the journal syncs before it returns.
struct Intent {
  Where where;
  std::string action;  ///< "start-vm", "vfio-bind", "kexec"
  Properties details;
};
/// A kernel warned, and the lab's ignore list lets it pass: it fails nothing, but is told.
struct FindingAllowed {
  Where where;
  std::string kind;     ///< "warn"
  std::string title;    ///< as the kernel put it
  std::string phase;    ///< in which it fell
  std::string kernel;   ///< "A", "B"...
  std::string pattern;  ///< the entry's title
  std::string reason;   ///< the entry's reason
};
/// One rung of the ladder that brings a machine back, tried because of `why`. It comes between cases.
struct Recovery {
  std::string target;
  std::string rung;  ///< "ssh reboot", "power cycle", "quarantine"...
  bool ok = false;   ///< the machine was healthy after it
  std::chrono::milliseconds took{0};
  std::string why;  ///< what was wrong before it; when not ok, what still is
};
/// Something a reader should know that changes no verdict: a fall back to TCG, a cleanup that failed.
struct Note {
  enum class Level { kInfo, kWarning };
  Level level = Level::kInfo;
  std::string text;
};
struct RunEnded {
  Tally tally;
  bool interrupted = false;
  int exit_code = 0;
  std::chrono::milliseconds took{0};
};

using Event = std::variant<RunStarted, SuiteFacts, CaseStarted, PhaseStarted, PhaseEnded, AttemptEnded, CaseSettled,
                           Intent, FindingAllowed, Recovery, Note, RunEnded, Milestone>;

/// Takes events. Calls come one at a time (the run serialises them) and must not throw.
class EventSink {
 public:
  virtual ~EventSink() = default;
  virtual void on(const Event& event) = 0;
};

}  // namespace holdfast
