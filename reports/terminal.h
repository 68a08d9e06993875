// What does somebody see who waits for the run?
#pragma once

#include <chrono>
#include <condition_variable>
#include <filesystem>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "harness/event.h"
#include "reports/history/expected_times.h"
#include "reports/screen.h"

namespace holdfast::reports {

/// kQuiet: only what did not work, and the summary. kVerbose: phases too, as they begin and end.
enum class Verbosity { kQuiet, kNormal, kVerbose };

struct TerminalOptions {
  Verbosity verbosity = Verbosity::kNormal;
  std::filesystem::path junit = {};  ///< where the summary says the report is; empty: junit.xml in the run's folder
  /// How long the planned cases took in an earlier run, by target and CaseId::key(); for the time that is left.
  ExpectedTimes expected = {};
};

/// Prints a line per settled case, more under one that did not pass, and a summary. On a live screen there is a line
/// beneath for each case that runs, with its phase, and one for the whole with the time that is left; they are drawn
/// again every second by a thread of its own.
///
/// The header shows the properties "target", "kernel", "next_kernel" and "accel" of RunStarted as far as they are
/// there; a suite's first line shows its name and its fact "accel".
class TerminalReport : public EventSink {
 public:
  /// `screen` outlives the report.
  TerminalReport(Screen& screen, TerminalOptions options);
  ~TerminalReport() override;

  void on(const Event& event) override;

 private:
  using Clock = std::chrono::steady_clock;
  /// An attempt that is under way.
  struct Running {
    std::string key;
    std::string target;
    std::string phase;
    Clock::time_point since;  ///< of the phase
    Clock::time_point begun;  ///< of the case
  };

  void show(const RunStarted& event);
  void show(const SuiteFacts& event);
  void show(const CaseStarted& event);
  void show(const PhaseStarted& event);
  void show(const PhaseEnded& event);
  void show(const AttemptEnded& event);
  void show(const CaseSettled& event);
  void show(const Intent& event);
  void show(const FindingAllowed& event);
  void show(const Recovery& event);
  void show(const Milestone& event);
  void show(const Note& event);
  void show(const RunEnded& event);

  void show_suite(const std::string& suite);
  void show_what_failed(const CaseSettled& event);
  void show_evidence(const CaseSettled& event);
  std::string phases_text(const CaseSettled& event) const;
  Running& running(const Where& where);
  void draw();
  Line total_line() const;
  std::optional<std::chrono::milliseconds> left() const;
  void keep_drawing(const std::stop_token& stop);

  Screen& screen_;
  TerminalOptions options_;
  std::mutex mutex_;  ///< guards all below against the drawing thread
  RunStarted started_;
  int settled_ = 0;
  Clock::time_point begun_ = Clock::now();
  std::chrono::milliseconds spent_{0};  ///< by the settled cases that ran
  int ran_ = 0;                         ///< how many those are
  std::set<std::pair<std::string, std::string>> over_;
  size_t lanes_ = 1;  ///< the most cases that ran side by side
  std::vector<Running> running_;
  std::vector<std::string> phase_order_;  ///< phases in the order in which the run came to them
  std::map<std::string, Properties> suites_;
  std::set<std::string> suites_shown_;
  std::set<std::string> targets_;
  std::vector<std::pair<Outcome, std::string>> not_passed_;
  std::condition_variable_any wake_;
  std::jthread drawer_;  ///< last: ends before what it uses
};

}  // namespace holdfast::reports
