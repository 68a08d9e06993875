// How do CI servers learn what came of the run?
#include "reports/junit.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <functional>
#include <pugixml.hpp>
#include <utility>
#include <vector>

#include "harness/base/atomic_file.h"
#include "harness/base/text.h"
#include "reports/attempt_files.h"

namespace holdfast::reports {

namespace fs = std::filesystem;

namespace {

// pugixml writes control characters as references that XML 1.0 forbids and lets bad UTF-8 through: everything that
// goes into the document goes through these two.
void set(pugi::xml_node node, const char* name, std::string_view value) {
  node.append_attribute(name).set_value(printable(value).c_str());
}

/// Text from anywhere. What a server would take for the name of a file that it is to attach is no such name any more: a
/// console that says [[ATTACHMENT|/some/key]] would have it published.
void set_text(pugi::xml_node node, std::string_view text) {
  constexpr std::string_view kNotation = "[[ATTACHMENT|";
  std::string clean = printable(text);
  for (size_t at = clean.find(kNotation); at != std::string::npos; at = clean.find(kNotation, at))
    clean.insert(at + 1, 1, ' ');
  node.append_child(pugi::node_pcdata).set_value(clean.c_str());
}

void add_property(pugi::xml_node properties, std::string_view name, std::string_view value) {
  pugi::xml_node property = properties.append_child("property");
  set(property, "name", name);
  set(property, "value", value);
}

/// What one attempt came to, in a line: "attempt 1: failed, kernel.hang: kernel B was silent (4.200 s)".
std::string attempt_line(const AttemptEnded& attempt, const std::string& planned_on) {
  const Verdict& verdict = attempt.verdict;
  std::string line = fmt::format("attempt {}{}: {}", attempt.where.attempt, elsewhere(attempt.where, planned_on),
                                 to_string(verdict.outcome));
  if (!verdict.type.empty()) line += fmt::format(", {}: {}", verdict.type, verdict.message);
  return line + fmt::format(" ({} s)\n", seconds(attempt.took));
}

void append_evidence(std::string& text, const std::vector<Evidence>& evidence, std::string_view of) {
  for (const Evidence& piece : evidence) {
    text += fmt::format("\n--- {}{} ---\n{}{}", of, piece.name, piece.text, piece.text.ends_with('\n') ? "" : "\n");
  }
}

/// The text under a failure: what to do, how to see it again, and what the verdict rests on.
std::string failure_text(const CaseSettled& settled) {
  std::string text;
  if (!settled.verdict.hint.empty()) text += fmt::format("try: {}\n", settled.verdict.hint);
  if (!settled.replay.empty()) text += fmt::format("replay: {}\n", settled.replay);
  for (const AttemptEnded& attempt : settled.attempts) text += attempt_line(attempt, settled.target);
  for (const AttemptEnded& attempt : settled.attempts) {
    if (!attempt.dir.empty()) text += fmt::format("files: {}\n", attempt.dir);
  }
  std::string evidence;
  for (const AttemptEnded& attempt : settled.attempts) {
    const bool several = settled.attempts.size() > 1;
    append_evidence(evidence, attempt.verdict.evidence,
                    several ? fmt::format("attempt {}: ", attempt.where.attempt) : "");
  }
  append_evidence(evidence, settled.verdict.evidence, "");
  const std::string where = settled.attempts.empty() ? "" : settled.attempts.back().dir;
  return text + capped_tail(evidence, kCaseTextLimit, where);
}

/// An element that says of one attempt among several what came of it, named as Surefire names these.
void add_attempt(pugi::xml_node testcase, const CaseSettled& settled, const AttemptEnded& attempt, const char* name) {
  pugi::xml_node node = testcase.append_child(name);
  set(node, "message", attempt.verdict.message);
  set(node, "type", attempt.verdict.type);
  std::string text = attempt_line(attempt, settled.target);
  if (settled.verdict.outcome == Outcome::kPassed) append_evidence(text, attempt.verdict.evidence, "");
  set_text(node, capped_tail(text, kEvidenceLimit, attempt.dir));
}

/// Surefire's elements for attempts that did not decide the case by themselves: flaky… under a case that passed in the
/// end, rerun… under one that counts as failed, where the first one is told by <failure> or <error> already. A flaky
/// case is of the second kind: readers take a case with a flaky… element for one that passed.
void add_other_attempts(pugi::xml_node testcase, const CaseSettled& settled) {
  const bool passed = settled.verdict.outcome == Outcome::kPassed;
  const bool error_told = settled.verdict.outcome == Outcome::kError;
  bool told = passed;
  for (const AttemptEnded& attempt : settled.attempts) {
    const Outcome outcome = attempt.verdict.outcome;
    if (outcome == Outcome::kPassed || outcome == Outcome::kSkipped) continue;
    const bool error = outcome == Outcome::kError;
    if (!told && error == error_told && settled.verdict.message.ends_with(attempt.verdict.message)) {
      told = true;
      continue;
    }
    const char* name = passed ? (error ? "flakyError" : "flakyFailure") : (error ? "rerunError" : "rerunFailure");
    add_attempt(testcase, settled, attempt, name);
  }
}

void add_outcome(pugi::xml_node testcase, const CaseSettled& settled) {
  const Verdict& verdict = settled.verdict;
  if (verdict.outcome == Outcome::kPassed) return;
  const bool failed = verdict.outcome == Outcome::kFailed || verdict.outcome == Outcome::kFlaky;
  const bool skipped = verdict.outcome == Outcome::kSkipped;
  pugi::xml_node node = testcase.append_child(failed ? "failure" : skipped ? "skipped" : "error");
  set(node, "type", verdict.type);
  set(node, "message", verdict.outcome == Outcome::kFlaky ? "flaky: " + verdict.message : verdict.message);
  if (!skipped) {
    set_text(node, failure_text(settled));
  } else if (!verdict.hint.empty()) {
    set_text(node, fmt::format("try: {}", verdict.hint));
  }
}

/// The files in an attempt's folder, in the notation that Jenkins and GitLab show as attachments.
std::string attachments(const fs::path& run_dir, const CaseSettled& settled, const fs::path& base) {
  std::string lines;
  for (const AttemptEnded& attempt : settled.attempts) {
    for (const fs::path& file : attempt_files(run_dir, attempt.dir)) {
      const fs::path relative = file.lexically_relative(base);
      const bool below = !relative.empty() && *relative.begin() != "..";
      lines += fmt::format("[[ATTACHMENT|{}]]\n", (below ? relative : file).string());
    }
  }
  return lines;
}

struct StringWriter : pugi::xml_writer {
  std::string text;
  void write(const void* piece, size_t size) override { text.append(static_cast<const char*>(piece), size); }
};

/// As pugixml writes the value of an attribute.
void append_escaped(std::string& to, std::string_view value) {
  for (const char c : printable(value)) {  // of control characters it leaves tab and newline
    switch (c) {
      case '&':
        to += "&amp;";
        break;
      case '<':
        to += "&lt;";
        break;
      case '>':
        to += "&gt;";
        break;
      case '"':
        to += "&quot;";
        break;
      case '\t':
        to += "&#9;";
        break;
      case '\n':
        to += "&#10;";
        break;
      default:
        to += c;
    }
  }
}

/// A document that is put out element by element: only the one under way is held, however many cases there are.
class XmlStream {
 public:
  explicit XmlStream(const TextSink& out) : out_(out) { out_("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"); }

  /// Begins an element that others follow in; `fill` gives it its attributes.
  template <class Fill>
  void open(const char* name, Fill fill) {
    std::string head = printed(name, fill);
    const size_t end = head.rfind("/>");
    head.erase(head.find_last_not_of(' ', end - 1) + 1);
    out_(head + ">\n");
    open_.emplace_back(name);
  }
  /// <property name="..." value="..."/>. A large run has millions of them, so these are written without a tree.
  void property(std::string_view name, std::string_view value) {
    text_.assign(2 * open_.size(), ' ');
    text_ += "<property name=\"";
    append_escaped(text_, name);
    text_ += "\" value=\"";
    append_escaped(text_, value);
    text_ += "\" />\n";
    out_(text_);
  }
  /// An element with all that is in it.
  template <class Fill>
  void element(const char* name, Fill fill) {
    out_(printed(name, fill));
  }
  void close() {
    const std::string name = std::move(open_.back());
    open_.pop_back();
    out_(fmt::format("{:{}}</{}>\n", "", 2 * open_.size(), name));
  }

 private:
  template <class Fill>
  std::string printed(const char* name, Fill fill) const {
    pugi::xml_document document;
    pugi::xml_node node = document.append_child(name);
    fill(node);
    StringWriter writer;
    node.print(writer, "  ", pugi::format_indent, pugi::encoding_utf8, static_cast<unsigned>(open_.size()));
    return std::move(writer.text);
  }

  const TextSink& out_;
  std::vector<std::string> open_;
  std::string text_;  ///< of the property under way
};

/// What all elements of a document are written with.
struct Setting {
  const RunRecord& record;
  std::string hostname;
  fs::path base;  ///< of attachments' paths
  JunitDialect dialect;
};

/// Takes a property's name and value.
using PropertySink = std::function<void(std::string_view, std::string_view)>;

/// What of a case changes from run to run, each under a name that begins with `prefix`.
void tell_case_properties(const PropertySink& add, const CaseSettled& settled, const std::string& prefix) {
  if (settled.attempts.empty()) return;
  for (const auto& [name, value] : settled.attempts.back().properties) add(prefix + name, value);
  for (const auto& [phase, took_for] : settled.phases) {
    add(fmt::format("{}phase.{}.ms", prefix, phase), std::to_string(took_for.count()));
  }
  for (const auto& [key, at] : settled.milestones) {
    add(fmt::format("{}milestone.{}.ms", prefix, key), std::to_string(at.count()));
  }
  if (settled.attempts.size() > 1) {
    add(prefix + "attempts", std::to_string(settled.attempts.size()));
  }
}

/// The attributes and properties of a case that the strict schema has no place for.
void add_extension(pugi::xml_node testcase, const CaseSettled& settled) {
  if (settled.attempts.empty()) return;
  const Properties& known = settled.attempts.back().properties;
  for (const char* name : {"file", "line"}) {
    const auto found = known.find(fmt::format("case.{}", name));
    if (found != known.end()) set(testcase, name, found->second);
  }
  pugi::xml_node properties = testcase.append_child("properties");
  tell_case_properties([&](auto name, auto value) { add_property(properties, name, value); }, settled, "");
}

void fill_case(pugi::xml_node testcase, const CaseSettled& settled, const Setting& setting) {
  set(testcase, "name", settled.id.name);
  set(testcase, "classname", settled.id.classname());
  set(testcase, "time", seconds(took(settled)));
  if (setting.dialect == JunitDialect::kExtended) add_extension(testcase, settled);
  add_outcome(testcase, settled);
  add_other_attempts(testcase, settled);
  const std::string attached = attachments(setting.record.started().out_dir, settled, setting.base);
  if (!attached.empty()) testcase.append_child("system-out").text().set(printable(attached).c_str());
}

Properties facts_of(const SuiteRecord& suite, const RunRecord& record) {
  Properties facts = record.started().properties;
  facts["run_id"] = record.started().run_id;
  if (record.ended()) facts["run.interrupted"] = record.ended()->interrupted ? "true" : "false";
  for (const auto& [key, value] : suite.facts) facts.insert_or_assign(key, value);
  return facts;
}

void write_properties(XmlStream& xml, const std::string& name, const SuiteRecord& suite, const Setting& setting) {
  xml.open("properties", [](pugi::xml_node) {});
  const PropertySink add = [&](std::string_view key, std::string_view value) { xml.property(key, value); };
  for (const auto& [key, value] : facts_of(suite, setting.record)) add(key, value);
  int number = 0;
  for (const std::string& recovery : setting.record.recoveries(name))
    add(fmt::format("recovery.{}", ++number), recovery);
  if (setting.dialect == JunitDialect::kStrict) {
    for (const auto& [id, settled] : suite.cases) tell_case_properties(add, settled, id.key() + ": ");
  }
  xml.close();
}

void write_suite(XmlStream& xml, const std::string& name, const SuiteRecord& suite, const Setting& setting) {
  const Tally tally = suite.tally();
  const auto own_host = suite.facts.find("hostname");
  xml.open("testsuite", [&](pugi::xml_node node) {
    set(node, "name", name);
    set(node, "tests", std::to_string(tally.total()));
    set(node, "failures", std::to_string(tally.failed));
    set(node, "errors", std::to_string(tally.errors));
    set(node, "skipped", std::to_string(tally.skipped));
    set(node, "time", seconds(suite.took()));
    set(node, "timestamp", iso_utc(suite.begun));
    set(node, "hostname", own_host == suite.facts.end() ? setting.hostname : own_host->second);
  });
  write_properties(xml, name, suite, setting);
  for (const auto& [id, settled] : suite.cases) {
    xml.element("testcase", [&](pugi::xml_node testcase) { fill_case(testcase, settled, setting); });
  }
  if (const auto& warnings = setting.record.warnings(); !warnings.empty()) {
    xml.element("system-err",
                [&](pugi::xml_node node) { set_text(node, capped_tail(join(warnings, "\n"), kCaseTextLimit, "")); });
  }
  xml.close();
}

std::string host_name() {
  std::array<char, 256> name = {};
  return ::gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "unknown";
}

}  // namespace

void write_junit(const RunRecord& record, const JunitSetting& of, const TextSink& out) {
  const Setting setting{.record = record, .hostname = of.hostname, .base = of.attachments_base, .dialect = of.dialect};
  const Tally tally = record.tally();
  const auto fill = [&](pugi::xml_node root) {
    set(root, "name", "holdfast");
    set(root, "tests", std::to_string(tally.total()));
    set(root, "failures", std::to_string(tally.failed));
    set(root, "errors", std::to_string(tally.errors));
    if (of.dialect == JunitDialect::kExtended) set(root, "skipped", std::to_string(tally.skipped));
    set(root, "time", seconds(record.took()));
  };
  XmlStream xml(out);
  if (record.suites().empty()) return xml.element("testsuites", fill);
  xml.open("testsuites", fill);
  for (const auto& [name, suite] : record.suites()) write_suite(xml, name, suite, setting);
  xml.close();
}

std::string junit_xml(const RunRecord& record, const std::string& hostname, const fs::path& attachments_base,
                      JunitDialect dialect) {
  std::string text;
  const JunitSetting setting{.hostname = hostname, .attachments_base = attachments_base, .dialect = dialect};
  write_junit(record, setting, [&](std::string_view piece) { text += piece; });
  return text;
}

Result<void> write_junit_file(const RunRecord& record, const JunitSetting& setting, const fs::path& path) {
  AtomicFile file = TRY(AtomicFile::create(path));
  write_junit(record, setting, [&](std::string_view piece) { file.put(piece); });
  return file.commit();
}

JunitReport::JunitReport(fs::path file, OnTrouble on_trouble, RunRecord::Now now, JunitDialect dialect,
                         std::shared_ptr<const RunRecord> shared)
    : file_(std::move(file)),
      hostname_(host_name()),
      dialect_(dialect),
      trouble_(std::move(on_trouble)),
      record_(std::move(now), std::move(shared)),
      not_before_(Steady::now()) {}

void JunitReport::on(const Event& event) {
  record_.add(event);
  const bool ended = std::holds_alternative<RunEnded>(event);
  if (std::holds_alternative<CaseSettled>(event)) {
    ++settled_;
    stale_ = true;
  }
  const bool due = settled_ <= kAlwaysRewrite || Steady::now() >= not_before_;
  if (ended || (stale_ && due)) rewrite();
}

void JunitReport::rewrite() {
  const auto begun = Steady::now();
  std::error_code unknown;  // without a current folder paths stay absolute
  const JunitSetting setting{.hostname = hostname_, .attachments_base = fs::current_path(unknown), .dialect = dialect_};
  trouble_.check(write_junit_file(*record_, setting, file_));
  const auto end = Steady::now();
  not_before_ = end + kPauseFactor * (end - begun);
  stale_ = false;
  ++rewrites_;
}

}  // namespace holdfast::reports
