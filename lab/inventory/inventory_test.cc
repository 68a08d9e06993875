// Is an inventory read as it was meant, and every mistake in it pointed at?
#include "lab/inventory/inventory.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "harness/base/file.h"
#include "tools/ctest/places.h"

namespace holdfast::lab {
namespace {

using testing::HasSubstr;
using testing::SizeIs;

TEST(Inventory, ReadsTheIgnoreList) {
  const auto inventory = parse_inventory(
      "# known\n[[allow]]\ntitle = \"foo_bar*\"\nreason = \"known\"\n\n"
      "[[allow]]\nkind = \"lockdep\"\ntitle = \"suspicious RCU usage\"\nreason = \"being mended\"\n",
      "lab.toml");
  ASSERT_TRUE(inventory) << inventory.error().what;
  ASSERT_THAT(inventory->allowances, SizeIs(2));
  EXPECT_EQ(inventory->allowances[0].kind, "warn");
  EXPECT_EQ(inventory->allowances[0].title, "foo_bar*");
  EXPECT_EQ(inventory->allowances[0].reason, "known");
  EXPECT_EQ(inventory->allowances[0].source, "lab.toml:2:1");
  EXPECT_EQ(inventory->allowances[1].kind, "lockdep");
}

TEST(Inventory, MayBeEmptyOrAbsent) {
  EXPECT_TRUE(parse_inventory("", "lab.toml")->allowances.empty());
  EXPECT_TRUE(read_inventory("")->allowances.empty());
}

TEST(Inventory, SaysWhichFileIsNotThere) {
  const auto inventory = read_inventory("/nonexistent/lab.toml");
  ASSERT_FALSE(inventory);
  EXPECT_EQ(inventory.error().type(), "harness.usage");
  EXPECT_THAT(inventory.error().what, HasSubstr("/nonexistent/lab.toml"));
}

struct Mistake {
  const char* text;
  const char* says;
};

class InventoryMistake : public testing::TestWithParam<Mistake> {};

TEST_P(InventoryMistake, IsPointedAt) {
  const auto inventory = parse_inventory(GetParam().text, "lab.toml");
  ASSERT_FALSE(inventory) << GetParam().text;
  EXPECT_EQ(inventory.error().type(), "harness.usage");
  EXPECT_THAT(inventory.error().what, HasSubstr(GetParam().says)) << GetParam().text;
}

INSTANTIATE_TEST_SUITE_P(
    Mistakes, InventoryMistake,
    testing::Values(Mistake{"[[alow]]\n", "lab.toml:1:3: unknown key 'alow'; did you mean 'allow'?"},
                    Mistake{"[[allow]]\ntitel = \"x\"\nreason = \"y\"\n",
                            "lab.toml:2:1: unknown key 'titel'; did you mean 'title'?"},
                    Mistake{"[[allow]]\ntitle = \"x\"\n", "lab.toml:1:1: [[allow]] has no reason"},
                    Mistake{"[[allow]]\nreason = \"x\"\n", "lab.toml:1:1: [[allow]] has no title"},
                    Mistake{"[[allow]]\ntitle = \"x\"\nreason = \"  \"\n", "lab.toml:3:10: reason must not be empty"},
                    Mistake{"[[allow]]\ntitle = \"x\"\nreason = 7\n", "lab.toml:3:10: reason must be a string"},
                    Mistake{"[[allow]]\ntitle = \"*\"\nreason = \"x\"\n", "lab.toml:2:9: title allows everything"},
                    Mistake{"[[allow]]\nkind = \"panic\"\ntitle = \"x\"\nreason = \"y\"\n",
                            "lab.toml:2:8: kind \"panic\" cannot be allowed"},
                    Mistake{"[[allow]]\nkind = \"wran\"\ntitle = \"x\"\nreason = \"y\"\n", "did you mean \"warn\"?"},
                    Mistake{"allow = 3\n", "lab.toml:1:9: allow must be tables: [[allow]]"},
                    Mistake{"allow = [1]\n", "lab.toml:1:9: allow must be tables: [[allow]]"},
                    Mistake{"[[allow]]\ntitle = \"x\ny\"\n", "lab.toml:2:"}));

TEST(Inventory, OfTheExampleIsSound) {
  const auto inventory = read_inventory(source_dir() / "lab/examples/known-warnings.toml");
  ASSERT_TRUE(inventory) << inventory.error().what;
  ASSERT_THAT(inventory->allowances, SizeIs(2));
  CrashFinding finding;
  finding.kind = "warn";
  finding.title = "WARNING: drivers/net/ethernet/example/ring.c:417 at example_ring_stop+0x12/0x40, CPU#0: ip/31";
  EXPECT_TRUE(allows(inventory->allowances[0], finding));
}

}  // namespace
}  // namespace holdfast::lab
