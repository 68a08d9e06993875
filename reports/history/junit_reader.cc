// What does a JUnit file say came of a run?
#include "reports/history/junit_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <map>
#include <optional>
#include <pugixml.hpp>
#include <set>
#include <utility>

#include "harness/base/text.h"
#include "reports/attempt_files.h"

namespace holdfast::reports {

using std::chrono::milliseconds;

namespace {

constexpr int kDeepestNesting = 8;

Error wrong(std::string what) { return harness_error("junit", std::move(what)); }

std::string attribute(pugi::xml_node node, const char* name) { return printable(node.attribute(name).value()); }

/// "1.250" or "1,001.250" as Surefire writes it. An attribute that is not there is no time at all: 0.
Result<milliseconds> time_of(pugi::xml_node node) {
  constexpr double kLongest = 1e9;  // 30 years
  std::string text = attribute(node, "time");
  std::erase(text, ',');
  if (text.empty()) return milliseconds(0);
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || !(value >= 0 && value < kLongest)) {
    return wrong(fmt::format("<{} name=\"{}\">: \"{}\" is no time", node.name(), attribute(node, "name"), text));
  }
  return milliseconds(std::llround(value * 1000));
}

CaseId id_of(pugi::xml_node testcase) {
  const std::string classname = attribute(testcase, "classname");
  const size_t dot = std::min(classname.find('.'), classname.size());
  return {.suite = classname.substr(0, dot),
          .name = attribute(testcase, "name"),
          .device = classname.substr(std::min(dot + 1, classname.size()))};
}

/// The value of a line "<label>: value" of a failure's text, or nothing when the line is another.
std::string_view after_label(std::string_view line, std::string_view label) {
  return line.starts_with(label) ? line.substr(label.size()) : std::string_view();
}

/// What stands under a failure. This program's text has lines with labels first, then pieces of evidence with a
/// heading each; any other is one piece as it is.
struct FailureText {
  std::string hint;
  std::string replay;
  std::string dir;
  std::vector<AttemptEnded> attempts;  ///< as far as their lines tell
  std::vector<Evidence> evidence;
};

/// "attempt 2: failed, kernel.hang: it was silent (1.500 s)", or nothing.
std::optional<AttemptEnded> read_attempt(std::string_view line) {
  constexpr std::string_view kBegin = "attempt ";
  constexpr std::string_view kEnd = " s)";
  const size_t colon = line.find(": ");
  const size_t open = line.rfind(" (");
  if (!line.starts_with(kBegin) || !line.ends_with(kEnd) || colon == std::string_view::npos || open < colon + 2) {
    return std::nullopt;
  }
  const std::string_view body = line.substr(colon + 2, open - colon - 2);
  const size_t comma = std::min(body.find(", "), body.size());
  const auto outcome = outcome_from(body.substr(0, comma));
  const auto number = parse_u64(line.substr(kBegin.size(), colon - kBegin.size()));
  std::string digits(line.substr(open + 2, line.size() - kEnd.size() - open - 2));
  std::erase(digits, '.');
  const auto ms = parse_u64(digits);
  if (!outcome || !number || *number > 1'000'000 || !ms || *ms > 1'000'000'000'000) return std::nullopt;
  AttemptEnded attempt;
  attempt.where.attempt = static_cast<int>(*number);
  attempt.verdict.outcome = *outcome;
  attempt.took = milliseconds(*ms);
  const std::string_view said = body.substr(std::min(comma + 2, body.size()));
  const size_t split_at = std::min(said.find(": "), said.size());
  attempt.verdict.type = said.substr(0, split_at);
  attempt.verdict.message = said.substr(std::min(split_at + 2, said.size()));
  return attempt;
}

FailureText read_failure(const std::string& text) {
  FailureText read;
  bool labels = true;  // among the lines with labels
  for (const std::string_view line : split(text, '\n')) {
    const bool heading = line.starts_with("--- ") && line.ends_with(" ---") && line.size() > 8;
    if (labels && line.starts_with("try: ")) {
      read.hint = after_label(line, "try: ");
    } else if (labels && line.starts_with("replay: ")) {
      read.replay = after_label(line, "replay: ");
    } else if (labels && line.starts_with("files: ")) {
      if (leads_inward(after_label(line, "files: "))) read.dir = after_label(line, "files: ");
    } else if (labels && (line.starts_with("attempt ") || line.empty())) {
      if (auto attempt = read_attempt(line)) read.attempts.push_back(*std::move(attempt));
    } else if (heading) {
      labels = false;
      read.evidence.push_back({.name = std::string(line.substr(4, line.size() - 8)), .text = {}});
    } else {
      labels = false;
      if (read.evidence.empty()) read.evidence.push_back({.name = "text", .text = {}});
      read.evidence.back().text += fmt::format("{}\n", line);
    }
  }
  for (Evidence& piece : read.evidence) piece.text = fmt::format("{}\n", trim(piece.text));
  return read;
}

/// Gives each piece of evidence to its attempt: "attempt 2: console" is the second one's, one without a number that of
/// the first which did not pass.
void hand_out(std::vector<Evidence> evidence, std::vector<AttemptEnded>& attempts) {
  for (Evidence& piece : evidence) {
    auto owner =
        std::ranges::find_if(attempts, [](const auto& one) { return one.verdict.outcome != Outcome::kPassed; });
    for (auto one = attempts.begin(); one != attempts.end(); ++one) {
      const std::string prefix = fmt::format("attempt {}: ", one->where.attempt);
      if (!piece.name.starts_with(prefix)) continue;
      piece.name.erase(0, prefix.size());
      owner = one;
      break;
    }
    if (owner != attempts.end()) owner->verdict.evidence.push_back(std::move(piece));
  }
}

Verdict verdict_of(pugi::xml_node element, Outcome outcome) {
  Verdict verdict{.outcome = outcome,
                  .type = attribute(element, "type"),
                  .message = attribute(element, "message"),
                  .hint = {},
                  .evidence = {}};
  if (verdict.message.empty()) {
    // Some programs give no message but a first line.
    verdict.message = std::string(trim(split(printable(element.text().get()), '\n').front()));
  }
  return verdict;
}

/// Reads the <testcase>s and <properties> of one <testsuite>.
class Suite {
 public:
  Suite(pugi::xml_node node, std::string name) : node_(node), name_(std::move(name)) {}

  /// Steps: each case by itself; then the suite's properties, of which those that begin with a case's key are that
  /// case's.
  Result<void> read(const EventTaker& take) {
    for (const pugi::xml_node testcase : node_.children("testcase")) TRY(add_case(testcase));
    for (const CaseId& id : repeated_) settle_again(cases_.at(id));  // once, however often it was repeated
    for (const pugi::xml_node property : node_.child("properties").children("property")) {
      add_property(attribute(property, "name"), attribute(property, "value"));
    }
    if (const std::string host = attribute(node_, "hostname"); !host.empty()) facts_["hostname"] = host;
    const auto begun = from_iso_utc(attribute(node_, "timestamp")).value_or(WallClock::time_point());
    take(SuiteFacts{.suite = name_, .properties = facts_}, begun);
    for (const CaseId& id : order_) take(std::move(cases_.at(id)), begun);
    return {};
  }
  const Properties& facts() const { return facts_; }

 private:
  Result<void> add_case(pugi::xml_node testcase) {
    CaseId id = id_of(testcase);
    if (id.name.empty()) return wrong(fmt::format("suite \"{}\": a <testcase> has no name", name_));
    const milliseconds took = TRY(time_of(testcase));
    CaseSettled settled{.suite = name_,
                        .target = name_.substr(0, name_.find('/')),
                        .id = id,
                        .verdict = {},
                        .attempts = {},
                        .phases = {},
                        .replay = {}};
    add_outcome(settled, testcase, took);
    for (const pugi::xml_node property : testcase.child("properties").children("property")) {
      own_property(settled, attribute(property, "name"), attribute(property, "value"));
    }
    const auto [known, is_new] = cases_.try_emplace(id, settled);
    if (is_new) {
      order_.push_back(id);
      keys_.emplace(id.key(), id);
    } else {  // a name that stands there twice is one case that was run twice
      auto& attempts = known->second.attempts;
      for (AttemptEnded attempt : settled.attempts) {
        attempt.where.attempt = static_cast<int>(attempts.size()) + 1;
        attempts.push_back(std::move(attempt));
      }
      repeated_.insert(id);
    }
    return {};
  }

  static void settle_again(CaseSettled& settled) {
    std::vector<Verdict> verdicts;
    for (const AttemptEnded& attempt : settled.attempts) verdicts.push_back(attempt.verdict);
    if (!verdicts.empty()) settled.verdict = settle(verdicts);
  }

  /// The verdict, and the attempts that the text under it or the elements beside it speak of. A case that was skipped
  /// had none.
  static void add_outcome(CaseSettled& settled, pugi::xml_node testcase, milliseconds took) {
    constexpr std::string_view kFlaky = "flaky: ";
    FailureText failure;
    Verdict& verdict = settled.verdict;
    const std::vector<std::pair<const char*, Outcome>> elements = {
        {"skipped", Outcome::kSkipped}, {"error", Outcome::kError}, {"failure", Outcome::kFailed}};
    for (const auto& [name, outcome] : elements) {
      const pugi::xml_node element = testcase.child(name);
      if (!element) continue;
      verdict = verdict_of(element, outcome);
      failure = read_failure(printable(element.text().get()));
      verdict.hint = failure.hint;
    }
    if (verdict.outcome == Outcome::kSkipped) return;
    const auto passed = [](const AttemptEnded& one) { return one.verdict.outcome == Outcome::kPassed; };
    if (verdict.outcome == Outcome::kFailed && verdict.message.starts_with(kFlaky) &&
        std::ranges::any_of(failure.attempts, passed)) {
      verdict.outcome = Outcome::kFlaky;
      verdict.message.erase(0, kFlaky.size());
    }
    settled.replay = failure.replay;
    settled.attempts = std::move(failure.attempts);
    if (settled.attempts.empty()) settled.attempts = attempts_beside(testcase, verdict, took);
    for (AttemptEnded& attempt : settled.attempts) {
      attempt.where.target = settled.target;
      attempt.where.id = settled.id;
    }
    settled.attempts.back().dir = failure.dir;
    hand_out(std::move(failure.evidence), settled.attempts);
  }

  /// One attempt for each of Surefire's elements, and a last one that came to the verdict.
  static std::vector<AttemptEnded> attempts_beside(pugi::xml_node testcase, const Verdict& verdict, milliseconds took) {
    std::vector<AttemptEnded> attempts;
    const auto add = [&](Verdict one) {
      attempts.emplace_back();
      attempts.back().where.attempt = static_cast<int>(attempts.size());
      attempts.back().verdict = std::move(one);
    };
    for (const pugi::xml_node child : testcase.children()) {
      const std::string_view name = child.name();
      if (name == "flakyFailure" || name == "rerunFailure") add(verdict_of(child, Outcome::kFailed));
      if (name == "flakyError" || name == "rerunError") add(verdict_of(child, Outcome::kError));
    }
    add(verdict);
    attempts.back().took = took;
    return attempts;
  }

  void add_property(const std::string& name, const std::string& value) {
    const size_t colon = name.find(": ");
    const auto of_case = colon == std::string::npos ? keys_.end() : keys_.find(name.substr(0, colon));
    if (of_case == keys_.end()) {
      facts_[name] = value;
    } else {
      own_property(cases_.at(of_case->second), name.substr(colon + 2), value);
    }
  }

  /// "boot" of "phase.boot.ms".
  static std::optional<std::string> timed_name(std::string_view kind, std::string_view property) {
    constexpr std::string_view kUnit = ".ms";
    if (!property.starts_with(kind) || !property.ends_with(kUnit)) return std::nullopt;
    if (property.size() <= kind.size() + kUnit.size()) return std::nullopt;
    return std::string(property.substr(kind.size(), property.size() - kind.size() - kUnit.size()));
  }

  static void own_property(CaseSettled& settled, const std::string& name, const std::string& value) {
    if (settled.attempts.empty() || name == "attempts") return;
    const auto span = parse_u64(value);
    if (const auto phase = timed_name("phase.", name); phase && span && *span < 1'000'000'000'000) {
      settled.phases[*phase] = milliseconds(*span);
    } else if (const auto key = timed_name("milestone.", name); key && span && *span < 1'000'000'000'000) {
      settled.milestones[*key] = milliseconds(*span);
    } else {
      settled.attempts.back().properties[name] = value;
    }
  }

  pugi::xml_node node_;
  std::string name_;
  Properties facts_;
  std::map<CaseId, CaseSettled> cases_;
  std::vector<CaseId> order_;
  std::set<CaseId> repeated_;
  std::multimap<std::string, CaseId> keys_;
};

/// The whole document.
class Document {
 public:
  Document(pugi::xml_node root, const EventTaker& take) : root_(root), take_(take) {}

  Result<void> read() {
    const std::string_view name = root_.name();
    if (name != "testsuites" && name != "testsuite") {
      return wrong(fmt::format("the document is <{}>, not <testsuites>", printable(name)));
    }
    TRY(read_suites(root_, 0));
    if (attribute(root_, "name") == "holdfast") TRY(check_count());
    const milliseconds took = TRY(time_of(root_));
    RunStarted started;
    started.run_id = facts_.contains("run_id") ? facts_.at("run_id") : "";
    take_(started, last_);
    if (facts_.contains("run.interrupted")) {
      const bool interrupted = facts_.at("run.interrupted") == "true";
      take_(
          RunEnded{
              .tally = tally_, .interrupted = interrupted, .exit_code = exit_code(tally_, interrupted), .took = took},
          last_);
    }
    return {};
  }

 private:
  Result<void> read_suites(pugi::xml_node parent, int depth) {
    if (depth > kDeepestNesting) return wrong("its suites are nested too deeply");
    if (parent.child("testcase")) {
      const std::string name = attribute(parent, "name");
      Suite suite(parent, name.empty() ? "suite" : name);
      const EventTaker counted = [&](Event event, WallClock::time_point at) {
        const auto* settled = std::get_if<CaseSettled>(&event);
        if (settled != nullptr) tally_.add(settled->verdict.outcome);
        last_ = at;
        take_(std::move(event), at);
      };
      TRY(suite.read(counted));
      facts_.insert(suite.facts().begin(), suite.facts().end());
    }
    for (const pugi::xml_node child : parent.children("testsuite")) TRY(read_suites(child, depth + 1));
    return {};
  }

  /// What this program wrote counts itself: a file that was cut and mended, or edited, shows.
  Result<void> check_count() const {
    const auto counted = parse_u64(attribute(root_, "tests"));
    const auto there = static_cast<uint64_t>(tally_.total());
    if (counted == there) return {};
    return wrong(fmt::format("it counts {} cases but has {}", attribute(root_, "tests"), there));
  }

  pugi::xml_node root_;
  const EventTaker& take_;
  WallClock::time_point last_;  ///< of what was told last
  Properties facts_;
  Tally tally_;
};

}  // namespace

Result<void> tell_junit(std::string xml, const EventTaker& take) {
  pugi::xml_document document;
  // No document type: its entities are a way to make a small file large.
  if (xml.find("<!DOCTYPE") != std::string_view::npos) return wrong("it has a document type, which is not read");
  const auto parsed = document.load_buffer_inplace(xml.data(), xml.size(), pugi::parse_default, pugi::encoding_utf8);
  if (!parsed) return wrong(fmt::format("no XML: {} at byte {}", parsed.description(), parsed.offset));
  return Document(document.document_element(), take).read();
}

}  // namespace holdfast::reports
