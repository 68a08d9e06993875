// What came of a patch series, to look at?
#include "reports/series/series_page.h"

#include <fmt/format.h>

#include <set>

#include "reports/html/html_writer.h"
#include "reports/html/page.h"
#include "reports/series/series_text.h"
#include "reports/words.h"

namespace holdfast::reports {
namespace {

using series::Change;
using series::State;
using series::Study;
using Stage = State::Stage;

void write_facts(HtmlWriter& html, const Study& study) {
  const auto facts = html.open("dl", {{"class", "facts"}});
  html.leaf("dt", {}, "series");
  html.leaf("dd", {}, study.version.empty() ? study.title : fmt::format("{} ({})", study.title, study.version));
  html.leaf("dt", {}, "base");
  html.leaf("dd", {}, fmt::format("{} \"{}\"", study.base, study.states.front().subject));
  for (const std::string& note : study.notes) {
    html.leaf("dt", {}, "note");
    html.leaf("dd", {}, note);
  }
}

std::string kernel_words(const Study& study, const State& state) {
  if (state.same_as >= 0) return fmt::format("the same as {}", study.name_of(state.same_as));
  if (!state.told.empty()) return state.told;
  return state.tested() ? state.build_id.substr(0, 12) : "not built";
}

void write_patch_row(HtmlWriter& html, const Study& study, const State& state) {
  const auto row = html.open("tr");
  {
    const auto name = html.open("th", {{"scope", "row"}});
    html.leaf("a", {HtmlAttribute::link_inside("p", static_cast<size_t>(state.number))}, study.name_of(state.number));
  }
  html.leaf("td", {}, state.subject);
  const bool bad = state.stage == Stage::kNotApplied || state.stage == Stage::kNotBuilt;
  html.leaf("td", {{"class", bad ? "forbidden" : ""}}, kernel_words(study, state));
  html.leaf("td", {}, state.compared_with < 0 ? "-" : std::to_string(state.warnings.size()));
  html.leaf("td", {},
            state.style.ran ? fmt::format("{} errors, {} warnings", state.style.errors, state.style.warnings) : "-");
  html.leaf("td", {}, state.tested() ? sentence(series::tally_of(state)) : "-");
}

void write_patches(HtmlWriter& html, const Study& study) {
  html.leaf("h2", {}, "Patches");
  const auto scroll = html.open(
      "div", {{"class", "scroll"}, {"tabindex", "0"}, {"role", "region"}, {"aria-label", "patches of the series"}});
  const auto table = html.open("table");
  {
    const auto head = html.open("thead");
    const auto row = html.open("tr");
    html.leaf("th", {{"scope", "col"}}, "patch");
    html.leaf("th", {{"scope", "col"}}, "subject");
    html.leaf("th", {{"scope", "col"}}, "kernel");
    html.leaf("th", {{"scope", "col"}}, "new warnings");
    html.leaf("th", {{"scope", "col"}}, "checkpatch");
    html.leaf("th", {{"scope", "col"}}, "cases");
  }
  const auto body = html.open("tbody");
  for (const State& state : study.states) write_patch_row(html, study, state);
}

void write_changes(HtmlWriter& html, const Study& study) {
  const auto changes = series::changes_of(study);
  for (const series::LevelNews& news : series::levels_of(study)) {
    html.leaf("p", {},
              fmt::format("Level {} appears with {}: {} passed, {} failed.", news.level, study.title_of(news.at),
                          news.passed, news.failed));
  }
  if (changes.empty()) return;
  html.leaf("h2", {}, "What changed where");
  for (const Change& change : changes) {
    const Outcome outcome = change.verdict.outcome;
    const auto box = html.open("div", {{"class", fmt::format("case {}", to_string(outcome))}});
    write_badge(html, outcome);
    html.text(" ");
    html.leaf("span", {{"class", "key"}}, change.key);
    html.leaf("span", {{"class", "why"}}, describe_change(study, change));
    if (!change.verdict.message.empty()) {
      html.leaf("span", {{"class", "why soft"}}, fmt::format("{}: {}", change.verdict.type, change.verdict.message));
    }
  }
}

void write_cases(HtmlWriter& html, const Study& study) {
  std::set<std::string> keys;
  for (const State& state : study.states) {
    for (const auto& [key, cell] : state.cells) keys.insert(key);
  }
  if (keys.empty()) return;
  html.leaf("h2", {}, "Cases by patch");
  const auto scroll =
      html.open("div", {{"class", "scroll"}, {"tabindex", "0"}, {"role", "region"}, {"aria-label", "cases by patch"}});
  const auto table = html.open("table", {{"class", "matrix"}});
  {
    const auto head = html.open("thead");
    const auto row = html.open("tr");
    html.leaf("th", {{"scope", "col"}}, "case");
    for (const State& state : study.states) {
      html.leaf("th", {{"scope", "col"}, {"title", state.subject}}, study.name_of(state.number));
    }
  }
  const auto body = html.open("tbody");
  for (const std::string& key : keys) {
    const auto row = html.open("tr");
    html.leaf("th", {{"scope", "row"}}, key);
    for (const State& state : study.states) {
      const auto cell = html.open("td", {{"class", "cell"}});
      const auto found = state.cells.find(key);
      if (found == state.cells.end()) continue;
      const Verdict verdict = found->second.verdict();
      html.leaf("a",
                {HtmlAttribute::link_inside("p", static_cast<size_t>(state.number)),
                 {"class", fmt::format("badge {}", to_string(verdict.outcome))},
                 {"title", verdict.message}},
                label(verdict.outcome));
    }
  }
}

void write_text(HtmlWriter& html, std::string_view heading, const std::string& text) {
  if (text.empty()) return;
  html.leaf("h3", {}, heading);
  html.leaf("pre", {}, text);
}

void write_details(HtmlWriter& html, const Study& study, const std::filesystem::path& page_folder) {
  html.leaf("h2", {}, "Each patch");
  for (const State& state : study.states) {
    const auto section = html.open("section", {{"id", fmt::format("p{}", state.number)}});
    html.leaf("h3", {}, study.title_of(state.number));
    html.leaf("p", {{"class", "soft"}}, state.commit.empty() ? state.told : fmt::format("commit {}", state.commit));
    if (!state.note.empty()) html.leaf("p", {}, fmt::format("It applies {}.", state.note));
    if (state.tested() && state.same_as < 0) {
      html.leaf("p", {},
                fmt::format("Built in {}, tested in {}.", duration(state.build_took), duration(state.run_took)));
    }
    if (!state.run_folder.empty()) {
      const auto link = html.open("p");
      html.leaf("a", {HtmlAttribute::link_to((state.run_folder / "report.html").lexically_relative(page_folder))},
                "the whole report of this run");
    }
    write_text(html, "What was printed", state.said);
    std::string warnings;
    for (const Warning& warning : state.warnings) warnings += describe(warning) + "\n";
    write_text(html, "New warnings", warnings);
    const bool complaints = state.style.errors + state.style.warnings > 0;
    write_text(html, "checkpatch", complaints ? state.style.text : "");
  }
}

}  // namespace

std::string series_page(const Study& study, const std::filesystem::path& page_folder) {
  return html_page("holdfast: " + study.title, [&](HtmlWriter& html) {
    const int code = series::exit_code_of(study);
    const Outcome outcome = code == 0   ? Outcome::kPassed
                            : code == 1 ? Outcome::kFailed
                            : code == 2 ? Outcome::kError
                                        : Outcome::kSkipped;
    {
      const auto heading = html.open("h1");
      write_badge(html, outcome);
      html.text(" " + series::headline(study));
    }
    write_facts(html, study);
    write_patches(html, study);
    write_changes(html, study);
    write_cases(html, study);
    write_details(html, study, page_folder);
  });
}

}  // namespace holdfast::reports
