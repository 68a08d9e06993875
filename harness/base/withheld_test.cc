// Do programs that this one starts get nothing of its secrets, and those that need one that one?
#include "harness/base/withheld.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "harness/base/process.h"

namespace holdfast {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

std::string environment_of_a_child(std::map<std::string, std::string> added = {}) {
  const auto said = run({.argv = {"env"}, .env = std::move(added)}, Deadline::after(std::chrono::seconds(20)));
  return said ? said->out : said.error().what;
}

TEST(Withheld, IsInNoChildsEnvironment) {
  ::setenv("HOLDFAST_TEST_WITHHELD", "sesame-1", 1);
  ASSERT_THAT(environment_of_a_child(), HasSubstr("HOLDFAST_TEST_WITHHELD=sesame-1")) << "as long as nobody said so";
  withhold_variable("HOLDFAST_TEST_WITHHELD");
  EXPECT_TRUE(is_withheld("HOLDFAST_TEST_WITHHELD"));
  EXPECT_THAT(environment_of_a_child(), Not(HasSubstr("sesame-1")));
  EXPECT_THAT(environment_of_a_child({{"X", "y"}}), HasSubstr("X=y"));
}

TEST(Withheld, IsGivenToWhomItIsMeantFor) {
  ::setenv("HOLDFAST_TEST_WITHHELD_2", "sesame-2", 1);
  withhold_variable("HOLDFAST_TEST_WITHHELD_2");
  withhold_variable("HOLDFAST_TEST_WITHHELD_UNSET");
  const auto values = withheld_variables();
  EXPECT_EQ(values.at("HOLDFAST_TEST_WITHHELD_2"), "sesame-2");
  EXPECT_FALSE(values.contains("HOLDFAST_TEST_WITHHELD_UNSET"));
  EXPECT_THAT(environment_of_a_child(values), HasSubstr("HOLDFAST_TEST_WITHHELD_2=sesame-2"));
}

}  // namespace
}  // namespace holdfast
