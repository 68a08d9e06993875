// How do several runs become one report?
#include "reports/history/merge.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <tuple>
#include <utility>

#include "harness/base/text.h"
#include "reports/history/run_results.h"

namespace holdfast::reports {

namespace fs = std::filesystem;

namespace {

/// The deepest folder above all runs' folders, or that of the only run.
fs::path common_folder(const std::vector<MergeSource>& runs) {
  fs::path common = runs.front().head.source.parent_path();
  for (const MergeSource& run : runs) {
    const fs::path folder = run.head.source.parent_path();
    fs::path shared;
    const auto [end, other] = std::mismatch(common.begin(), common.end(), folder.begin(), folder.end());
    for (auto part = common.begin(); part != end; ++part) shared /= *part;
    common = shared;
  }
  return common;
}

/// Rewrites the events of one run after another.
class Merge {
 public:
  Merge(const fs::path& folder, const EventTaker& take) : take_(take) { whole_.started.out_dir = folder.string(); }

  Result<void> add(const MergeSource& run) {
    ++run_;
    suites_.clear();
    properties_.clear();
    ended_ = false;
    if (!run.head.started.run_id.empty()) ids_.push_back(run.head.started.run_id);
    const fs::path below = run.head.source.parent_path().lexically_relative(whole_.started.out_dir);
    prefix_ = below == "." ? fs::path() : below;
    const EventTaker take = [&](Event event, WallClock::time_point at) {
      now_ = at;
      if (run.edit && !run.edit(event)) return;
      if (std::visit([this](auto& one) { return keep(one); }, event)) take_(std::move(event), now_);
    };
    TRY(tell_run(run.head.source, take));
    whole_.interrupted = whole_.interrupted || !ended_;
    return {};
  }

  WholeRun take() {
    whole_.started.run_id = join(ids_, "+");
    return std::move(whole_);
  }

 private:
  using CaseKey = std::pair<std::string, CaseId>;
  /// The attempts at a case: how many there were before the run that had it last, and how many there are with it.
  struct Attempts {
    int before = 0;
    int highest = 0;
    int run = 0;
  };

  // Each: makes one event the merged run's, or says that it is left out.

  bool keep(RunStarted& event) {
    whole_.started.planned += event.planned;
    whole_.started.skipped += event.skipped;
    // What is true of one run is no property of all: it goes to the run's suites.
    properties_ = std::move(event.properties);
    return false;
  }
  bool keep(RunEnded& event) {
    ended_ = true;
    whole_.interrupted = whole_.interrupted || event.interrupted;
    whole_.took += event.took;
    return false;
  }
  bool keep(SuiteFacts& event) {
    meet(event.suite);
    return true;
  }
  bool keep(CaseSettled& event) {
    meet(event.suite.empty() ? event.target : event.suite);
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

  void meet(const std::string& suite) {
    if (suites_.insert(suite).second) take_(SuiteFacts{.suite = suite, .properties = properties_}, now_);
  }

  void renumber(Where& where) {
    // Events of one attempt come together.
    if (last_ == attempts_.end() || last_->first.second != where.id || last_->first.first != where.target) {
      last_ = attempts_.try_emplace({where.target, where.id}).first;
    }
    Attempts& known = last_->second;
    if (known.run != run_) known = {.before = known.highest, .highest = known.highest, .run = run_};
    where.attempt += known.before;
    known.highest = std::max(known.highest, where.attempt);
  }

  const EventTaker& take_;
  WallClock::time_point now_;
  WholeRun whole_;
  std::vector<std::string> ids_;
  std::map<CaseKey, Attempts> attempts_;
  std::map<CaseKey, Attempts>::iterator last_ = attempts_.end();  ///< whose event was last
  int run_ = 0;
  std::set<std::string> suites_;  ///< of this run, as far as it has told
  Properties properties_;         ///< of this run
  bool ended_ = false;
  fs::path prefix_;
};

}  // namespace

Result<WholeRun> tell_merged(std::vector<MergeSource> sources, const fs::path& folder, const EventTaker& take) {
  std::ranges::stable_sort(sources, {},
                           [](const MergeSource& run) { return std::tie(run.head.begun, run.head.started.run_id); });
  Merge merge(folder, take);
  for (const MergeSource& run : sources) TRY(merge.add(run));
  return merge.take();
}

Result<MergedRuns> merged(std::vector<MergeSource> sources, const MergeSettings& settings) {
  if (sources.empty()) return usage_error("there is no run to merge").because("name run folders or JUnit files");
  const auto clock = std::make_shared<WallClock::time_point>();
  MergedRuns all{.record = RunRecord([clock] { return *clock; }), .phases = PhaseLog(settings.enough_cases)};
  const EventTaker take = [&](Event event, WallClock::time_point at) {
    *clock = at;
    all.phases.add(event);
    all.record.add(std::move(event));
  };
  const fs::path folder = common_folder(sources);
  WholeRun whole = TRY(tell_merged(std::move(sources), folder, take));
  if (!settings.name.empty()) whole.started.run_id = settings.name;
  if (settings.forgives_cut) whole.interrupted = false;
  all.record.add(std::move(whole.started));
  for (const std::string& note : settings.notes) all.record.add(Note{Note::Level::kWarning, note});
  const Tally tally = all.record.tally();
  const int code = exit_code(tally, whole.interrupted);
  const bool may_stand = settings.notes.empty() || code == 1 || code == 130;
  all.record.add(RunEnded{
      .tally = tally, .interrupted = whole.interrupted, .exit_code = may_stand ? code : 2, .took = whole.took});
  return all;
}

Result<std::vector<MergeSource>> merge_sources(const std::vector<fs::path>& files) {
  std::vector<MergeSource> sources;
  for (const fs::path& file : files) sources.push_back({.head = TRY(head_of_run(file))});
  return sources;
}

}  // namespace holdfast::reports
