// How do several runs become one report?
#include "reports/history/merge.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <utility>

#include "harness/base/text.h"

namespace holdfast::reports {

namespace fs = std::filesystem;

namespace {

/// The deepest folder above all runs' folders, or that of the only run.
fs::path common_folder(const std::vector<const RunResults*>& runs) {
  fs::path common = runs.front()->folder;
  for (const RunResults* run : runs) {
    fs::path shared;
    const auto [end, other] = std::mismatch(common.begin(), common.end(), run->folder.begin(), run->folder.end());
    for (auto part = common.begin(); part != end; ++part) shared /= *part;
    common = shared;
  }
  return common;
}

/// Rewrites the events of one run after another.
class Merge {
 public:
  explicit Merge(const fs::path& folder) { started_.out_dir = folder.string(); }

  void add(const RunResults& run) {
    run_ = &run;
    base_ = highest_;
    const fs::path below = run.folder.lexically_relative(started_.out_dir);
    prefix_ = below == "." ? fs::path() : below;
    bool ended = false;
    for (size_t i = 0; i < run.log.events.size(); ++i) {
      Event event = run.log.events[i];
      ended = ended || std::holds_alternative<RunEnded>(event);
      if (std::visit([this](auto& one) { return keep(one); }, event)) {
        log_.events.push_back(std::move(event));
        log_.times.push_back(run.log.times[i]);
      }
    }
    interrupted_ = interrupted_ || !ended;
  }

  JournalEvents take() {
    started_.run_id = join(ids_, "+");
    log_.events.insert(log_.events.begin(), started_);
    log_.times.insert(log_.times.begin(), log_.times.empty() ? WallClock::time_point() : log_.times.front());
    const Tally tally = record_of(log_).tally();
    log_.times.push_back(log_.times.back());
    log_.events.push_back(RunEnded{
        .tally = tally, .interrupted = interrupted_, .exit_code = exit_code(tally, interrupted_), .took = took_});
    return std::move(log_);
  }

 private:
  using CaseKey = std::pair<std::string, CaseId>;

  // Each: makes one event the merged run's, or says that it is left out.

  bool keep(RunStarted& event) {
    if (const std::string name = run_->name(); !name.empty()) ids_.push_back(name);
    started_.planned += event.planned;
    started_.skipped += event.skipped;
    // What is true of one run is no property of all: it goes to the run's suites.
    for (const auto& [name, suite] : run_->record.suites()) {
      log_.events.emplace_back(SuiteFacts{.suite = name, .properties = event.properties});
      log_.times.push_back(suite.begun);
    }
    return false;
  }
  bool keep(RunEnded& event) {
    interrupted_ = interrupted_ || event.interrupted;
    took_ += event.took;
    return false;
  }
  bool keep(CaseSettled& event) {
    for (AttemptEnded& attempt : event.attempts) keep(attempt);
    return true;
  }
  bool keep(AttemptEnded& event) {
    renumber(event.where);
    if (!event.dir.empty()) event.dir = (prefix_ / event.dir).string();
    return true;
  }
  template <class T>
  bool keep(T& event) {
    if constexpr (requires { event.where; }) renumber(event.where);
    return true;
  }

  void renumber(Where& where) {
    const CaseKey key{where.target, where.id};
    const auto base = base_.find(key);
    if (base != base_.end()) where.attempt += base->second;
    int& highest = highest_[key];
    highest = std::max(highest, where.attempt);
  }

  JournalEvents log_;
  RunStarted started_;
  std::vector<std::string> ids_;
  std::map<CaseKey, int> highest_;  ///< attempts at each case so far
  std::map<CaseKey, int> base_;     ///< the same before this run
  const RunResults* run_ = nullptr;
  fs::path prefix_;
  bool interrupted_ = false;
  std::chrono::milliseconds took_{0};
};

}  // namespace

JournalEvents merged(std::vector<const RunResults*> runs) {
  if (runs.empty()) return {};
  std::ranges::stable_sort(runs, [](const RunResults* a, const RunResults* b) {
    return std::pair(a->begun(), a->name()) < std::pair(b->begun(), b->name());
  });
  Merge merge(common_folder(runs));
  for (const RunResults* run : runs) merge.add(*run);
  return merge.take();
}

}  // namespace holdfast::reports
