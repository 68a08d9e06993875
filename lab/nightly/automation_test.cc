// Do the files that run a plan every night (systemd's, and those for CI servers) do that, as far as it can be tried
// here?
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "harness/base/file.h"
#include "harness/base/process.h"
#include "harness/base/text.h"
#include "lab/nightly/night_plan.h"
#include "tools/ctest/places.h"

namespace holdfast::lab {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

Deadline soon() { return Deadline::after(std::chrono::seconds(60)); }

Output must_run(Command command) {
  auto output = run(std::move(command), soon());
  EXPECT_TRUE(output) << (output ? "" : output.error().what);
  return output ? *std::move(output) : Output{.status = {.code = -1}, .out = {}, .err = {}};
}

fs::path examples() { return source_dir() / "tools/ci-examples"; }

TEST(NightlyExample, IsAPlan) {
  const auto plan = read_night_plan(source_dir() / "lab/nightly/nightly.toml");
  ASSERT_TRUE(plan) << plan.error().what;
  EXPECT_EQ(plan->entries.size(), 4U);
  EXPECT_EQ(plan->keep.nights, 30);
}

/// Every key that a plan may have stands in the page about plans, and the example has nothing else.
TEST(NightlyExample, ThePageHasEveryKey) {
  const std::string page = *read_file(source_dir() / "lab/nightly/README.md");
  const std::string reader = *read_file(source_dir() / "lab/nightly/night_reader.cc");
  int keys = 0;
  for (size_t at = reader.find("{\""); at != std::string::npos; at = reader.find("{\"", at + 1)) {
    const std::string key = reader.substr(at + 2, reader.find('"', at + 2) - at - 2);
    if (key.find_first_not_of("abcdefghijklmnopqrstuvwxyz_") != std::string::npos) continue;
    EXPECT_THAT(page, AnyOf(HasSubstr("`" + key + "`"), HasSubstr("[" + key), HasSubstr("\"" + key + "\""),
                            HasSubstr("." + key + "]")));
    ++keys;
  }
  EXPECT_GT(keys, 35);
}

class Units : public testing::Test {
 protected:
  /// systemd-analyze wants the program to be there.
  Output verify(const std::string& service) {
    const std::string text = *read_file(source_dir() / "tools/systemd/holdfast-nightly@.timer");
    EXPECT_TRUE(write_file(dir_.path() / "holdfast-nightly@.timer", text));
    EXPECT_TRUE(write_file(dir_.path() / "holdfast-nightly@.service", service));
    return must_run({.argv = {"systemd-analyze", "verify", "--man=no", dir_.path() / "holdfast-nightly@lab.service",
                              dir_.path() / "holdfast-nightly@lab.timer"}});
  }
  static std::string service() {
    std::string text = *read_file(source_dir() / "tools/systemd/holdfast-nightly@.service");
    const std::string start = "ExecStart=holdfast ";
    return text.replace(text.find(start), start.size(), "ExecStart=" + tested_program() + " ");
  }
  TempDir dir_ = *TempDir::create();
};

TEST_F(Units, AreRightInTheEyesOfSystemd) {
  const Output said = verify(service());
  EXPECT_EQ(said.status.code, 0) << said.err;
  EXPECT_EQ(said.err, "");
}

TEST_F(Units, AMistakeInThemWouldBeSeen) {
  std::string wrong = service();
  wrong.replace(wrong.find("KillMode=mixed"), 14, "KillMode=mixde");
  EXPECT_THAT(verify(wrong).err, HasSubstr("Failed to parse kill mode"));
}

TEST_F(Units, StartTheProgramWithFlagsThatItHas) {
  const std::string text = service();
  const size_t at = text.find("ExecStart=") + 10;
  const std::string line = text.substr(at, text.find('\n', at) - at);
  std::vector<std::string> argv;
  for (const std::string_view word : split(line, ' ')) argv.emplace_back(word);
  argv.emplace_back("--dry-run");
  const Output said = must_run({.argv = argv});
  EXPECT_EQ(said.status.code, 2);
  EXPECT_THAT(said.err, HasSubstr("/etc/holdfast/%i.toml")) << "it gets as far as the plan";
}

/// A place with the examples, where `holdfast` is a program that notes how it was called, leaves a night, and ends as
/// it was told.
class CiExamples : public testing::Test {
 protected:
  void SetUp() override {
    fs::create_directories(work() / "tools/ci-examples");
    fs::create_directories(dir_.path() / "bin");
    fs::copy_file(examples() / "night", work() / "tools/ci-examples/night");
    ASSERT_TRUE(write_file(dir_.path() / "bin/holdfast", R"(#!/bin/sh
echo "$@" >>"$CALLS"
case "$*" in
  *--dry-run*) [ -z "$BAD_PLAN" ] || { echo "error: nightly.toml:1:1" >&2; exit 2; }; echo "1 runs"; exit 0 ;;
esac
night="$HOLDFAST_OUT/20010909T014640Z-aaaaaa"
mkdir -p "$night"
for file in junit.xml news.txt report.html; do echo "$file" >"$night/$file"; done
ln -sfn "$night" "$HOLDFAST_OUT/latest"
exit "$CODE"
)"));
    fs::permissions(dir_.path() / "bin/holdfast", fs::perms::owner_all);
  }
  fs::path work() const { return dir_.path() / "work"; }
  std::string calls() const {
    const auto text = read_file(dir_.path() / "calls");
    return text ? *text : "";
  }
  Output shell(const std::string& script, const std::string& code, const std::string& bad_plan = "") {
    return must_run({.argv = {"bash", "-e", "-o", "pipefail", "-c", script},
                     .cwd = work(),
                     .env = {{"PATH", (dir_.path() / "bin").string() + ":/usr/bin:/bin"},
                             {"HOLDFAST_OUT", dir_.path() / "nights"},
                             {"HOLDFAST_LAB", "lab.toml"},
                             {"HOLDFAST_RESULTS", "results"},
                             {"GITHUB_STEP_SUMMARY", dir_.path() / "summary"},
                             {"CALLS", dir_.path() / "calls"},
                             {"BAD_PLAN", bad_plan},
                             {"CODE", code}}});
  }
  /// What an expression in Python makes of a YAML file.
  static std::string from_yaml(const fs::path& file, const std::string& expression) {
    const std::string program =
        "import sys, yaml\nf = yaml.safe_load(open(sys.argv[1]))\nprint(" + expression + ", end='')";
    const Output said = must_run({.argv = {"python3", "-c", program, file.string()}});
    EXPECT_EQ(said.status.code, 0) << said.err;
    return said.out;
  }
  void expect_a_night(const std::string& script, const std::string& junit) {
    for (const char* code : {"0", "1", "2"}) {
      const Output said = shell(script, code);
      EXPECT_EQ(std::to_string(said.status.code), code) << said.err;
      EXPECT_EQ(*read_file(work() / junit), "junit.xml\n");
    }
    EXPECT_THAT(calls(), HasSubstr("run --plan nightly.toml\n"));
  }

  TempDir dir_ = *TempDir::create();
};

TEST_F(CiExamples, GitLabRunsThePlanAndFindsItsResults) {
  const fs::path file = examples() / "gitlab-ci.yml";
  EXPECT_EQ(from_yaml(file, "f['night']['artifacts']['when']"), "always");
  expect_a_night(from_yaml(file, "'\\n'.join(f['night']['script'])"),
                 from_yaml(file, "f['night']['artifacts']['reports']['junit']"));
  EXPECT_EQ(shell(from_yaml(file, "'\\n'.join(f['plan']['script'])"), "0").status.code, 0);
  EXPECT_EQ(shell(from_yaml(file, "'\\n'.join(f['plan']['script'])"), "0", "1").status.code, 2);
  EXPECT_EQ(from_yaml(file, "sorted(f['stages']) == sorted({f['plan']['stage'], f['night']['stage']})"), "True");
}

TEST_F(CiExamples, GitHubRunsThePlanAndTellsWhatIsNew) {
  const fs::path file = examples() / "github-workflow.yml";
  const std::string step = "[s for s in f['jobs']['night']['steps'] if s.get('name') == '";
  expect_a_night(from_yaml(file, step + "run the plan'][0]['run']"), "results/junit.xml");
  EXPECT_EQ(shell(from_yaml(file, step + "tell what is new'][0]['run']"), "0").status.code, 0);
  EXPECT_EQ(*read_file(dir_.path() / "summary"), "news.txt\n");
  EXPECT_EQ(from_yaml(file, "f['jobs']['night']['steps'][-1]['with']['path']"), "results/");
  // A key "on" is true to YAML 1.1, which GitHub's reader is not.
  EXPECT_EQ(from_yaml(file, "list(f[True])"), "['schedule', 'workflow_dispatch']");
}

TEST_F(CiExamples, JenkinsRunsThePlan) {
  const std::string text = *read_file(examples() / "Jenkinsfile");
  const std::string sh = "sh '";
  const size_t at = text.find(sh) + sh.size();
  expect_a_night(text.substr(at, text.find('\'', at) - at), "results/junit.xml");
  EXPECT_THAT(text, HasSubstr("junit testResults: 'results/junit.xml'"));
  EXPECT_EQ(std::ranges::count(text, '{'), std::ranges::count(text, '}'));
  EXPECT_EQ(std::ranges::count(text, '(') - std::ranges::count(text, ')'), 0);
}

TEST_F(CiExamples, AMistakeInThePlanEndsTheJobBeforeAnythingRuns) {
  const Output said = shell("./tools/ci-examples/night nightly.toml", "0", "1");
  EXPECT_EQ(said.status.code, 2);
  EXPECT_THAT(said.err, HasSubstr("nightly.toml:1:1"));
  EXPECT_EQ(calls(), "run --plan nightly.toml --dry-run\n");
  EXPECT_FALSE(fs::exists(work() / "results/junit.xml"));
}

TEST_F(CiExamples, TheYamlIsInOrder) {
  const std::string rules =
      "{extends: default, rules: {line-length: {max: 120}, document-start: disable, truthy: disable}}";
  for (const char* file : {"gitlab-ci.yml", "github-workflow.yml"}) {
    const Output said = must_run({.argv = {"yamllint", "--strict", "-d", rules, examples() / file}});
    EXPECT_EQ(said.status.code, 0) << said.out;
  }
  ASSERT_TRUE(write_file(dir_.path() / "bad.yml", "a: [1\n"));
  EXPECT_NE(must_run({.argv = {"yamllint", "-d", rules, dir_.path() / "bad.yml"}}).status.code, 0);
}

}  // namespace
}  // namespace holdfast::lab
