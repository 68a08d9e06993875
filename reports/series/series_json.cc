// What came of a patch series, for programs?
#include "reports/series/series_json.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "harness/base/text.h"

namespace holdfast::reports {
namespace {

using series::Change;
using series::State;
using series::Study;
using Json = nlohmann::json;
using Stage = State::Stage;

std::string_view name_of(Stage stage) {
  switch (stage) {
    case Stage::kLeftOut:
      return "not-built";
    case Stage::kTested:
      return "tested";
    case Stage::kMissing:
      return "missing";
    case Stage::kNotApplied:
      return "does-not-apply";
    case Stage::kNotTried:
      return "not-tried";
    case Stage::kNotBuilt:
      return "does-not-build";
  }
  return {};
}

std::string_view name_of(Change::Kind kind) {
  using Kind = Change::Kind;
  switch (kind) {
    case Kind::kAppears:
      return "appears";
    case Kind::kFailsAtOnce:
      return "fails-at-once";
    case Kind::kBroke:
      return "broke";
    case Kind::kRepaired:
      return "repaired";
    case Kind::kFailsOtherwise:
      return "fails-otherwise";
    case Kind::kUnsteady:
      return "unsteady";
    case Kind::kLost:
      return "lost";
  }
  return {};
}

Json json_of(const Warning& warning) {
  return {{"file", warning.file}, {"line", warning.line}, {"text", warning.text}};
}

Json json_of(const State& state) {
  Json warnings = Json::array();
  for (const Warning& warning : state.warnings) warnings.push_back(json_of(warning));
  Json cases = Json::object();
  for (const auto& [key, cell] : state.cells) {
    const Verdict verdict = cell.verdict();
    cases[key] = {{"outcome", to_string(verdict.outcome)}, {"runs", cell.runs.size()}};
    if (!verdict.type.empty()) cases[key]["type"] = verdict.type;
    if (!verdict.message.empty()) cases[key]["message"] = verdict.message;
    for (const std::string& fingerprint : cell.fingerprints) {
      if (!fingerprint.empty()) cases[key]["fingerprint"] = fingerprint;
    }
  }
  Json json = {{"number", state.number},
               {"subject", state.subject},
               {"commit", state.commit},
               {"stage", name_of(state.stage)},
               {"told", state.told},
               {"said", state.said},
               {"note", state.note},
               {"new_warnings", warnings},
               {"build_id", state.build_id},
               {"cases", cases},
               {"run", state.run_folder.string()},
               {"build_ms", state.build_took.count()},
               {"run_ms", state.run_took.count()},
               {"same_as", nullptr},
               {"warnings_compared_with", nullptr},
               {"checkpatch", nullptr}};
  if (state.same_as >= 0) json["same_as"] = state.same_as;
  if (state.compared_with >= 0) json["warnings_compared_with"] = state.compared_with;
  if (state.style.ran) {
    json["checkpatch"] = {
        {"errors", state.style.errors}, {"warnings", state.style.warnings}, {"text", state.style.text}};
  }
  return json;
}

/// A case that is about the patch, settled with one attempt.
CaseSettled settled(const State& state, const CaseId& id, const std::vector<Verdict>& runs,
                    std::chrono::milliseconds took) {
  CaseSettled event;
  event.suite = suite_of(state);
  event.target = "series";
  event.id = id;
  event.verdict = settle(runs);
  if (event.verdict.outcome == Outcome::kSkipped) return event;
  for (size_t i = 0; i < runs.size(); ++i) {
    AttemptEnded attempt;
    attempt.where = {.target = event.target, .id = id, .attempt = static_cast<int>(i) + 1};
    attempt.verdict = runs[i];
    if (i == 0) attempt.took = took;
    event.attempts.push_back(std::move(attempt));
  }
  return event;
}

Verdict with_evidence(Error error, const State& state) {
  if (!state.said.empty()) error = std::move(error).with("output", state.said);
  return Verdict::from(error);
}

Verdict applies(const State& state) {
  if (state.stage == Stage::kMissing) return Verdict::from(usage_error(state.told));
  if (state.stage == Stage::kNotTried) return Verdict::from(cannot(state.told));
  if (state.stage == Stage::kNotApplied) return with_evidence(kernel_error("apply", state.told), state);
  return Verdict::passed();
}

Verdict builds(const State& state) {
  if (state.stage == Stage::kNotBuilt) return with_evidence(kernel_error("build", state.told), state);
  if (state.stage == Stage::kTested) return Verdict::passed();
  return Verdict::from(cannot(state.told.empty() ? "only base and tip are built" : state.told));
}

Properties facts_of(const Study& study, const State& state) {
  Properties facts = {{"commit", state.commit}, {"subject", state.subject}, {"series", study.title}};
  if (!state.build_id.empty()) facts["kernel.build_id"] = state.build_id;
  if (state.same_as >= 0) facts["same_kernel_as"] = study.name_of(state.same_as);
  if (!state.note.empty()) facts["applies"] = state.note;
  if (state.compared_with >= 0) facts["new_warnings"] = std::to_string(state.warnings.size());
  for (size_t i = 0; i < state.warnings.size(); ++i) {
    facts[fmt::format("new_warning.{}", i + 1)] = describe(state.warnings[i]);
  }
  if (state.style.ran) {
    facts["checkpatch.errors"] = std::to_string(state.style.errors);
    facts["checkpatch.warnings"] = std::to_string(state.style.warnings);
  }
  return facts;
}

/// "Preserve.DeviceKeepsItsAddress/e1000e".
CaseId id_of(const std::string& key) {
  const std::string name = key.substr(0, key.find('/'));
  CaseId id;
  id.suite = name.substr(0, name.find('.'));
  if (name.size() > id.suite.size()) id.name = name.substr(id.suite.size() + 1);
  if (key.size() > name.size()) id.device = key.substr(name.size() + 1);
  return id;
}

}  // namespace

std::string suite_of(const State& state) { return fmt::format("{:02} {}", state.number, state.subject); }

std::string series_json(const Study& study) {
  Json states = Json::array();
  for (const State& state : study.states) states.push_back(json_of(state));
  Json changes = Json::array();
  for (const Change& change : series::changes_of(study)) {
    Json one = {{"what", name_of(change.kind)},      {"case", change.key},
                {"last_judged", change.from},        {"at", change.at},
                {"certain", change.certain()},       {"type", change.verdict.type},
                {"message", change.verdict.message}, {"repaired", nullptr}};
    if (change.kind == Change::Kind::kBroke) one["passed_since"] = change.since;
    if (change.repaired >= 0) one["repaired"] = change.repaired;
    changes.push_back(std::move(one));
  }
  Json levels = Json::array();
  for (const series::LevelNews& news : series::levels_of(study)) {
    levels.push_back({{"level", news.level}, {"at", news.at}, {"passed", news.passed}, {"failed", news.failed}});
  }
  Json net = Json::array();
  for (const series::NetChange& change : series::net_changes(study)) {
    net.push_back({{"case", change.key}, {"base", to_string(change.before)}, {"tip", to_string(change.after.outcome)}});
  }
  const Json json = {{"title", study.title},
                     {"version", study.version},
                     {"base", study.base},
                     {"patches", study.total()},
                     {"headline", series::headline(study)},
                     {"exit_code", series::exit_code_of(study)},
                     {"notes", study.notes},
                     {"states", states},
                     {"changes", changes},
                     {"levels", levels},
                     {"against_base", net}};
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::vector<Event> series_events(const Study& study, const std::filesystem::path& folder) {
  std::vector<Event> events;
  Tally tally;
  events.emplace_back(RunStarted{.run_id = "series", .out_dir = folder.string(), .properties = {}});
  for (const State& state : study.states) {
    events.emplace_back(SuiteFacts{.suite = suite_of(state), .properties = facts_of(study, state)});
    const auto add = [&](CaseSettled event) {
      tally.add(event.verdict.outcome);
      events.emplace_back(std::move(event));
    };
    const CaseId patch_applies{.suite = "Patch", .name = "Applies", .device = {}};
    const CaseId patch_builds{.suite = "Patch", .name = "Builds", .device = {}};
    if (state.number > 0) add(settled(state, patch_applies, {applies(state)}, {}));
    add(settled(state, patch_builds, {builds(state)}, state.build_took));
    for (const auto& [key, cell] : state.cells) add(settled(state, id_of(key), cell.runs, {}));
  }
  RunEnded ended;
  ended.tally = tally;
  ended.exit_code = series::exit_code_of(study);
  events.emplace_back(ended);
  return events;
}

}  // namespace holdfast::reports
