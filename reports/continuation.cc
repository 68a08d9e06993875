// How does a run go on in the folder of one that was cut off?
#include "reports/continuation.h"

#include <fmt/format.h>

#include <set>
#include <tuple>

#include "harness/base/file.h"
#include "harness/base/text.h"
#include "harness/event_codec.h"
#include "reports/attempt_files.h"
#include "reports/history/run_results.h"

namespace holdfast::reports {
namespace {

namespace fs = std::filesystem;

struct Told {
  std::string_view line;
  Event event;
};

using AttemptKey = std::tuple<std::string, CaseId, int>;

AttemptKey key_of(const Where& where) { return {where.target, where.id, where.attempt}; }

/// Every line that is whole. What a kill has cut told of a case that is not settled.
std::vector<Told> lines_of(std::string_view text) {
  std::vector<Told> told;
  for (const std::string_view line : split(text, '\n')) {
    if (line.empty()) continue;
    if (auto event = decode_event(line)) told.push_back({line, *std::move(event)});
  }
  return told;
}

bool is_kept(const CaseSettled& settled) { return settled.verdict.outcome != Outcome::kError; }

/// Sorts a journal's events into what is kept and what is not.
class Sorting {
 public:
  explicit Sorting(const std::vector<Told>& told) {
    for (const Told& one : told) {
      const auto* settled = std::get_if<CaseSettled>(&one.event);
      if (settled == nullptr || !is_kept(*settled)) continue;
      for (const AttemptEnded& attempt : settled->attempts) attempts_.insert(key_of(attempt.where));
    }
  }

  bool keeps(const Event& event) const {
    return std::visit([this](const auto& one) { return keeps_one(one); }, event);
  }

  /// Folders of attempts that are not kept, relative to the run's.
  static void add_folders(const Event& event, std::set<std::string>& folders) {
    std::visit(
        [&](const auto& one) {
          if constexpr (requires { one.where; }) {
            folders.insert(attempt_dir(one.where, /*several_targets=*/false));
            folders.insert(attempt_dir(one.where, /*several_targets=*/true));
          }
        },
        event);
  }

 private:
  bool keeps_one(const CaseSettled& settled) const { return is_kept(settled); }
  bool keeps_one(const RunEnded&) const { return false; }
  template <class T>
  bool keeps_one(const T& event) const {
    if constexpr (requires { event.where; }) return attempts_.contains(key_of(event.where));
    return true;
  }

  std::set<AttemptKey> attempts_;
};

Result<void> check_same(const fs::path& folder, const Properties& before, const Properties& same) {
  for (const auto& [name, value] : same) {
    const auto known = before.find(name);
    const std::string was = known == before.end() ? "" : known->second;
    if (was == value) continue;
    return usage_error(fmt::format("{} holds a run of another kind: its {} is '{}', and would be '{}'", folder.string(),
                                   name, was, value))
        .because("go on with what that run was started with, or name another folder");
  }
  return {};
}

Result<void> remove_folders(const fs::path& folder, const std::set<std::string>& folders) {
  for (const std::string& dir : folders) {
    std::error_code failed;
    if (leads_inward(dir)) fs::remove_all(folder / dir, failed);
    if (failed) return system_error(fmt::format("remove {}", (folder / dir).string()), failed.value());
  }
  return {};
}

}  // namespace

Result<std::optional<Continuation>> take_up(const fs::path& folder, const Properties& same) {
  const fs::path file = folder / "journal.jsonl";
  std::error_code failed;
  if (!fs::exists(file, failed)) return std::optional<Continuation>();
  const std::string text = TRY(read_file(file, kResultsLimit));
  const std::vector<Told> told = lines_of(text);
  const auto* started = told.empty() ? nullptr : std::get_if<RunStarted>(&told.front().event);
  if (started == nullptr) {
    // It was killed before it had written anything.
    fs::remove(file, failed);
    return std::optional<Continuation>();
  }
  TRY(check_same(folder, started->properties, same));
  const Sorting sorting(told);
  Continuation found{.run_id = started->run_id, .kept = {}, .settled = {}};
  std::string journal;
  std::set<std::string> stale;
  std::set<std::string> used;
  for (const Told& one : told) {
    const bool keep = sorting.keeps(one.event);
    Sorting::add_folders(one.event, keep ? used : stale);
    if (!keep) continue;
    journal.append(one.line).push_back('\n');
    if (std::holds_alternative<RunStarted>(one.event)) continue;
    if (const auto* settled = std::get_if<CaseSettled>(&one.event)) {
      found.settled[{settled->target, settled->id}] = settled->verdict.outcome;
    }
    found.kept.push_back(one.event);
  }
  for (const std::string& dir : used) stale.erase(dir);
  TRY(write_file_atomic(file, journal));
  TRY(remove_folders(folder, stale));
  return std::optional(std::move(found));
}

void Retelling::on(const Event& event) {
  inner_.on(event);
  if (!std::holds_alternative<RunStarted>(event)) return;
  for (const Event& one : std::exchange(kept_, {})) inner_.on(one);
}

void NewOnly::on(const Event& event) {
  if (std::holds_alternative<RunStarted>(event)) {
    to_come_ = kept_;
  } else if (to_come_ > 0) {
    --to_come_;
  } else {
    inner_->on(event);
  }
}

}  // namespace holdfast::reports
