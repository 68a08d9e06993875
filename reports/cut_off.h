// What does a journal know of an attempt that was cut off?
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "harness/event.h"

namespace holdfast::reports {

/// One attempt, followed from event to event.
class AttemptSoFar {
 public:
  explicit AttemptSoFar(Where where) : where_(std::move(where)) {}

  /// `at`: the time that stands with it in the journal, "2001-09-09T01:46:40Z", or empty.
  void add(const Event& event, std::string_view at);

  const std::string& last_at() const { return last_at_; }
  /// Its end as the error that it is, harness.interrupted: in which phase, what it was about to do, and the last lines
  /// of its console, as evidence. `run_dir`: the run's folder.
  AttemptEnded cut_off(const std::filesystem::path& run_dir, bool several_targets) const;

 private:
  Where where_;
  std::string phase_ = "start";
  std::string intent_;  ///< the last one
  std::string first_at_;
  std::string last_at_;
  std::vector<std::string> lines_;
};

}  // namespace holdfast::reports
