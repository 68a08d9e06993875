// Does tools/faults tell a fault that was borne from one that was not? The whole of it takes too long for here.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "harness/base/text.h"
#include "harness/e2e/program.h"
#include "tools/ctest/places.h"

namespace holdfast::e2e {
namespace {

using testing::HasSubstr;

Output faults(std::vector<std::string> args) {
  const std::string tool = std::filesystem::path(tested_program()).parent_path() / "holdfast-faults";
  args.insert(args.begin(), {tool, "--jobs", "1", "--timeout-scale", "0.5"});
  auto output = holdfast::run({.argv = std::move(args)}, Deadline::after(Millis(600'000)));
  if (output) return *std::move(output);
  return {.status = {.code = -1, .signal = 0}, .out = {}, .err = output.error().what};
}

std::string last_line(const std::string& text) { return std::string(trim(last_lines(trim(text), 1))); }

TEST(FaultMatrix, BearsOneOfEachKind) {
  const Output output = faults({"--only", "verify/socket-cut", "--only", "wait/agent-killed", "--only",
                                "bind/terminated", "--only", "report/disk-full"});
  EXPECT_EQ(output.status.code, 0) << output.out << output.err;
  EXPECT_EQ(last_line(output.out), "held 4 of 4") << output.out;
}

// The control: what came of another fault than the one announced is not what was right.
TEST(FaultMatrix, DoesNotHoldWhenAnotherFaultStruck) {
  const Output output = faults({"--only", "verify/qemu-killed", "--instead", "console-silent"});
  EXPECT_EQ(output.status.code, 1) << output.out << output.err;
  EXPECT_EQ(last_line(output.out), "held 0 of 1") << output.out;
  EXPECT_THAT(output.out, HasSubstr("\"error lab.vm-killed\" was right, not \"passed\""));
}

TEST(FaultMatrix, RefusesACombinationThatThereIsNot) {
  const Output output = faults({"--only", "verify/earthquake"});
  EXPECT_EQ(output.status.code, 2) << output.out;
  EXPECT_THAT(output.err, HasSubstr("no such combination"));
}

}  // namespace
}  // namespace holdfast::e2e
