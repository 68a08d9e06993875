// Do cases run on a lab's host as they do on the built-in machine: the same names, the same verdicts?
#include <gmock/gmock.h>
#include <signal.h>

#include "harness/e2e/metal/bench_test.h"

namespace holdfast::e2e {
namespace {

using ::testing::HasSubstr;

class MetalRun : public Bench {};

std::vector<std::string> names_in(const std::map<std::string, CaseReport>& reports) {
  std::vector<std::string> names;
  for (const auto& [name, report] : reports) names.push_back(name);
  return names;
}

TEST_F(MetalRun, PreservesAndRetrievesUnderTheNamesOfTheBuiltInMachine) {
  const std::string filter = "Preserve.DeviceKeepsItsAddress:Retrieve.DeviceComesBackAndWorks";
  const Output output = program_.run(run_words({}, filter), Millis(900'000));
  EXPECT_EQ(output.status.code, 0) << output.out << output.err;
  const auto reports = read_junit(program_.junit());
  ASSERT_EQ(reports.size(), 2U) << output.out;
  for (const auto& [name, report] : reports) EXPECT_EQ(report.verdict, "passed") << name << ": " << report.message;

  const Program built_in;
  const Output same = built_in.run({"run", "--filter", filter, "--device", "e1000e"});
  EXPECT_EQ(same.status.code, 0) << same.out << same.err;
  EXPECT_EQ(names_in(reports), names_in(read_junit(built_in.junit())));
}

TEST_F(MetalRun, WhatIsHeldIsNotTouchedBySomebodyElse) {
  Process first = program_.start(run_words({}, kNext));
  ASSERT_TRUE(comes_to(kNext, "snapshot"));
  EXPECT_EQ(state(), "held");
  const Program other;
  const Output refused = other.run(run_words({}, kNext));
  EXPECT_EQ(refused.status.code, 2) << refused.out;
  const auto reports = read_junit(other.junit());
  ASSERT_EQ(reports.size(), 1U) << refused.out << refused.err;
  EXPECT_EQ(reports.begin()->second.type, "lab.leased") << reports.begin()->second.message;
  EXPECT_THAT(reports.begin()->second.message, HasSubstr("pid " + std::to_string(first.pid())));
  EXPECT_EQ(end_of(first), 0) << said();
  EXPECT_EQ(report_of(kNextReport).verdict, "passed");
}

}  // namespace
}  // namespace holdfast::e2e
