// How is a bisection carried out, step by step, with a journal of all it did?
#include "harness/bisect/drive.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

namespace holdfast::bisect {
namespace {

using Do = Step::Do;

/// A commit that failed to boot this often cannot be tested. One is not enough: what is looked for may be rare, and so
/// may be this.
constexpr int kFailedBootsAtMost = 2;

/// A driver of one search. Results come in through take(), from the journal and from the workshop alike.
class Driver {
 public:
  Driver(const History& history, const DriveSettings& settings, Workshop& workshop, const Deadline& deadline)
      : history_(history),
        settings_(settings),
        workshop_(workshop),
        deadline_(deadline),
        now_{.bisection = Bisection(history, settings.search)} {
    for (Node node = 0; node < history.size(); ++node) nodes_[history[node].id] = node;
  }

  /// Takes over what the journal tells. False: it tells of another search.
  bool replay(const std::vector<Entry>& entries) {
    if (entries.empty() || !std::holds_alternative<Task>(entries.front())) return false;
    if (std::get<Task>(entries.front()) != settings_.task) return false;
    for (const Entry& entry : entries) take(entry);
    return true;
  }

  Result<void> go_on(Journal& journal, const Show& show) {
    for (Step step = now_.bisection.next(); step.what != Do::kDone; step = now_.bisection.next()) {
      if (deadline_.stopped()) return wait_error(Wake::kStopped, "the bisection");
      if (show) show(now_, step);
      for (const Entry& entry : TRY(perform(step))) {
        TRY(journal.add(entry));
        take(entry);
      }
    }
    return {};
  }

  Progressed& now() { return now_; }

 private:
  Result<std::vector<Entry>> perform(const Step& step) {
    const auto begin = std::chrono::steady_clock::now();
    const auto took = [&] { return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count(); };
    const std::string& commit = history_[step.node].id;
    const bool without = step.what == Do::kBuildRevert || step.what == Do::kRunRevert;
    std::vector<Entry> entries;
    if (step.what == Do::kBuild || step.what == Do::kBuildRevert) {
      BuildEntry entry{.commit = commit, .without = without};
      entry.built = without ? TRY(workshop_.build_without(history_[history_.bad()].id, commit, deadline_))
                            : TRY(workshop_.build(commit, deadline_));
      entry.seconds = took();
      entries.emplace_back(std::move(entry));
      return entries;
    }
    if (const auto next = without ? std::nullopt : now_.bisection.build_after(step.node)) {
      workshop_.build_ahead(history_[*next].id);
    }
    const std::string kernel = without ? now_.without_kernel : now_.kernels[commit];
    const std::string filter = now_.sought ? now_.sought->key : settings_.task.filter;
    const auto results = TRY(workshop_.run(kernel, filter, deadline_));
    std::optional<Sought> sought = now_.sought;
    if (!sought && step.node == history_.bad() && !without) sought = first_failure(results);
    if (sought && !now_.sought) entries.emplace_back(*sought);
    entries.emplace_back(
        RunEntry{.commit = commit, .without = without, .judged = judge(results, sought), .seconds = took()});
    return entries;
  }

  void take(const Entry& entry) {
    std::visit([this](const auto& one) { on(one); }, entry);
  }
  void on(const Task&) {}
  void on(const Sought& sought) { now_.sought = sought; }
  void on(const BuildEntry& entry) {
    ++now_.spent.builds;
    now_.spent.build_seconds += entry.seconds;
    now_.spent.ahead_seconds += entry.built.ahead_seconds;
    if (entry.built.ahead_seconds > 0) ++now_.spent.builds_ahead;
    if (!entry.built.config_changes.empty()) now_.config_changes[entry.commit] = entry.built.config_changes;
    learn_costs();
    const std::string& trouble = entry.built.untestable;
    if (entry.without) {
      now_.without_kernel = entry.built.kernel;
      trouble.empty() ? now_.bisection.revert_built() : now_.bisection.revert_impossible(trouble);
      return;
    }
    const auto node = nodes_.find(entry.commit);
    if (node == nodes_.end()) return;  // of a journal that somebody has edited
    now_.kernels[entry.commit] = entry.built.kernel;
    trouble.empty() ? now_.bisection.built(node->second, entry.built.build_id)
                    : now_.bisection.untestable(node->second, trouble);
  }
  void on(const RunEntry& entry) {
    ++now_.spent.runs;
    now_.spent.run_seconds += entry.seconds;
    learn_costs();
    if (!entry.judged.told.empty()) now_.other_told[entry.commit].push_back(entry.judged.told);
    if (entry.without) {
      now_.bisection.revert_ran(entry.judged.seen);
      if (entry.judged.never) now_.bisection.revert_impossible(entry.judged.told);
      return;
    }
    const auto node = nodes_.find(entry.commit);
    if (node == nodes_.end()) return;
    now_.bisection.ran(node->second, entry.judged.seen);
    if (entry.judged.never) now_.bisection.untestable(node->second, entry.judged.told);
    if (!entry.judged.boots && ++failed_boots_[node->second] == kFailedBootsAtMost) {
      now_.bisection.untestable(node->second, "it does not boot: " + entry.judged.told);
    }
  }

  /// What comes next costs what was seen so far; as long as nothing was seen, what is usual.
  void learn_costs() {
    Costs costs = settings_.search.costs;
    const double building = now_.spent.build_seconds + now_.spent.ahead_seconds;
    if (now_.spent.builds > 0) costs.build = std::max(0.1, building / now_.spent.builds);
    if (now_.spent.runs > 0) costs.run = std::max(0.1, now_.spent.run_seconds / now_.spent.runs);
    now_.bisection.costs_are(costs);
  }

  const History& history_;
  const DriveSettings& settings_;
  Workshop& workshop_;
  Deadline deadline_;
  Progressed now_;
  std::map<std::string, Node> nodes_;
  std::map<Node, int> failed_boots_;
};

}  // namespace

Result<Progressed> drive(const History& history, const DriveSettings& settings, Workshop& workshop,
                         const Deadline& deadline, const Show& show) {
  Driver driver(history, settings, workshop, deadline);
  if (settings.resume && !driver.replay(TRY(read_journal(settings.journal)))) {
    return usage_error(fmt::format("{} is the journal of another bisection", settings.journal.string()))
        .because("give the same --tree, --good, --bad and --filter, or begin again without --resume");
  }
  Journal journal = TRY(Journal::open(settings.journal, settings.resume));
  if (!settings.resume) TRY(journal.add(settings.task));
  TRY(driver.go_on(journal, show));
  return std::move(driver.now());
}

}  // namespace holdfast::bisect
