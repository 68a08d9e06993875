// Does tools/detect tell a harness that sees from one that is blind?
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "harness/base/text.h"
#include "harness/e2e/program.h"
#include "tools/ctest/places.h"

namespace holdfast::e2e {
namespace {

using testing::EndsWith;
using testing::HasSubstr;

/// tools/detect on the program under test. Its runs stay in a folder of their own.
Output detect(const TempDir& dir, std::vector<std::string> args) {
  const std::string tool = source_dir() / "tools/detect";
  args.insert(args.begin(), {tool, "--program", tested_program(), "--out", dir.path() / "runs"});
  auto output = holdfast::run({.argv = std::move(args)}, Deadline::after(Millis(840'000)));
  if (output) return *std::move(output);
  return {.status = {.code = -1, .signal = 0}, .out = {}, .err = output.error().what};
}

std::string last_line(const std::string& text) { return std::string(trim(last_lines(trim(text), 1))); }

TEST(Detect, FindsFaultsOfEachKindAndNothingElse) {
  const TempDir dir = *TempDir::create("holdfast-detect");
  const Output output = detect(dir, {"--short"});
  EXPECT_EQ(output.status.code, 0) << output.out << output.err;
  EXPECT_EQ(last_line(output.out), "caught 7 of 7, wrongly blamed 0, false alarms 0 of 2") << output.out;
}

// The controls: a table that is wrong about a switch is what a harness that is wrong about a kernel looks like.
TEST(Detect, CountsWhatWasOverlookedWhoWasWronglyBlamedAndFalseAlarms) {
  const TempDir dir = *TempDir::create("holdfast-detect");
  ASSERT_TRUE(write_file(dir.path() / "expected",
                         "group-file Preserve.UnboundCdevIsRefused kernel.accepted Preserve.GroupFileIsRefused\n"
                         "warn Preserve.GroupFileIsRefused passed Preserve.DeviceKeepsItsAddress/e1000e\n"));
  const Output output = detect(dir, {"--clean", "0", "--expected", dir.path() / "expected"});
  EXPECT_EQ(output.status.code, 1) << output.out << output.err;
  EXPECT_EQ(last_line(output.out), "caught 0 of 1, wrongly blamed 1, false alarms 1 of 1") << output.out;
  EXPECT_THAT(output.out, HasSubstr("<- expected kernel.accepted"));
  EXPECT_THAT(output.out, HasSubstr("<- the bystander was: kernel.warn"));
}

TEST(Detect, NamesTheSwitchesWhenOneIsUnknown) {
  const TempDir dir = *TempDir::create("holdfast-detect");
  const Output output = detect(dir, {"no-rest"});
  EXPECT_EQ(output.status.code, 2);
  EXPECT_THAT(output.err, HasSubstr("no switch is called \"no-rest\""));
  EXPECT_THAT(output.err, HasSubstr("no-reset"));
}

}  // namespace
}  // namespace holdfast::e2e
