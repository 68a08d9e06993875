// What did the bisection find, for people and for programs?
#include "harness/bisect/findings.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "harness/base/text.h"

namespace holdfast::bisect {
namespace {

std::string short_id(const std::string& id) { return id.substr(0, 12); }

std::string named(const History& history, Node node) {
  const Commit& commit = history[node];
  return commit.subject.empty() ? short_id(commit.id) : fmt::format("{} (\"{}\")", short_id(commit.id), commit.subject);
}

std::string counts(const Record& record) {
  std::string text = fmt::format("failed {} of {}", record.failed, record.told());
  if (record.other > 0) text += fmt::format(", {} failed in another way", record.other);
  if (record.lab > 0) text += fmt::format(", {} spoilt by the lab", record.lab);
  return text;
}

std::string_view name_of(Ending ending) {
  switch (ending) {
    case Ending::kNone:
      return "unfinished";
    case Ending::kNamed:
      return "named";
    case Ending::kNamedSome:
      return "named-several";
    case Ending::kBadEndPasses:
      return "bad-end-passes";
    case Ending::kGoodEndFails:
      return "good-end-fails";
    case Ending::kEndUntestable:
      return "end-untestable";
    case Ending::kOutOfRuns:
      return "out-of-runs";
    case Ending::kLabDown:
      return "lab-down";
  }
  return {};
}

std::string_view name_of(Reverted reverted) {
  switch (reverted) {
    case Reverted::kNotTried:
      return "not tried";
    case Reverted::kImpossible:
      return "impossible";
    case Reverted::kPasses:
      return "passes";
    case Reverted::kStillFails:
      return "still fails";
    case Reverted::kUndecided:
      return "undecided";
  }
  return {};
}

std::string minutes(double seconds) {
  return seconds < 90 ? fmt::format("{:.0f} s", seconds) : fmt::format("{:.0f} min", seconds / 60);
}

std::string cost(const Spent& spent) {
  std::string builds = minutes(spent.build_seconds);
  if (spent.builds_ahead > 0) builds += fmt::format(", and {} beside runs", minutes(spent.ahead_seconds));
  return fmt::format("{} builds ({}) and {} runs ({})", spent.builds, builds, spent.runs, minutes(spent.run_seconds));
}

/// "CONFIG_A: n -> y, CONFIG_B: y -> n and 7 more".
std::string first_of(const std::vector<std::string>& changes) {
  constexpr size_t kShown = 3;
  std::vector<std::string> some(changes.begin(),
                                changes.begin() + static_cast<ptrdiff_t>(std::min(kShown, changes.size())));
  std::string text = join(some, ", ");
  if (changes.size() > kShown) text += fmt::format(" and {} more", changes.size() - kShown);
  return text;
}

std::string about_revert(const Progressed& found) {
  const Record& revert = found.bisection.revert();
  switch (found.bisection.reverted()) {
    case Reverted::kPasses:
      return fmt::format("the bad end passes without it ({})", counts(revert));
    case Reverted::kStillFails:
      return fmt::format("the bad end fails without it as well ({}): something after it breaks the same",
                         counts(revert));
    case Reverted::kImpossible:
      return "the bad end without it could not be tried: " + revert.untestable;
    default:
      return fmt::format("whether the bad end passes without it was not found out ({})", counts(revert));
  }
}

std::string about_end(const Progressed& found) {
  const History& history = found.bisection.history();
  const Record& bad = found.bisection.of(history.bad());
  const bool bad_is_it = !bad.untestable.empty();
  const Node node = bad_is_it ? history.bad() : history.good();
  return fmt::format("the {} end {} cannot be tested: {}", bad_is_it ? "bad" : "good", named(history, node),
                     found.bisection.of(node).untestable);
}

}  // namespace

int exit_code_of(Ending ending) {
  switch (ending) {
    case Ending::kNamed:
      return 0;
    case Ending::kBadEndPasses:
    case Ending::kGoodEndFails:
    case Ending::kOutOfRuns:
      return 1;
    case Ending::kNamedSome:
    case Ending::kEndUntestable:
      return 4;
    default:
      return 2;
  }
}

std::string headline(const Progressed& found) {
  const Bisection& bisection = found.bisection;
  const History& history = bisection.history();
  const auto suspects = bisection.likeliest();
  const Node likeliest = suspects.nodes.front();
  switch (bisection.ending()) {
    case Ending::kNamed:
      return fmt::format("the first bad commit is {}, with a confidence of {:.2f} %", named(history, likeliest),
                         100 * suspects.mass);
    case Ending::kNamedSome:
      return fmt::format("the first bad commit is one of {} that cannot be told apart, with a confidence of {:.2f} %",
                         suspects.nodes.size(), 100 * suspects.mass);
    case Ending::kBadEndPasses:
      return fmt::format("the bad end {} does not fail: it passed {} times", named(history, history.bad()),
                         bisection.of(history.bad()).passed);
    case Ending::kGoodEndFails:
      return fmt::format("the good end {} fails as well ({}): the fault is older", named(history, history.good()),
                         counts(bisection.of(history.good())));
    case Ending::kEndUntestable:
      return about_end(found);
    case Ending::kOutOfRuns:
      return fmt::format("the runs are used up; the likeliest first bad commit is {}, with only {:.1f} %",
                         named(history, likeliest), 100 * suspects.mass);
    case Ending::kLabDown:
      return "the lab spoilt run after run; mend it (`holdfast check`) and go on with --resume";
    case Ending::kNone:
      break;
  }
  return "the bisection is not at its end";
}

std::vector<std::string> to_text(const Progressed& found) {
  const Bisection& bisection = found.bisection;
  const History& history = bisection.history();
  std::vector<std::string> lines = {headline(found)};
  if (found.sought) {
    lines.push_back(
        fmt::format("  the failure: {} {}: {}", found.sought->key, found.sought->type, found.sought->message));
  }
  const auto suspects = bisection.likeliest();
  if (bisection.ending() == Ending::kNamed) {
    const Node culprit = suspects.nodes.front();
    lines.push_back(fmt::format("  it {}", counts(bisection.of(culprit))));
    for (const Node parent : history.parents(culprit)) {
      lines.push_back(fmt::format("  its parent {} {}", named(history, parent), counts(bisection.of(parent))));
    }
    lines.push_back("  " + about_revert(found));
  } else if (bisection.ending() == Ending::kNamedSome) {
    for (const Node node : suspects.nodes) lines.push_back("  one of them: " + named(history, node));
  }
  for (const CommitFinding& commit : commits_of(found)) {
    if (commit.kind == CommitFinding::Kind::kUntestable) {
      lines.push_back(fmt::format("  not tested: {}: {}", short_id(commit.commit), commit.told));
    }
  }
  for (const auto& [commit, told] : found.other_told) {
    for (const std::string& one : std::set<std::string>(told.begin(), told.end())) {
      lines.push_back(fmt::format("  also seen on {}: {}", short_id(commit), one));
    }
  }
  for (const auto& [commit, changes] : found.config_changes) {
    lines.push_back(fmt::format("  configured in another way: {}: {}", short_id(commit), first_of(changes)));
  }
  lines.push_back("  it took " + cost(found.spent));
  return lines;
}

std::string to_json(const Progressed& found, const Task& task) {
  using Json = nlohmann::json;
  const Bisection& bisection = found.bisection;
  const History& history = bisection.history();
  const auto suspects = bisection.likeliest();
  Json commits = Json::array();
  for (Node node = 0; node < history.size(); ++node) {
    const Record& record = bisection.of(node);
    if (!record.built && record.untestable.empty()) continue;
    commits.push_back({{"commit", history[node].id},
                       {"subject", history[node].subject},
                       {"failed", record.failed},
                       {"passed", record.passed},
                       {"other", record.other},
                       {"lab", record.lab},
                       {"build_id", record.build_id},
                       {"run_as", history[bisection.run_as(node)].id},
                       {"untestable", record.untestable},
                       {"probability", bisection.posterior().mass(node)}});
  }
  Json named = Json::array();
  for (const Node node : suspects.nodes) named.push_back(history[node].id);
  Json json = {{"ending", name_of(bisection.ending())},
               {"headline", headline(found)},
               {"tree", task.tree},
               {"good", task.good},
               {"bad", task.bad},
               {"filter", task.filter},
               {"suspects", named},
               {"confidence", suspects.mass},
               {"fail_rate", bisection.posterior().fail_rate()},
               {"reverted", name_of(bisection.reverted())},
               {"commits", commits},
               {"also_seen", found.other_told},
               {"config_changes", found.config_changes},
               {"builds", found.spent.builds},
               {"builds_ahead", found.spent.builds_ahead},
               {"build_seconds", found.spent.build_seconds},
               {"ahead_seconds", found.spent.ahead_seconds},
               {"run_seconds", found.spent.run_seconds},
               {"runs", found.spent.runs},
               {"seconds", found.spent.seconds()}};
  if (found.sought) {
    json["sought"] = {{"case", found.sought->key},
                      {"type", found.sought->type},
                      {"fingerprint", found.sought->fingerprint},
                      {"message", found.sought->message}};
  }
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::string describe(const Progressed& now, const Step& next) {
  using Do = Step::Do;
  const bool build = next.what == Do::kBuild || next.what == Do::kBuildRevert;
  const bool without = next.what == Do::kBuildRevert || next.what == Do::kRunRevert;
  const History& history = now.bisection.history();
  const auto suspects = now.bisection.likeliest();
  std::string text = fmt::format("{} {}{} ({})", build ? "build" : "run", without ? "the bad end without " : "",
                                 short_id(history[next.node].id), next.why);
  text += fmt::format("; so far {}", cost(now.spent));
  if (now.sought && !without) {
    text += fmt::format("; likeliest {} {:.1f} %, about {} left", short_id(history[suspects.nodes.front()].id),
                        100 * suspects.mass, minutes(now.bisection.expected_cost()));
  }
  return text;
}

std::vector<CommitFinding> commits_of(const Progressed& found) {
  using Kind = CommitFinding::Kind;
  const Bisection& bisection = found.bisection;
  const History& history = bisection.history();
  const Ending ending = bisection.ending();
  const Node culprit = bisection.likeliest().nodes.front();
  std::vector<CommitFinding> findings;
  for (Node node = 0; node < history.size(); ++node) {
    const Record& record = bisection.of(node);
    if (!record.built && record.untestable.empty()) continue;
    CommitFinding one{.commit = history[node].id, .subject = history[node].subject, .told = counts(record)};
    if (!record.untestable.empty()) {
      one.kind = Kind::kUntestable;
      one.told = record.untestable;
    } else if (ending == Ending::kNamed && node == culprit) {
      one.kind = Kind::kCulprit;
    } else if (record.failed > 0) {
      one.kind = Kind::kBad;
    }
    findings.push_back(std::move(one));
  }
  return findings;
}

}  // namespace holdfast::bisect
