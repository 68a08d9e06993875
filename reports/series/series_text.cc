// What came of a patch series, for a terminal and for a mail?
#include "reports/series/series_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <set>

#include "harness/base/text.h"
#include "reports/printer.h"
#include "reports/words.h"

namespace holdfast::reports {
namespace {

using series::Change;
using series::State;
using series::Study;
using Kind = Change::Kind;
using Stage = State::Stage;

constexpr size_t kMostLines = 12;  ///< of what a program printed
constexpr size_t kMostRows = 30;   ///< a matrix of more leaves out cases that are the same everywhere and fail nowhere

/// Lines of a text under construction.
class Pages {
 public:
  explicit Pages(size_t width) : width_(width) {}

  void heading(std::string_view text) {
    lines_.push_back({});
    lines_.push_back({{std::string(text), Style::kStrong}});
  }
  /// `text` behind `label`, further lines beneath the text's begin.
  void put(const std::string& label, std::string_view text, Style style = Style::kPlain) {
    const size_t indent = columns(label);
    const size_t room = width_ > indent + 20 ? width_ - indent : 20;
    bool first = true;
    for (const std::string& piece : wrapped(trim(text), room)) {
      lines_.push_back({{first ? label : std::string(indent, ' ')}, {piece, style}});
      first = false;
    }
  }
  /// What a program printed, its last lines cut.
  void quote(std::string_view text) {
    size_t taken = 0;
    for (const std::string_view line : split(trim(text), '\n')) {
      if (++taken > kMostLines) return put("    ", "...");
      put("    ", line, Style::kFaint);
    }
  }
  void line(Line line) { lines_.push_back(std::move(line)); }
  size_t width() const { return width_; }
  std::vector<Line> take() && { return std::move(lines_); }

 private:
  size_t width_;
  std::vector<Line> lines_;
};

std::string count_of(size_t number, std::string_view noun) {
  return fmt::format("{} {}{}", number, noun, number == 1 ? "" : "s");
}

std::string applies_word(const State& state) {
  if (state.number == 0) return "-";
  if (state.stage == Stage::kMissing) return "missing";
  if (state.stage == Stage::kNotTried) return "-";
  if (state.stage == Stage::kNotApplied) return "NO";
  return state.note.empty() ? "yes" : "3-way";
}

std::string builds_word(const Study& study, const State& state) {
  if (state.stage == Stage::kNotBuilt) return "NO";
  if (!state.tested()) return "-";
  return state.same_as < 0 ? "yes" : "= " + study.name_of(state.same_as);
}

std::string warnings_word(const State& state) {
  return state.compared_with < 0 ? "-" : std::to_string(state.warnings.size());
}

std::string style_word(const State& state) {
  return state.style.ran ? fmt::format("{} E {} W", state.style.errors, state.style.warnings) : "-";
}

void add_table(const Study& study, Pages& pages) {
  pages.heading(fmt::format("{:<7}{:<9}{:<8}{:<10}{:<12}{:>5}{:>5}{:>5}{:>5}", "", "applies", "builds", "warnings",
                            "checkpatch", "pass", "FAIL", "err", "skip"));
  for (const State& state : study.states) {
    std::string row = padded(study.name_of(state.number), 7) + padded(applies_word(state), 9) +
                      padded(builds_word(study, state), 8) + padded(warnings_word(state), 10) +
                      padded(style_word(state), 12);
    const Tally tally = tally_of(state);
    if (state.tested()) {
      row += fmt::format("{:>5}{:>5}{:>5}{:>5}", tally.passed, tally.failed, tally.errors, tally.skipped);
    }
    const bool bad = tally.failed > 0 || state.stage == Stage::kNotApplied || state.stage == Stage::kNotBuilt;
    const Style style = bad                                                  ? Style::kBad
                        : tally.errors > 0 || state.stage == Stage::kMissing ? Style::kOdd
                                                                             : Style::kPlain;
    pages.line({{row, style}});
    pages.put("       ", state.subject, Style::kFaint);
  }
}

/// Only what checkpatch complains of, and where.
void add_style(const Study& study, const State& state, Pages& pages) {
  if (state.number > 0 && !state.commit.empty() && !state.style.ran) {
    pages.put("  ", fmt::format("{}: checkpatch did not run: {}", study.name_of(state.number), state.style.reason));
  }
  if (state.style.errors + state.style.warnings == 0) return;
  pages.put("  ", fmt::format("{}: checkpatch finds {} and {}", study.name_of(state.number),
                              count_of(static_cast<size_t>(state.style.errors), "error"),
                              count_of(static_cast<size_t>(state.style.warnings), "warning")));
  std::string said;
  bool complaint = false;
  for (const std::string_view line : split(state.style.text, '\n')) {
    const bool place = complaint && line.starts_with("#") && line.find("FILE: ") != std::string_view::npos;
    complaint = line.starts_with("ERROR:") || line.starts_with("WARNING:");
    if (place) said += fmt::format("  {}\n", line.substr(line.find("FILE: ")));
    if (complaint) said += fmt::format("{}\n", line);
  }
  pages.quote(said);
}

void add_patches(const Study& study, Pages& pages) {
  Pages details(pages.width());
  for (const State& state : study.states) {
    const std::string name = study.name_of(state.number);
    if (!state.told.empty()) details.put("  ", fmt::format("{}: {}", name, state.told), Style::kBad);
    if (!state.said.empty()) details.quote(state.said);
    if (!state.note.empty()) details.put("  ", fmt::format("{}: applies {}", name, state.note), Style::kOdd);
    if (!state.warnings.empty()) {
      const bool range = state.compared_with + 1 != state.number;
      details.put("  ",
                  fmt::format("{} adds {}{}:", name, count_of(state.warnings.size(), "compiler warning"),
                              range ? " since " + study.name_of(state.compared_with) : ""),
                  Style::kOdd);
      std::string all;
      for (const Warning& warning : state.warnings) all += describe(warning) + "\n";
      details.quote(all);
    }
    add_style(study, state, details);
  }
  std::vector<Line> lines = std::move(details).take();
  if (lines.empty()) return;
  pages.heading("Patches");
  for (Line& line : lines) pages.line(std::move(line));
}

void add_levels(const Study& study, Pages& pages) {
  const auto levels = series::levels_of(study);
  if (levels.empty()) return;
  pages.heading("Levels that appear");
  for (const series::LevelNews& news : levels) {
    std::string text =
        fmt::format("with {}: {}", study.title_of(news.at),
                    count_of(static_cast<size_t>(news.passed), "case") + (news.passed == 1 ? " passes" : " pass"));
    if (news.failed > 0) text += fmt::format(", {} failed", news.failed);
    pages.put(padded("  " + news.level, 12), text, news.failed > 0 ? Style::kBad : Style::kGood);
  }
}

void add_changes(const Study& study, Pages& pages) {
  struct Section {
    Kind kind;
    std::string_view heading;
    Style style;
  };
  constexpr std::array kSections{Section{Kind::kBroke, "Broken", Style::kBad},
                                 Section{Kind::kFailsAtOnce, "Fails where it first runs", Style::kBad},
                                 Section{Kind::kFailsOtherwise, "Fails in another way", Style::kBad},
                                 Section{Kind::kUnsteady, "Fails now and then", Style::kOdd},
                                 Section{Kind::kLost, "No longer runs", Style::kOdd},
                                 Section{Kind::kRepaired, "Repaired", Style::kGood}};
  const auto changes = series::changes_of(study);
  for (const Section& section : kSections) {
    bool headed = false;
    for (const Change& change : changes) {
      if (change.kind != section.kind) continue;
      if (!headed) pages.heading(section.heading);
      headed = true;
      pages.put("  ", change.key, section.style);
      pages.put("    ", describe_change(study, change));
      const bool failure = !change.verdict.message.empty() && change.kind != Kind::kLost;
      if (failure) pages.put("    ", fmt::format("{}: {}", change.verdict.type, printable(change.verdict.message)));
    }
  }
}

void add_net(const Study& study, Pages& pages) {
  const int last = series::last_tested(study);
  if (last <= 0 || !study.states.front().tested()) return;
  pages.heading(fmt::format("{} against its base", study.name_of(last)));
  std::map<std::string, size_t> counts;
  for (const series::NetChange& change : series::net_changes(study)) {
    ++counts[fmt::format("{} -> {}", label(change.before), label(change.after.outcome))];
  }
  if (counts.empty()) pages.put("  ", "every case that was judged is as it was");
  for (const auto& [what, count] : counts) pages.put("  ", fmt::format("{}: {}", what, count_of(count, "case")));
}

Style style_of(Outcome outcome) {
  switch (outcome) {
    case Outcome::kPassed:
      return Style::kGood;
    case Outcome::kFailed:
      return Style::kBad;
    case Outcome::kSkipped:
      return Style::kFaint;
    default:
      return Style::kOdd;
  }
}

/// The rows of the matrix, and how many were left out because nothing happens in them.
std::vector<std::string> rows_of(const Study& study, size_t& left_out) {
  std::map<std::string, std::set<Outcome>> seen;
  for (const State& state : study.states) {
    for (const auto& [key, cell] : state.cells) seen[key].insert(cell.verdict().outcome);
  }
  std::vector<std::string> rows;
  for (const auto& [key, outcomes] : seen) {
    const bool quiet = outcomes == std::set{Outcome::kPassed} || outcomes == std::set{Outcome::kSkipped};
    if (seen.size() > kMostRows && quiet) {
      ++left_out;
    } else {
      rows.push_back(key);
    }
  }
  return rows;
}

/// Words where they fit beside the longest name, else letters, and under the name when even these do not.
void add_matrix(const Study& study, Pages& pages) {
  size_t left_out = 0;
  const std::vector<std::string> rows = rows_of(study, left_out);
  if (rows.empty()) return;
  size_t name_columns = 0;
  for (const std::string& key : rows) name_columns = std::max(name_columns, columns(key));
  std::vector<const State*> shown;
  for (const State& state : study.states) {
    if (state.tested()) shown.push_back(&state);
  }
  constexpr size_t kWordColumns = 7;
  const bool words = name_columns + 2 + kWordColumns * shown.size() <= pages.width();
  const size_t cell_columns = words ? kWordColumns : 5;
  const bool beside = name_columns + 2 + cell_columns * shown.size() <= pages.width();
  const std::string indent(beside ? name_columns + 2 : 4, ' ');
  const size_t per_line = std::max<size_t>(1, (pages.width() - indent.size()) / cell_columns);
  pages.heading(words ? "Cases" : "Cases (. passed, F failed, E not judged, s skipped, ~ both)");
  for (size_t begin = 0; begin < shown.size(); begin += per_line) {
    const size_t end = std::min(shown.size(), begin + per_line);
    Line head{{indent}};
    for (size_t i = begin; i < end; ++i) head.push_back({padded(study.name_of(shown[i]->number), cell_columns)});
    pages.line(std::move(head));
    for (const std::string& key : rows) {
      if (!beside) pages.line({{"  " + key}});
      Line line{{beside ? padded(key, indent.size()) : indent}};
      for (size_t i = begin; i < end; ++i) {
        const auto cell = shown[i]->cells.find(key);
        if (cell == shown[i]->cells.end()) {
          line.push_back({padded("-", cell_columns), Style::kFaint});
          continue;
        }
        const Outcome outcome = cell->second.verdict().outcome;
        const std::string text = words ? std::string(label(outcome)) : std::string(1, letter_of(outcome));
        line.push_back({padded(text, cell_columns), style_of(outcome)});
      }
      pages.line(std::move(line));
    }
  }
  if (left_out > 0) {
    pages.put("  ", fmt::format("{} more that pass everywhere or are skipped everywhere", left_out), Style::kFaint);
  }
}

}  // namespace

std::string describe_change(const Study& study, const Change& change) {
  const std::string at = change.certain()
                             ? fmt::format("with {}", study.title_of(change.at))
                             : fmt::format("between {} and {}", study.name_of(change.from), study.title_of(change.at));
  std::string text;
  switch (change.kind) {
    case Kind::kBroke:
      text = fmt::format("passed since {}, fails {}", study.name_of(change.since), at);
      break;
    case Kind::kFailsAtOnce:
      text = fmt::format("runs for the first time {}, and fails", at);
      break;
    case Kind::kFailsOtherwise:
      text = fmt::format("failed before as {}, and in another way {}", change.before, at);
      break;
    case Kind::kUnsteady:
      text = fmt::format("passed on {}, now and then fails {}", study.name_of(change.from), at);
      break;
    case Kind::kRepaired:
      text = fmt::format("failed on {}, passes {}", study.name_of(change.from), at);
      break;
    case Kind::kLost:
      text = fmt::format("ran on {}, is skipped {}: {}", study.name_of(change.from), at, change.verdict.message);
      break;
    case Kind::kAppears:
      text = fmt::format("was skipped on {}, passes {}", study.name_of(change.from), at);
      break;
  }
  if (series::is_fault(change.kind)) {
    text += change.repaired >= 0 ? fmt::format("; repaired by {}", study.name_of(change.repaired))
                                 : std::string("; no later patch repairs it");
  }
  return text;
}

char letter_of(Outcome outcome) {
  switch (outcome) {
    case Outcome::kPassed:
      return '.';
    case Outcome::kFailed:
      return 'F';
    case Outcome::kError:
      return 'E';
    case Outcome::kSkipped:
      return 's';
    case Outcome::kFlaky:
      return '~';
  }
  return '?';
}

std::vector<Line> series_lines(const Study& study, size_t width) {
  Pages pages(width);
  const std::string version = study.version.empty() ? "" : study.version + ", ";
  pages.put("series  ", fmt::format("{} ({}{})", study.title, version,
                                    fmt::format("{} patch{}", study.total(), study.total() == 1 ? "" : "es")));
  pages.put("base    ", fmt::format("{} \"{}\"", study.base.substr(0, 12), study.states.front().subject));
  const int code = series::exit_code_of(study);
  const Style style = code == 0 ? Style::kGood : code == 1 ? Style::kBad : Style::kOdd;
  pages.put("result  ", series::headline(study), style);
  for (const std::string& note : study.notes) pages.put("note    ", note, Style::kOdd);
  add_table(study, pages);
  add_patches(study, pages);
  add_levels(study, pages);
  add_changes(study, pages);
  add_net(study, pages);
  add_matrix(study, pages);
  return std::move(pages).take();
}

std::string series_mail(const Study& study) {
  std::string text;
  for (const Line& line : series_lines(study, kMailColumns)) {
    std::string row;
    for (const Span& span : line) row += printable(span.text);
    row.erase(row.find_last_not_of(' ') + 1);
    text += row + "\n";
  }
  return text;
}

}  // namespace holdfast::reports
