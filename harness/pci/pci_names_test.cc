// Are devices called what the list says, and is a device that is not in it no error?
#include "harness/pci/pci_names.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace holdfast {
namespace {

TEST(PciNames, KnowsWhatIsInTheListAndSaysNothingOfTheRest) {
  const PciNames names;
  EXPECT_EQ(names.vendor(0x8086), "Intel Corporation");
  EXPECT_THAT(names.device(0x8086, 0x10d3), testing::HasSubstr("82574L"));
  EXPECT_EQ(names.class_of(0x020000), "Ethernet controller");
  EXPECT_EQ(names.device(0x8086, 0xffff), "");
  EXPECT_EQ(names.vendor(0xfff1), "");
}

}  // namespace
}  // namespace holdfast
