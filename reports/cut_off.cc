// What does a journal know of an attempt that was cut off?
#include "reports/cut_off.h"

#include <fmt/format.h>

#include "harness/base/text.h"
#include "harness/run.h"
#include "reports/attempt_files.h"
#include "reports/words.h"

namespace holdfast::reports {
namespace {

constexpr size_t kMostLines = 60;
constexpr size_t kTail = size_t{16} << 10;
constexpr size_t kTailLines = 40;

std::string words_of(const Properties& details) {
  std::string words;
  for (const auto& [name, value] : details) words += fmt::format(" {}={}", name, value);
  return words;
}

/// Empty for what says nothing about how far an attempt came.
std::string line_of(const Event& event) {
  if (std::holds_alternative<CaseStarted>(event)) return "the attempt began";
  if (const auto* phase = std::get_if<PhaseStarted>(&event)) return fmt::format("phase {} began", phase->phase);
  if (const auto* phase = std::get_if<PhaseEnded>(&event)) {
    return fmt::format("phase {} {} after {}", phase->phase, phase->ok ? "ended well" : "failed",
                       duration(phase->took));
  }
  if (const auto* intent = std::get_if<Intent>(&event)) {
    return fmt::format("about to: {}{}", intent->action, words_of(intent->details));
  }
  if (const auto* seen = std::get_if<Milestone>(&event)) return fmt::format("seen: {}", seen->key());
  if (const auto* passed = std::get_if<FindingAllowed>(&event)) {
    return fmt::format("let pass: {} {}", passed->kind, passed->title);
  }
  return {};
}

}  // namespace

void AttemptSoFar::add(const Event& event, std::string_view at) {
  if (first_at_.empty()) first_at_ = at;
  if (!at.empty()) last_at_ = at;
  if (const auto* phase = std::get_if<PhaseStarted>(&event)) phase_ = phase->phase;
  if (const auto* intent = std::get_if<Intent>(&event)) intent_ = intent->action;
  const std::string line = line_of(event);
  if (!line.empty() && lines_.size() < kMostLines) lines_.push_back(fmt::format("{} {}", at, line));
}

AttemptEnded AttemptSoFar::cut_off(const std::filesystem::path& run_dir, bool several_targets) const {
  const std::string about = intent_.empty() ? "" : fmt::format("; the last thing that it was about to do: {}", intent_);
  Error error =
      harness_error("interrupted", fmt::format("the run was cut off while this case was in phase {}{}", phase_, about))
          .because("`holdfast run --resume RUN --rerun-interrupted` runs it again, on real machines too")
          .with("journal", printable(join(lines_, "\n")));
  const std::string dir = attempt_dir(where_, several_targets);
  for (const char* name : {"console.log", "harness.log"}) {
    const auto text = attempt_text(run_dir, dir, name, kTail);
    if (text && !text->empty()) error = std::move(error).with(name, printable(last_lines(*text, kTailLines)));
  }
  const auto first = from_iso_utc(first_at_);
  const auto last = from_iso_utc(last_at_);
  AttemptEnded ended{.where = where_, .verdict = Verdict::from(error), .took = {}, .properties = {}, .dir = dir};
  if (first && last && *last > *first)
    ended.took = std::chrono::duration_cast<std::chrono::milliseconds>(*last - *first);
  return ended;
}

}  // namespace holdfast::reports
