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

namespace holdfast::reports {

/// What the run before left, and what goes on from there.
struct Continuation {
  std::string run_id;
  /// Of cases that were judged or skipped, and of the suites: all that was told of them. A case that ended in an error
  /// is not among them: what cut the run off may well be what broke it.
  std::vector<Event> kept;
  std::map<std::pair<std::string, CaseId>, Outcome> settled;  ///< by target
};

/// Reads the folder's journal, and makes it one that tells of what is kept and nothing else, in one step: however often
/// a run is cut off, no case that was settled is lost or is there twice. The folders of attempts that are not kept are
/// removed. Nothing when there is no journal, or one without a beginning.
///
/// `same`: properties that both runs must have alike, such as the kernels' build-ids. Errors: harness.usage when they
/// differ; harness.broken; lab.io.
Result<std::optional<Continuation>> take_up(const std::filesystem::path& folder, const Properties& same);

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
