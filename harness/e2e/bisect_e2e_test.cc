// Do `bisect` and `bisect-step` find what broke a case, with real boots, and say what they cannot do?
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <cstdlib>
#include <iostream>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "harness/base/text.h"
#include "harness/e2e/kernel_history.h"
#include "harness/e2e/program.h"

namespace holdfast::e2e {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

constexpr const char* kCase = "--filter=LiveUpdate.MemfdKeepsItsBytes";

/// The folder of the one bisection below the program's results.
fs::path folder_of(const Program& program) {
  const fs::path out = program.latest().parent_path();
  for (const auto& entry : fs::directory_iterator(out)) {
    if (entry.path().filename().string().starts_with("bisect-")) return entry.path();
  }
  return out / "none";
}

std::string text_of(const fs::path& file) {
  const auto text = read_file(file);
  return text ? *text : std::string();
}

struct Mistake {
  std::vector<std::string> args;
  std::string says;
};

class BisectUsage : public testing::Test {
 protected:
  TempDir dir_ = *TempDir::create("holdfast-bisect");
  StandInTree tree_{dir_.path() / "linux"};
  std::string first_ = tree_.commit("reference");
  std::string last_ = tree_.commit("stock");
};

TEST_F(BisectUsage, MistakesAreRefusedWithTheNearest) {
  const Program program;
  const std::string tree = "--tree=" + tree_.dir().string();
  const std::string good = "--good=" + first_;
  const std::string bad = "--bad=" + last_;
  for (const auto& [args, says] : std::vector<Mistake>{
           {{"bisect", tree, bad}, "--good"},
           {{"bisect", tree, good, bad, "--filtre=x"}, "'--filter'"},
           {{"bisect", tree, good, bad, "--filter=LiveUpdate.MemfdKeepsItsByte"}, "'LiveUpdate.MemfdKeepsItsBytes'"},
           {{"bisect", tree, good, "--bad=mian", kCase}, "'main'"},
           {{"bisect", "--tree=" + dir_.path().string(), good, bad, kCase}, "no git checkout"},
           {{"bisect", tree, "--good=" + last_, "--bad=" + first_, kCase}, "does not contain"},
           {{"bisect", tree, good, bad, kCase, "--resume"}, "nothing to resume"},
           {{"bisect", tree, good, bad, kCase, "--confidence=2"}, "--confidence"},
           {{"bisect", tree, good, bad, kCase, "--target=qemo"}, "'qemu'"}}) {
    const Output output = program.run(args);
    EXPECT_EQ(output.status.code, 2) << args.back() << output.err;
    EXPECT_THAT(output.err, HasSubstr(says));
  }
}

TEST_F(BisectUsage, AStepThatCannotBeDoneStopsGit) {
  const Program program;
  const std::string tree = "--tree=" + tree_.dir().string();
  for (const auto& [args, says] : std::vector<Mistake>{
           {{"bisect-step", tree, "--filtre=x"}, "'--filter'"},
           {{"bisect-step", tree, "--filter=LiveUpdate.MemfdKeepsItsByte"}, "'LiveUpdate.MemfdKeepsItsBytes'"},
           {{"bisect-step", tree, kCase, "--runs=0"}, "--runs"},
           {{"bisect-step", "--tree=/nonexistent/linux", kCase}, "/nonexistent/linux"},
           {{"bisect-step", tree, kCase, "--config=/nonexistent.config"}, "/nonexistent.config"}}) {
    const Output output = program.run(args);
    EXPECT_EQ(output.status.code, 128) << args.back() << output.err;
    EXPECT_THAT(output.err, HasSubstr(says));
  }
}

TEST_F(BisectUsage, AStepThatDoesNotCompileIsSkippedByGit) {
  const Program program;
  tree_.commit("no-such-kernel");
  const Output output = program.run({"bisect-step", "--tree=" + tree_.dir().string(), kCase});
  EXPECT_EQ(output.status.code, 125) << output.out << output.err;
  EXPECT_THAT(output.out + output.err, HasSubstr("no kernel is called no-such-kernel"));
}

class BisectStep : public BisectUsage {
 protected:
  /// `git bisect run holdfast bisect-step` on the last commit, with a switch that breaks memory files where there is
  /// one.
  Output step(const Program& program, std::vector<std::string> more = {}) const {
    std::vector<std::string> args = {"bisect-step", "--tree=" + tree_.dir().string(), kCase,
                                     "--append=liveupdate_fault=memfd-torn",
                                     "--next-append=liveupdate_fault=memfd-torn"};
    args.insert(args.end(), more.begin(), more.end());
    return program.run(std::move(args));
  }
};

TEST_F(BisectStep, IsGoodOrBadAsTheKernelIs) {
  const Program program;
  const Output good = step(program);
  EXPECT_EQ(good.status.code, 0) << good.out << good.err;
  tree_.commit("faults");
  const Output bad = step(program);
  EXPECT_EQ(bad.status.code, 1) << bad.out << bad.err;
  EXPECT_THAT(bad.out + bad.err, HasSubstr("LiveUpdate.MemfdKeepsItsBytes"));
  const Output other = step(program, {"--type=kernel.oops"});
  EXPECT_EQ(other.status.code, 125) << "another failure than the one sought\n" << other.out << other.err;
}

/// A search in a history of real kernels.
class RealHistory : public testing::Test {
 protected:
  void make(std::vector<std::string> arguments) {
    auto made = make_kernel_history(dir_.path(), std::move(arguments));
    ASSERT_TRUE(made) << made.error().what;
    history_ = *std::move(made);
  }
  std::vector<std::string> arguments(bool resume = false) const {
    std::vector<std::string> args = {"bisect", "--tree=" + history_.tree.string(), "--good=" + history_.good,
                                     "--bad=" + history_.bad, kCase};
    if (resume) args.emplace_back("--resume");
    return args;
  }
  /// Begins a search, and kills it when its journal has so many lines.
  void kill_after(size_t lines) const {
    Process search = program_.start(arguments());
    const auto deadline = Deadline::after(Millis(1'200'000));
    const auto done = [&] { return split(text_of(folder_of(program_) / "journal.jsonl"), '\n').size() > lines; };
    while (!done() && !deadline.expired() && !search.poll()) wait_until(deadline.at_most(Millis(100)));
    ASSERT_TRUE(done()) << text_of(program_.output_file());
    ASSERT_FALSE(search.poll()) << text_of(program_.output_file());
    ::kill(search.pid(), SIGKILL);
    static_cast<void>(search.wait(deadline).ok());
  }
  /// Runs it to its end, and holds it against the truth.
  nlohmann::json expect_culprit(bool resume = false) const {
    const Output output = program_.run(arguments(resume), Millis(3'000'000));
    EXPECT_EQ(output.status.code, 0) << output.out << output.err;
    std::cout << output.out;
    const auto found = nlohmann::json::parse(text_of(folder_of(program_) / "bisect.json"), nullptr, false);
    if (found.is_discarded()) return nlohmann::json::object();
    EXPECT_EQ(found["ending"], "named") << output.out;
    EXPECT_EQ(found["suspects"], nlohmann::json({history_.culprit})) << output.out;
    EXPECT_GE(found["confidence"].get<double>(), 0.99);
    EXPECT_EQ(found["reverted"], "passes") << output.out;
    EXPECT_THAT(output.out, HasSubstr("so far"));
    EXPECT_THAT(output.out, HasSubstr(" left"));
    expect_same_in_junit();
    return found;
  }
  void expect_same_in_junit() const {
    std::vector<std::string> failures;
    for (const auto& [name, report] : read_junit(folder_of(program_) / "junit.xml")) {
      if (report.verdict == "failure") failures.push_back(name);
    }
    EXPECT_EQ(failures.size(), 1U);
    for (const std::string& name : failures) EXPECT_THAT(name, HasSubstr(history_.culprit.substr(0, 12)));
  }
  /// No kernel is run twice under two names, and nothing that was done before a kill is done again.
  void expect_nothing_twice(const nlohmann::json& found) const {
    std::set<std::string> built;
    std::set<std::string> ran;
    const std::string journal = text_of(folder_of(program_) / "journal.jsonl");
    for (const std::string_view line : split(journal, '\n')) {
      const auto entry = nlohmann::json::parse(line, nullptr, false);
      if (entry.is_discarded() || !entry.contains("without") || entry["without"].get<bool>()) continue;
      if (entry["step"] == "run") ran.insert(entry["commit"]);
      const bool is_build = entry["step"] == "build";
      EXPECT_TRUE(!is_build || built.insert(entry["commit"]).second) << line;
    }
    std::map<std::string, int> run_of;
    for (const auto& commit : found["commits"]) {
      const std::string id = commit["build_id"];
      if (ran.contains(commit["commit"]) && !id.empty()) ++run_of[id];
    }
    EXPECT_GE(run_of.size(), 2U) << journal;
    for (const auto& [id, commits] : run_of) EXPECT_EQ(commits, 1) << id << " was run for several commits";
  }

  TempDir dir_ = *TempDir::create("holdfast-history");
  Program program_;
  KernelHistory history_;
};

TEST_F(RealHistory, TheCulpritIsFoundAlthoughTheSearchWasKilled) {
  make({"--no-build=39-41", "--no-boot=33-34"});
  kill_after(5);
  const auto found = expect_culprit(/*resume=*/true);
  expect_nothing_twice(found);
  EXPECT_THAT(text_of(folder_of(program_) / "bisect.txt"), HasSubstr("the first bad commit is"));
}

/// The rest of what can be wrong with a history, each with some ten kernels to build and many runs: tools/bisect-real.
using RealVariants = RealHistory;

TEST_F(RealVariants, AFailureOfOneInThree) {
  make({"--rate=3"});
  kill_after(12);
  expect_nothing_twice(expect_culprit(/*resume=*/true));
}

TEST_F(RealVariants, AFailureOfOneInTen) {
  make({"--rate=10", "--culprit=50"});
  expect_culprit();
}

TEST_F(RealVariants, AStretchThatDoesNotBuildAndOneThatDoesNotBoot) {
  make({"--culprit=31", "--no-build=32-35", "--no-boot=28-29"});
  const auto found = expect_culprit();
  const std::string text = text_of(folder_of(program_) / "bisect.txt");
  EXPECT_THAT(text, HasSubstr("not tested: "));
  EXPECT_FALSE(found["commits"].empty());
}

TEST_F(RealVariants, AnotherFaultOfTheSameCaseIsToldAndCountsAsNothing) {
  make({"--culprit=36", "--other-bug=30-34"});
  expect_culprit();
  EXPECT_THAT(text_of(folder_of(program_) / "bisect.txt"), HasSubstr("also seen on"));
}

/// A QEMU that does not start one time in five.
TEST_F(RealVariants, ALabThatSpoilsOneRunInFive) {
  make({});
  const fs::path qemu = dir_.path() / "bin/qemu-system-x86_64";
  fs::create_directories(qemu.parent_path());
  ASSERT_TRUE(write_file(qemu, fmt::format("#!/bin/sh\n"
                                           "# Passes every call on, but for each fifth one that boots a kernel.\n"
                                           "case \"$*\" in *-kernel*)\n"
                                           "  echo . >> {0}/starts\n"
                                           "  [ $(( $(wc -l < {0}/starts) % 5 )) -ne 0 ] || exit 1\n"
                                           "esac\nexec {1} \"$@\"\n",
                                           dir_.path().string(), find_program("qemu-system-x86_64")->string())));
  fs::permissions(qemu, fs::perms::owner_all);
  const std::string path = std::getenv("PATH");
  ::setenv("PATH", fmt::format("{}:{}", qemu.parent_path().string(), path).c_str(), 1);
  expect_culprit();
  ::setenv("PATH", path.c_str(), 1);
  EXPECT_GE(split(text_of(dir_.path() / "starts"), '\n').size(), 6U);
}

}  // namespace
}  // namespace holdfast::e2e
