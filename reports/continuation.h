// How does a run go on in the folder of one that was cut off?
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "harness/base/result.h"
#include "harness/event.h"
#include "harness/run.h"

namespace holdfast::reports {

/// By target.
using CaseKey = std::pair<std::string, CaseId>;

/// How the run before is taken up.
struct TakeUp {
  Properties same = {};            ///< that both runs must have alike, such as the kernels' build-ids
  std::string otherwise = {};      ///< what to do when they do not, besides what is always told
  bool errors_again = false;       ///< cases that ended in an error: what cut the run off may be what broke them
  bool interrupted_again = false;  ///< cases that were settled as interrupted
};

/// What the run before left, and what goes on from there.
struct Continuation {
  std::string run_id;
  /// All that was told, but for the end of the run and for what is tried again. An attempt that was cut off ends in
  /// an error, harness.interrupted, with what the journal knows of it.
  std::vector<Event> kept;
  std::map<CaseKey, Outcome> settled;
  std::map<CaseKey, Begun> begun;
  std::string journal;  ///< tells of what is kept and nothing else
};

/// Reads the folder's journal and changes nothing. Nothing when there is no journal, or one without a beginning.
/// Errors: harness.usage when `same` differs; harness.broken; lab.io.
Result<std::optional<Continuation>> look_up(const std::filesystem::path& folder, const TakeUp& how);

/// The same, and puts the journal into place in one step: however often a run is cut off, no case that was settled is
/// lost or is there twice, and no attempt is forgotten. Removes a journal without a beginning.
Result<std::optional<Continuation>> take_up(const std::filesystem::path& folder, const TakeUp& how);

/// In front of all consumers: tells them what was kept as soon as the run has begun.
class Retelling : public EventSink {
 public:
  Retelling(EventSink& inner, std::vector<Event> kept) : inner_(inner), kept_(std::move(kept)) {}
  void on(const Event& event) override;

 private:
  EventSink& inner_;
  std::vector<Event> kept_;
};

/// In front of the journal, which has the beginning and `kept` events already: lets through what is new.
class NewOnly : public EventSink {
 public:
  NewOnly(std::unique_ptr<EventSink> inner, size_t kept) : inner_(std::move(inner)), kept_(kept) {}
  void on(const Event& event) override;

 private:
  std::unique_ptr<EventSink> inner_;
  size_t kept_;
  size_t to_come_ = 0;
};

}  // namespace holdfast::reports
