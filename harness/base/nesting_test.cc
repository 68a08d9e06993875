// Is a text of brackets told from one that can be read?
#include "harness/base/nesting.h"

#include <gtest/gtest.h>

#include <string>

namespace holdfast {
namespace {

TEST(Nesting, CountsWhatIsOpenAtOnce) {
  EXPECT_FALSE(nests_deeper_than(R"({"a":[1,{"b":2}],"c":[[]]})", 3));
  EXPECT_TRUE(nests_deeper_than(R"({"a":[1,{"b":2}]})", 2));
  EXPECT_FALSE(nests_deeper_than("", 0));
  EXPECT_TRUE(nests_deeper_than(std::string(1 << 20, '['), 64));
}

TEST(Nesting, TakesNoBracketInAStringForOne) {
  EXPECT_FALSE(nests_deeper_than(R"({"a":"[[[[\"[[[["})", 1));
  EXPECT_TRUE(nests_deeper_than(R"({"a":"\\",)" + std::string(3, '['), 3)) << "the string has ended";
}

}  // namespace
}  // namespace holdfast
