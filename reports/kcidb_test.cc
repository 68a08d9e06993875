// Does what goes to KernelCI keep to its schema's rules?
#include "reports/kcidb.h"

#include <gmock/gmock.h>

#include <nlohmann/json.hpp>
#include <regex>

#include "reports/history/sample_runs_test.h"

namespace holdfast::reports {
namespace {

using nlohmann::json;
using sample::settled;
using sample::told;
using testing::HasSubstr;

/// The rules of kcidb-io's schema 5.3 that can be broken here. Empty when all are kept.
std::string broken_rule(const json& whole) {
  static const std::regex origin("^[a-z0-9_]+$");
  static const std::regex id("^[a-z0-9_]+:.+$");
  static const std::regex path("^([.a-zA-Z0-9_-]*)$");
  static const std::vector<std::string> statuses = {"FAIL", "ERROR", "MISS", "PASS", "DONE", "SKIP"};
  static const std::map<std::string, std::vector<std::string>> allowed = {
      {"checkouts", {"id", "origin", "git_commit_hash"}},
      {"builds", {"id", "origin", "checkout_id", "comment", "misc"}},
      {"tests",
       {"id", "origin", "build_id", "path", "status", "comment", "start_time", "duration", "log_excerpt", "log_url",
        "environment", "misc"}}};
  if (whole.at("version").at("major") != 5 || whole.at("version").at("minor") > 3) return "version";
  for (const auto& [kind, objects] : whole.items()) {
    if (kind == "version") continue;
    if (!allowed.contains(kind)) return "member " + kind;
    for (const json& object : objects) {
      for (const auto& [name, value] : object.items()) {
        if (std::ranges::find(allowed.at(kind), name) == allowed.at(kind).end()) return kind + "." + name;
        if (value.is_null()) return name + " is null";
        if (name == "id" || name.ends_with("_id")) {
          if (!std::regex_match(value.get<std::string>(), id)) return name + " " + value.get<std::string>();
        }
      }
      if (!std::regex_match(object.at("origin").get<std::string>(), origin)) return "origin";
      if (kind != "tests") continue;
      if (!std::regex_match(object.at("path").get<std::string>(), path)) return "path " + object["path"].dump();
      if (std::ranges::find(statuses, object.at("status").get<std::string>()) == statuses.end()) return "status";
      if (object.value("log_excerpt", "").size() > 16384) return "log_excerpt";
    }
  }
  return "";
}

class Kcidb : public sample::Runs {
 protected:
  json of(const std::vector<std::vector<Event>>& cases,
          const KcidbOptions& options = {.origin = "lab_1", .build_id = {}, .artifacts_url = {}}) {
    const auto text = kcidb_json(run("k3f9", 0, cases), options);
    EXPECT_TRUE(text.ok());
    return text ? json::parse(*text) : json();
  }
};

TEST_F(Kcidb, SaysOfEachOutcomeWhatKernelCiMeansByIt) {
  const json whole =
      of({told(settled({"S", "A", "nvme"}, {Verdict::passed()})), told(settled({"S", "B", ""}, {sample::hang()})),
          told(settled({"S", "C", ""}, {sample::vm_killed()})), told(sample::planned_skip({"S", "D", ""})),
          told(settled({"S", "E", ""}, {sample::hang(), Verdict::passed()}))});
  EXPECT_EQ(broken_rule(whole), "");
  std::vector<std::string> statuses;
  for (const json& test : whole.at("tests"))
    statuses.push_back(test.at("path").get<std::string>() + " " + test.at("status").get<std::string>());
  EXPECT_THAT(statuses, testing::UnorderedElementsAre("holdfast.S.A.nvme PASS", "holdfast.S.B FAIL",
                                                      "holdfast.S.C MISS", "holdfast.S.D SKIP", "holdfast.S.E FAIL"));
  EXPECT_EQ(whole.at("tests").at(0).at("build_id"), whole.at("builds").at(0).at("id"));
  EXPECT_EQ(whole.at("builds").at(0).at("checkout_id"), whole.at("checkouts").at(0).at("id"));
}

TEST_F(Kcidb, SubmitsNoBuildThatIsThereAlready) {
  const json whole = of({told(settled(sample::kKeeps, {sample::hang()}))},
                        {.origin = "lab", .build_id = "maestro:1234", .artifacts_url = "https://ci.example/run"});
  EXPECT_EQ(broken_rule(whole), "");
  EXPECT_FALSE(whole.contains("builds"));
  EXPECT_EQ(whole.at("tests").at(0).at("build_id"), "maestro:1234");
  EXPECT_EQ(whole.at("tests").at(0).at("log_url"),
            "https://ci.example/run/cases/Preserve.DeviceKeepsItsAddress/e1000e/attempt-1/console.log");
  EXPECT_EQ(whole.at("tests").at(0).at("start_time"), "2001-09-09T01:46:40Z");
}

TEST_F(Kcidb, KeepsTheRulesWhateverTheContent) {
  Verdict evil = sample::hang();
  evil.evidence = {{"console", std::string(1 << 20, '\x01') + "\xff\xfe"}};
  CaseSettled event = settled({"S p\n", "../x\"", "\xff"}, {evil});
  event.replay = std::string("\0\x1b", 2);
  EXPECT_EQ(broken_rule(of({told(event)})), "");
}

TEST_F(Kcidb, TheRulesAboveAreAbleToFail) {
  json whole = of({told(settled(sample::kKeeps, {Verdict::passed()}))});
  whole["tests"][0]["path"] = "a/b";
  EXPECT_THAT(broken_rule(whole), HasSubstr("path"));
}

TEST_F(Kcidb, RefusesOptionsThatTheSchemaDoesNotAllow) {
  const RunResults results = run("x", 0, {});
  for (const KcidbOptions& wrong :
       std::vector<KcidbOptions>{{.origin = "", .build_id = {}, .artifacts_url = {}},
                                 {.origin = "My Lab", .build_id = {}, .artifacts_url = {}},
                                 {.origin = "lab", .build_id = "nocolon", .artifacts_url = {}},
                                 {.origin = "lab", .build_id = {}, .artifacts_url = "javascript:x"}}) {
    const auto text = kcidb_json(results, wrong);
    ASSERT_FALSE(text.ok());
    EXPECT_EQ(text.error().type(), "harness.usage");
  }
}

}  // namespace
}  // namespace holdfast::reports
