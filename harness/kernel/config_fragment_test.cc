// Are fragments read, merged and checked, and is a symbol that got lost named with its origin?
#include "harness/kernel/config_fragment.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "harness/kernel/fake_tree.h"

namespace holdfast {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

class Fragment : public testing::Test {
 protected:
  std::vector<ConfigWish> wishes(std::string_view text, const char* name = "x.config") {
    fake::write(dir_.path() / name, text);
    return *read_fragment(dir_.path() / name);
  }
  std::string complaint(std::string_view fragment, std::string_view config) {
    fake::tree(dir_.path() / "tree");
    const auto verdict = verify_config(wishes(fragment), parse_config(config), dir_.path() / "tree");
    return verdict ? "" : verdict.error().what;
  }
  TempDir dir_ = *TempDir::create("holdfast-config");
};

TEST_F(Fragment, IsReadWithOrigins) {
  const auto read = wishes("# a comment\nCONFIG_A=y\n\n# CONFIG_B is not set\nCONFIG_C=\"x y\"\nCONFIG_D=-1\n");
  ASSERT_EQ(read.size(), 4U);
  EXPECT_EQ(read[0].symbol, "CONFIG_A");
  EXPECT_EQ(read[0].origin, "x.config:2");
  EXPECT_EQ(read[1].value, "n");
  EXPECT_EQ(read[2].value, "\"x y\"");
  EXPECT_EQ(to_fragment(read), "CONFIG_A=y\n# CONFIG_B is not set\nCONFIG_C=\"x y\"\nCONFIG_D=-1\n");
}

TEST_F(Fragment, IsRefusedWithFileAndLineWhenALineIsNone) {
  for (const char* line : {"CONFIG_A", "A=y", "CONFIG_A=", "CONFIG-A=y", "config_a=y"}) {
    fake::write(dir_.path() / "x.config", std::string("CONFIG_OK=y\n") + line + "\n");
    const auto read = read_fragment(dir_.path() / "x.config");
    ASSERT_FALSE(read) << line;
    EXPECT_THAT(read.error().what, HasSubstr("x.config:2"));
  }
  EXPECT_FALSE(read_fragment(dir_.path() / "absent"));
}

TEST_F(Fragment, LetsTheLaterOneWin) {
  const auto merged =
      merge({wishes("CONFIG_A=y\nCONFIG_B=y\n"), wishes("# CONFIG_A is not set\nCONFIG_C=m\n", "y.config")});
  EXPECT_EQ(to_fragment(merged), "# CONFIG_A is not set\nCONFIG_B=y\nCONFIG_C=m\n");
  EXPECT_EQ(merged[0].origin, "y.config:1");
}

TEST_F(Fragment, IsFulfilledWhenEverySymbolSurvived) {
  EXPECT_EQ(complaint("CONFIG_PCI=y\n# CONFIG_GONE is not set\nCONFIG_OFF=n\nCONFIG_N=\"a\"\n",
                      "CONFIG_PCI=y\n# CONFIG_OFF is not set\nCONFIG_N=\"a\"\n"),
            "");
}

TEST_F(Fragment, NamesASymbolThatIsDeclaredButLost) {
  EXPECT_THAT(complaint("CONFIG_PCI=y\nCONFIG_LOST_ONE=y\n", "CONFIG_PCI=y\n"),
              AllOf(HasSubstr("1 of the config symbols"), HasSubstr("CONFIG_LOST_ONE=y (x.config:2) became n"),
                    HasSubstr("Kconfig:4"), HasSubstr("depends on PCI && FOO"), Not(HasSubstr("moon"))));
}

TEST_F(Fragment, NamesTheNearestOfASymbolThatTheTreeDoesNotKnow) {
  EXPECT_THAT(complaint("CONFIG_VFIO_PC=y\n", ""),
              AllOf(HasSubstr("no such symbol"), HasSubstr("did you mean CONFIG_VFIO_PCI?")));
}

TEST_F(Fragment, NoticesAnotherValueAndARefusalThatWasOverruled) {
  EXPECT_THAT(complaint("CONFIG_PCI=m\n", "CONFIG_PCI=y\n"), HasSubstr("CONFIG_PCI=m (x.config:1) became y"));
  EXPECT_THAT(complaint("# CONFIG_PCI is not set\n", "CONFIG_PCI=y\n"), HasSubstr("became y"));
}

TEST_F(Fragment, AsksOnlyForWhatTheTreeKnowsWhenToldSo) {
  fake::tree(dir_.path() / "tree");
  const auto symbols = *kconfig_symbols(dir_.path() / "tree");
  std::vector<std::string> names;
  for (const KconfigSymbol& symbol : symbols) names.push_back(symbol.name);
  EXPECT_THAT(names, ElementsAre("LOST_ONE", "PCI", "VFIO_PCI"));
  EXPECT_EQ(to_fragment(known_wishes(wishes("CONFIG_VFIO_PCI=y\nCONFIG_VFIO_PCI_LIVEUPDATE=y\n"), symbols)),
            "CONFIG_VFIO_PCI=y\n");
}

}  // namespace
}  // namespace holdfast
