// How does a person see what came of a run?
#include "reports/html/html_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>
#include <span>
#include <utility>

#include "harness/base/file.h"
#include "harness/base/text.h"
#include "reports/attempt_files.h"
#include "reports/html/evidence.h"
#include "reports/html/many_cases.h"
#include "reports/html/matrix.h"
#include "reports/html/page.h"
#include "reports/html/time_line.h"

namespace holdfast::reports {

namespace fs = std::filesystem;

namespace {

constexpr std::array kByUrgency = {Outcome::kFailed, Outcome::kFlaky, Outcome::kError, Outcome::kSkipped,
                                   Outcome::kPassed};

/// The sign over the whole run.
Outcome sign_of(const Tally& tally) {
  if (tally.failed > 0) return Outcome::kFailed;
  if (tally.errors > 0) return Outcome::kError;
  return tally.passed > 0 ? Outcome::kPassed : Outcome::kSkipped;
}

/// Writes a run's page. The record outlives it.
class RunPage {
 public:
  RunPage(const RunRecord& record, const PhaseLog& phases, const fs::path& page_folder)
      : record_(record), phases_(phases), run_dir_(record.started().out_dir) {
    const fs::path way = run_dir_.lexically_relative(page_folder);
    way_ = way == "." ? fs::path() : way;
    for (const auto& [name, suite] : record.suites()) {
      for (const auto& [id, settled] : suite.cases) ordered_.push_back(&settled);
    }
    // The most urgent on top, each kind in the order of the report.
    std::ranges::stable_sort(ordered_, {}, [](const CaseSettled* one) {
      return std::ranges::find(kByUrgency, one->verdict.outcome) - kByUrgency.begin();
    });
    detailed_ = std::min(ordered_.size(), kMostDetailed);
    for (size_t i = 0; i < detailed_; ++i) numbers_[ordered_[i]] = i;
  }

  void write(HtmlWriter& html) const {
    write_head(html);
    write_filters(html);
    write_matrix(html, record_, numbers_);
    html.leaf("h2", {}, "Cases");
    for (size_t i = 0; i < detailed_; ++i) write_case(html, i);
    write_many_cases(html, std::span(ordered_).subspan(detailed_));
    write_facts(html);
  }

  std::string title() const { return fmt::format("{} {}", label(sign_of(record_.tally())), record_.started().run_id); }

 private:
  void write_head(HtmlWriter& html) const {
    const Tally tally = record_.tally();
    const auto& ended = record_.ended();
    const int code = ended ? ended->exit_code : exit_code(tally, false);
    {
      const auto heading = html.open("h1");
      write_badge(html, sign_of(tally));
      html.text(fmt::format(" {}", exit_meaning(code)));
    }
    html.leaf("p", {}, fmt::format("{} in {}", sentence(tally), duration(record_.took())));
    if (!ended) html.leaf("p", {{"class", "forbidden"}}, "The run did not end: this is what was settled until then.");
    const auto facts = html.open("dl", {{"class", "facts"}});
    const auto fact = [&](std::string_view name, std::string_view value) {
      if (value.empty()) return;
      html.leaf("dt", {}, name);
      html.leaf("dd", {}, value);
    };
    fact("run", record_.started().run_id);
    auto begun = WallClock::time_point::max();
    for (const auto& [name, suite] : record_.suites()) begun = std::min(begun, suite.begun);
    if (!record_.suites().empty()) fact("begun", iso_utc(begun));
    constexpr size_t kMostNamed = 8;
    size_t named = 0;
    for (const auto& [name, suite] : record_.suites()) {
      if (++named <= kMostNamed) fact("target and kernels", name);
    }
    if (named > kMostNamed) fact("", fmt::format("and {} more", named - kMostNamed));
    for (const auto& [name, property] : {std::pair("kernel", "kernel"), std::pair("next kernel", "next_kernel"),
                                         std::pair("command line", "command_line")}) {
      const auto known = record_.started().properties.find(property);
      if (known != record_.started().properties.end()) fact(name, known->second);
    }
    for (const std::string& warning : record_.warnings()) fact("warning", warning);
  }

  void write_filters(HtmlWriter& html) const {
    std::map<Outcome, size_t> counts;
    std::set<std::string> devices;
    std::set<std::string> suites;
    std::set<std::string> targets;
    for (const CaseSettled* one : ordered_) {
      ++counts[one->verdict.outcome];
      devices.insert(one->id.device);
      suites.insert(suite_of(*one));
      targets.insert(one->target);
    }
    // The script shows it: without one it could do nothing.
    const auto form = html.open("form", {{"hidden", ""}, {"role", "search"}, {"aria-label", "which cases are shown"}});
    {
      const auto verdicts = html.open("fieldset");
      html.leaf("legend", {}, "Show");
      for (const Outcome outcome : kByUrgency) {
        if (!counts.contains(outcome)) continue;
        const auto choice = html.open("label");
        html.single("input",
                    {{"type", "checkbox"}, {"name", "verdict"}, {"value", to_string(outcome)}, {"checked", ""}});
        html.text(fmt::format(" {} ({})", to_string(outcome), counts.at(outcome)));
      }
    }
    write_choice(html, "device", devices);
    write_choice(html, "target", targets);
    write_choice(html, "suite", suites);
    {
      const auto search = html.open("label");
      html.text("search ");
      html.single("input", {{"type", "search"}, {"name", "search"}, {"autocomplete", "off"}});
    }
    html.leaf("output", {{"aria-live", "polite"}}, "");
  }

  static void write_choice(HtmlWriter& html, std::string_view name, const std::set<std::string>& values) {
    if (values.size() < 2) return;
    const auto whole = html.open("label");
    html.text(fmt::format("{} ", name == "suite" ? "kernel" : name));
    const auto select = html.open("select", {{"name", name}});
    html.leaf("option", {{"value", ""}}, "all");
    for (const std::string& value : values) {
      html.leaf("option", {{"value", value}}, value.empty() ? "no device" : value);
    }
  }

  void write_case(HtmlWriter& html, size_t number) const {
    const CaseSettled& settled = *ordered_[number];
    const Outcome outcome = settled.verdict.outcome;
    const bool bad = outcome != Outcome::kPassed && outcome != Outcome::kSkipped;
    const std::string classes = fmt::format("case {}", to_string(outcome));
    const std::string id = fmt::format("c{}", number);
    const HtmlAttribute verdict("data-verdict", to_string(outcome));
    const HtmlAttribute device("data-device", settled.id.device);
    const HtmlAttribute suite("data-suite", suite_of(settled));
    const HtmlAttribute target("data-target", settled.target);
    if (bad && number < kMostOpen) {
      const auto open =
          html.open("details", {{"class", classes}, {"id", id}, verdict, device, suite, target, {"open", ""}});
      write_details(html, settled);
    } else {
      const auto closed = html.open("details", {{"class", classes}, {"id", id}, verdict, device, suite, target});
      write_details(html, settled);
    }
  }

  static void write_summary(HtmlWriter& html, const CaseSettled& settled) {
    const Verdict& verdict = settled.verdict;
    write_badge(html, verdict.outcome);
    html.text(" ");
    html.leaf("span", {{"class", "key"}}, settled.id.key());
    html.text(" ");
    html.leaf("span", {{"class", "soft"}}, fmt::format("{}, {}", suite_of(settled), duration(took(settled))));
    if (!verdict.message.empty()) {
      html.leaf("span", {{"class", "why"}},
                verdict.type.empty() ? verdict.message : fmt::format("{}: {}", verdict.type, verdict.message));
    }
  }

  void write_details(HtmlWriter& html, const CaseSettled& settled) const {
    {
      const auto summary = html.open("summary");
      write_summary(html, settled);
    }
    if (!settled.verdict.hint.empty()) html.leaf("p", {}, "Try: " + settled.verdict.hint);
    for (const AttemptEnded& attempt : settled.attempts) write_attempt(html, settled, attempt);
    for (const Evidence& piece : settled.verdict.evidence) {
      html.leaf("h3", {}, piece.name);
      html.leaf("pre", {{"tabindex", "0"}, {"aria-label", piece.name}}, piece.text);
    }
    if (!settled.replay.empty()) {
      html.leaf("h3", {}, "run it again");
      html.leaf("pre", {{"tabindex", "0"}, {"aria-label", "command that runs it again"}}, settled.replay);
    }
  }

  void write_attempt(HtmlWriter& html, const CaseSettled& settled, const AttemptEnded& attempt) const {
    const Verdict& verdict = attempt.verdict;
    if (settled.attempts.size() > 1) {
      html.leaf("h3", {},
                fmt::format("attempt {}: {} in {}", attempt.where.attempt, to_string(verdict.outcome),
                            duration(attempt.took)));
      if (!verdict.message.empty()) html.leaf("p", {}, fmt::format("{}: {}", verdict.type, verdict.message));
    }
    const auto& spans = phases_.of(attempt.where);
    const bool last = &attempt == &settled.attempts.back();
    write_time_line(html, spans.empty() && last ? in_order(settled.phases) : spans, attempt.took);
    const auto& milestones = phases_.milestones_of(attempt.where);
    write_blackout(html, milestones.empty() && last ? milestones_in_order(settled.milestones) : milestones);
    if (verdict.outcome != Outcome::kPassed) write_evidence(html, attempt, run_dir_);
    if (!attempt.properties.empty()) {
      const auto details = html.open("details");
      html.leaf("summary", {}, "properties");
      write_properties(html, attempt.properties);
    }
    write_files(html, attempt);
  }

  static void write_properties(HtmlWriter& html, const Properties& properties) {
    const auto list = html.open("dl", {{"class", "facts"}});
    for (const auto& [name, value] : properties) {
      html.leaf("dt", {}, name);
      html.leaf("dd", {}, value);
    }
  }

  void write_files(HtmlWriter& html, const AttemptEnded& attempt) const {
    const std::vector<fs::path> files = attempt_files(run_dir_, attempt.dir);
    if (files.empty()) return;
    const auto line = html.open("p");
    html.text("files:");
    for (const fs::path& file : files) {
      html.text(" ");
      html.leaf("a", {HtmlAttribute::link_to(way_ / attempt.dir / file.filename())}, file.filename().string());
    }
  }

  void write_facts(HtmlWriter& html) const {
    html.leaf("h2", {}, "Facts");
    const auto write = [&](std::string_view title, const Properties& properties) {
      const auto details = html.open("details");
      html.leaf("summary", {}, title);
      write_properties(html, properties);
    };
    if (!record_.started().properties.empty()) write("the run", record_.started().properties);
    for (const auto& [name, suite] : record_.suites()) write(name, suite.facts);
  }

  const RunRecord& record_;
  const PhaseLog& phases_;
  fs::path run_dir_;
  fs::path way_;  ///< from the page to the run's folder
  std::vector<const CaseSettled*> ordered_;
  size_t detailed_ = 0;  ///< so many of them are shown in full
  CaseNumbers numbers_;
};

}  // namespace

std::string run_page(const RunRecord& record, const PhaseLog& phases, const fs::path& page_folder) {
  const RunPage page(record, phases, page_folder);
  return html_page(page.title(), [&](HtmlWriter& html) { page.write(html); });
}

HtmlReport::HtmlReport(fs::path file, OnTrouble on_trouble, RunRecord::Now now, std::shared_ptr<const RunRecord> shared)
    : file_(std::move(file)),
      trouble_(std::move(on_trouble)),
      record_(std::move(now), std::move(shared)),
      phases_(kMostDetailed) {}

void HtmlReport::on(const Event& event) {
  record_.add(event);
  phases_.add(event);
  if (!std::holds_alternative<RunEnded>(event)) return;
  trouble_.check(write_file_atomic(file_, run_page(*record_, phases_, file_.parent_path())));
}

}  // namespace holdfast::reports
