// How does a run go on in the folder of one that was cut off?
#include "reports/continuation.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <tuple>

#include "harness/base/file.h"
#include "harness/base/text.h"
#include "harness/event_codec.h"
#include "reports/cut_off.h"
#include "reports/history/run_results.h"

namespace holdfast::reports {
namespace {

namespace fs = std::filesystem;

struct Told {
  std::string_view line;
  Event event;

  /// The time in front of what encode() wrote (journal.cc), or empty.
  std::string_view at() const {
    constexpr std::string_view kBegin = R"({"at":")";
    constexpr size_t kTimeLength = 20;
    return line.starts_with(kBegin) ? line.substr(kBegin.size(), kTimeLength) : std::string_view();
  }
};

using AttemptKey = std::tuple<std::string, CaseId, int>;

AttemptKey key_of(const Where& where) { return {where.target, where.id, where.attempt}; }
CaseKey key_of(const CaseSettled& settled) { return {settled.target, settled.id}; }

/// Every line that is whole. What a kill has cut told of a case that is not settled.
std::vector<Told> lines_of(std::string_view text) {
  std::vector<Told> told;
  for (const std::string_view line : split(text, '\n')) {
    if (line.empty()) continue;
    if (auto event = decode_event(line)) told.push_back({line, *std::move(event)});
  }
  return told;
}

/// Which attempt an event is about, if any.
const Where* where_of(const Event& event) {
  return std::visit(
      [](const auto& one) -> const Where* {
        if constexpr (requires { one.where; }) return &one.where;
        return nullptr;
      },
      event);
}

/// Takes a journal apart: which cases are settled, what became of the attempts at the others, and what is told again.
/// What was cut off last is ended behind all that.
class Sorting {
 public:
  Sorting(const std::vector<Told>& told, const TakeUp& how, const RunStarted& started) : told_(told), how_(how) {
    const auto targets = started.properties.find("target");
    several_targets_ = targets != started.properties.end() && targets->second.find(' ') != std::string::npos;
  }

  Continuation sort(const fs::path& folder, std::string run_id) {
    found_.run_id = std::move(run_id);
    find_settled();
    follow_attempts();
    keep();
    end_what_was_cut(folder);
    return std::move(found_);
  }

 private:
  bool is_again(const CaseSettled& settled) const {
    if (settled.verdict.type == kInterruptedType) return how_.interrupted_again;
    return settled.verdict.outcome == Outcome::kError && how_.errors_again;
  }

  /// Of a case that is there twice the last one counts.
  void find_settled() {
    std::map<CaseKey, const CaseSettled*> last;
    for (const Told& one : told_) {
      if (const auto* settled = std::get_if<CaseSettled>(&one.event)) last[key_of(*settled)] = settled;
    }
    for (const auto& [key, settled] : last) {
      for (const AttemptEnded& attempt : settled->attempts) ended_.insert(key_of(attempt.where));
      if (is_again(*settled)) {
        found_.begun[key] = {.attempts = settled->attempts, .again = true};
      } else {
        found_.settled[key] = settled->verdict.outcome;
        counts_.insert(settled);
      }
    }
  }

  /// Those that stand with no case that was settled: of a case that still has to be.
  void follow_attempts() {
    for (const Told& one : told_) {
      const Where* where = where_of(one.event);
      if (where == nullptr || ended_.contains(key_of(*where))) continue;
      if (const auto* ended = std::get_if<AttemptEnded>(&one.event)) {
        ended_.insert(key_of(*where));
        open_.erase(key_of(*where));
        found_.begun[{where->target, where->id}].attempts.push_back(*ended);
      } else {
        open_.try_emplace(key_of(*where), *where).first->second.add(one.event, one.at());
      }
    }
  }

  void keep() {
    for (const Told& one : told_) {
      if (std::holds_alternative<RunEnded>(one.event)) continue;
      const auto* settled = std::get_if<CaseSettled>(&one.event);
      if (settled != nullptr && !counts_.contains(settled)) continue;
      found_.journal.append(one.line).push_back('\n');
      if (!std::holds_alternative<RunStarted>(one.event)) found_.kept.push_back(one.event);
    }
  }

  void end_what_was_cut(const fs::path& folder) {
    for (const auto& [key, attempt] : open_) {
      AttemptEnded ended = attempt.cut_off(folder, several_targets_);
      found_.begun[{ended.where.target, ended.where.id}].attempts.push_back(ended);
      const std::string line = encode(ended);
      found_.journal += fmt::format("{{\"at\":\"{}\",{}\n", attempt.last_at(), line.substr(1));
      found_.kept.emplace_back(std::move(ended));
    }
  }

  const std::vector<Told>& told_;
  const TakeUp& how_;
  bool several_targets_ = false;
  std::set<const CaseSettled*> counts_;
  std::set<AttemptKey> ended_;
  std::map<AttemptKey, AttemptSoFar> open_;
  Continuation found_;
};

Result<void> check_same(const fs::path& folder, const Properties& before, const TakeUp& how) {
  for (const auto& [name, value] : how.same) {
    const auto known = before.find(name);
    const std::string was = known == before.end() ? "" : known->second;
    if (was == value) continue;
    return usage_error(fmt::format("{} holds a run of another kind: its {} is '{}', and would be '{}'", folder.string(),
                                   name, was, value))
        .because("go on with what that run was started with, or " +
                 (how.otherwise.empty() ? "name another folder" : how.otherwise));
  }
  return {};
}

/// Null when nothing that counts has happened yet.
Result<const RunStarted*> beginning_of(const std::vector<Told>& told) {
  for (const Told& one : told) {
    if (const auto* started = std::get_if<RunStarted>(&one.event)) return started;
  }
  const auto counts = [](const Told& one) { return where_of(one.event) || std::get_if<CaseSettled>(&one.event); };
  if (std::ranges::any_of(told, counts)) return harness_error("broken", "the line that begins the run cannot be read");
  return static_cast<const RunStarted*>(nullptr);
}

fs::path journal_in(const fs::path& folder) { return folder / "journal.jsonl"; }

}  // namespace

Result<std::optional<Continuation>> look_up(const fs::path& folder, const TakeUp& how) {
  std::error_code failed;
  if (!fs::exists(journal_in(folder), failed)) return std::optional<Continuation>();
  const std::string text = TRY(read_file(journal_in(folder), kResultsLimit));
  const std::vector<Told> told = lines_of(text);
  const RunStarted* started = TRY_IN(journal_in(folder).string(), beginning_of(told));
  if (started == nullptr) return std::optional<Continuation>();
  TRY(check_same(folder, started->properties, how));
  return std::optional(Sorting(told, how, *started).sort(folder, started->run_id));
}

Result<std::optional<Continuation>> take_up(const fs::path& folder, const TakeUp& how) {
  auto found = TRY(look_up(folder, how));
  if (found) {
    TRY(write_file_atomic(journal_in(folder), found->journal));
  } else {
    std::error_code ignored;  // it was killed before it had written anything
    fs::remove(journal_in(folder), ignored);
  }
  return found;
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
