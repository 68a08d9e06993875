// How does KernelCI's database take what came of a run?
#include "reports/kcidb.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <utility>

#include "harness/base/text.h"

namespace holdfast::reports {

namespace {

using Json = nlohmann::ordered_json;

constexpr size_t kExcerptLimit = 16000;  // the schema's 16384 characters, less what capped_tail says
constexpr int kMajor = 5;
constexpr int kMinor = 3;

/// `text` with every character that is not a letter, digit or one of `also` as '_'.
std::string only(std::string_view text, std::string_view also) {
  std::string clean(text);
  for (char& c : clean) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (!plain && also.find(c) == std::string_view::npos) c = '_';
  }
  return clean;
}

/// "holdfast.Preserve.DeviceKeepsItsAddress.e1000e".
std::string path_of(const CaseId& id) {
  std::string path = "holdfast";
  for (const std::string* part : {&id.suite, &id.name, &id.device}) {
    if (!part->empty()) path += "." + only(*part, "_-");
  }
  return path;
}

const char* status_of(const Verdict& verdict) {
  switch (verdict.outcome) {
    case Outcome::kPassed:
      return "PASS";
    case Outcome::kFailed:
    case Outcome::kFlaky:
      return "FAIL";
    case Outcome::kError:
      return verdict.type.starts_with("lab.") ? "MISS" : "ERROR";
    case Outcome::kSkipped:
      return "SKIP";
  }
  std::abort();
}

Json json_of(const Properties& properties) {
  Json object = Json::object();
  for (const auto& [name, value] : properties) object[printable(name)] = printable(value);
  return object;
}

std::string excerpt_of(const CaseSettled& settled) {
  std::string text;
  const auto add = [&](const Verdict& verdict) {
    for (const Evidence& piece : verdict.evidence) text += fmt::format("--- {} ---\n{}\n", piece.name, piece.text);
  };
  for (const AttemptEnded& attempt : settled.attempts) add(attempt.verdict);
  add(settled.verdict);
  return printable(capped_tail(text, kExcerptLimit / 4, ""));  // an escape makes four characters of a byte
}

/// When the first attempt at each case began: target, case.
using Starts = std::map<std::pair<std::string, CaseId>, WallClock::time_point>;

Result<Starts> starts_of(const RunResults& run) {
  Starts starts;
  TRY(tell_run(run.source, [&](const Event& event, WallClock::time_point at) {
    const auto* started = std::get_if<CaseStarted>(&event);
    if (started != nullptr) starts.try_emplace({started->where.target, started->where.id}, at);
  }));
  return starts;
}

Error refused(std::string_view flag, std::string_view value, std::string_view wanted) {
  return usage_error(fmt::format("{} \"{}\" is not {}", flag, printable(value), wanted));
}

bool is_origin(std::string_view text) {
  return !text.empty() &&
         std::ranges::all_of(text, [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_'; });
}

Result<void> check(const KcidbOptions& options) {
  if (!is_origin(options.origin)) {
    return refused("--origin", options.origin, "a name of lower case letters, digits and '_'");
  }
  const std::string_view build = options.build_id;
  const size_t colon = build.find(':');
  if (!build.empty() && (colon == std::string_view::npos || !is_origin(build.substr(0, colon)) ||
                         colon + 1 == build.size() || printable(build) != build)) {
    return refused("--build-id", build, "of the form origin:id");
  }
  const std::string_view url = options.artifacts_url;
  const bool web = url.starts_with("https://") || url.starts_with("http://");
  const bool plain = std::ranges::all_of(url, [](char c) { return c > ' ' && c < 0x7F && c != '"' && c != '<'; });
  if (!url.empty() && (!web || !plain)) return refused("--artifacts-url", url, "a web address");
  return {};
}

class Submission {
 public:
  Submission(const RunResults& run, const KcidbOptions& options, Starts starts)
      : run_(run), options_(options), starts_(std::move(starts)) {}

  std::string text() {
    Json whole;
    whole["version"] = {{"major", kMajor}, {"minor", kMinor}};
    for (const auto& [name, suite] : run_.record.suites()) add_suite(name, suite);
    if (!checkouts_.empty()) whole["checkouts"] = std::move(checkouts_);
    if (!builds_.empty()) whole["builds"] = std::move(builds_);
    whole["tests"] = std::move(tests_);
    return whole.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
  }

 private:
  void add_suite(const std::string& name, const SuiteRecord& suite) {
    Properties facts = run_.record.started().properties;
    for (const auto& [key, value] : suite.facts) facts.insert_or_assign(key, value);
    const std::string build = options_.build_id.empty() ? add_build(name, facts) : options_.build_id;
    for (const auto& [id, settled] : suite.cases) add_test(build, settled, suite, facts);
  }

  std::string add_build(const std::string& name, const Properties& facts) {
    const auto fact = [&](const char* key) { return facts.contains(key) ? facts.at(key) : std::string(); };
    const std::string ids = fact("kernel.build_id") + ".." + fact("next_kernel.build_id");
    const std::string id =
        fmt::format("{}:{}", options_.origin, only(ids == ".." ? run_.name() + "/" + name : ids, "_.-/"));
    if (std::ranges::find(known_, id) != known_.end()) return id;
    known_.push_back(id);
    Json checkout{{"id", id}, {"origin", options_.origin}};
    const std::string commit = fact("git_commit");
    if (commit.size() == 40 && commit.find_first_not_of("0123456789abcdef") == std::string::npos) {
      checkout["git_commit_hash"] = commit;
    }
    checkouts_.push_back(std::move(checkout));
    builds_.push_back({{"id", id},
                       {"origin", options_.origin},
                       {"checkout_id", id},
                       {"comment", printable(fmt::format("kexec from {} to {}", fact("kernel"), fact("next_kernel")))},
                       {"misc",
                        {{"kernel.build_id", printable(fact("kernel.build_id"))},
                         {"next_kernel.build_id", printable(fact("next_kernel.build_id"))}}}});
    return id;
  }

  void add_test(const std::string& build, const CaseSettled& settled, const SuiteRecord& suite,
                const Properties& facts) {
    const Verdict& verdict = settled.verdict;
    const std::string id = fmt::format("{}/{}/{}", run_.name(), settled.suite, settled.id.key());
    Json test{{"id", fmt::format("{}:{}", options_.origin, only(id, "_.-/"))},
              {"origin", options_.origin},
              {"build_id", build},
              {"path", path_of(settled.id)},
              {"status", status_of(verdict)}};
    if (!verdict.message.empty()) {
      test["comment"] = printable(
          fmt::format("{}{}: {}", verdict.outcome == Outcome::kFlaky ? "flaky, " : "", verdict.type, verdict.message));
    }
    const auto began = starts_.find({settled.target, settled.id});
    const auto start = began == starts_.end() ? suite.begun : began->second;
    if (start != WallClock::time_point()) test["start_time"] = iso_utc(start);
    test["duration"] = static_cast<double>(took(settled).count()) / 1000;
    if (const std::string excerpt = excerpt_of(settled); !excerpt.empty()) test["log_excerpt"] = excerpt;
    if (!options_.artifacts_url.empty() && !settled.attempts.empty() && !settled.attempts.back().dir.empty()) {
      const std::string_view base = options_.artifacts_url;
      test["log_url"] = fmt::format("{}{}{}/console.log", base, base.ends_with('/') ? "" : "/",
                                    only(settled.attempts.back().dir, "_.-/"));
    }
    test["environment"] = {{"comment", printable(settled.target)}, {"misc", json_of(facts)}};
    Json misc{{"type", printable(verdict.type)},
              {"attempts", settled.attempts.size()},
              {"replay", printable(settled.replay)}};
    misc["phases_ms"] = Json::object();
    for (const auto& [phase, span] : settled.phases) misc["phases_ms"][printable(phase)] = span.count();
    misc["milestones_ms"] = Json::object();
    for (const auto& [key, at] : settled.milestones) misc["milestones_ms"][printable(key)] = at.count();
    if (!settled.attempts.empty()) misc["properties"] = json_of(settled.attempts.back().properties);
    test["misc"] = std::move(misc);
    tests_.push_back(std::move(test));
  }

  const RunResults& run_;
  const KcidbOptions& options_;
  Starts starts_;
  std::vector<std::string> known_;
  Json checkouts_ = Json::array();
  Json builds_ = Json::array();
  Json tests_ = Json::array();
};

}  // namespace

Result<std::string> kcidb_json(const RunResults& run, const KcidbOptions& options) {
  TRY(check(options));
  return Submission(run, options, TRY(starts_of(run))).text();
}

}  // namespace holdfast::reports
