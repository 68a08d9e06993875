// Are a compiler's warnings found in a log, with their places, and is the new one told from the old?
#include "harness/kernel/warnings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "harness/base/file.h"

namespace holdfast {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;

constexpr std::string_view kLog =
    "$ make O=obj bzImage\n"
    "  CC      drivers/pci/pci.o\n"
    "../drivers/pci/pci.c: In function 'pci_x':\n"
    "../drivers/pci/pci.c:12:5: warning: unused variable 'x' [-Wunused-variable]\n"
    "   12 | int x;\n"
    "      |     ^\n"
    "  CC      drivers/vfio/vfio.o\n"
    "In file included from ../drivers/vfio/vfio.c:3:\n"
    "../include/linux/vfio.h:40:1: warning: 'y' defined but not used\n"
    "  CC      drivers/vfio/quiet.o\n"
    "  LD      vmlinux.o\n"
    "vmlinux.o: warning: objtool: f+0x12: unreachable instruction\n";

TEST(Warnings, AreThoseOfTheObjectThatWasBeingMade) {
  EXPECT_THAT(
      parse_warnings(kLog),
      ElementsAre(
          Pair("drivers/pci/pci.o",
               ElementsAre(Warning{
                   .file = "drivers/pci/pci.c", .line = 12, .text = "unused variable 'x' [-Wunused-variable]"})),
          Pair("drivers/vfio/quiet.o", IsEmpty()),
          Pair("drivers/vfio/vfio.o",
               ElementsAre(Warning{.file = "include/linux/vfio.h", .line = 40, .text = "'y' defined but not used"})),
          Pair("vmlinux.o", ElementsAre(Warning{
                                .file = "vmlinux.o", .line = 0, .text = "objtool: f+0x12: unreachable instruction"}))));
}

TEST(Warnings, OfAHeaderCountOnceHoweverManyFilesIncludeIt) {
  const Warning same{.file = "include/x.h", .line = 4, .text = "w"};
  EXPECT_THAT(all_warnings({{"a.o", {same}}, {"b.o", {same}}}), ElementsAre(same));
}

TEST(Warnings, AreNewByFileAndTextNotByLine) {
  const std::vector<Warning> before = {{.file = "a.c", .line = 4, .text = "w"}};
  EXPECT_THAT(new_warnings(before, {{.file = "a.c", .line = 9, .text = "w"}}), IsEmpty());
  EXPECT_EQ(new_warnings(before, {{.file = "b.c", .line = 4, .text = "w"}}).size(), 1U);
  EXPECT_EQ(new_warnings(before, {{.file = "a.c", .line = 4, .text = "v"}}).size(), 1U);
  EXPECT_THAT(new_warnings(before, {{.file = "a.c", .line = 4, .text = "w"}, {.file = "a.c", .line = 9, .text = "w"}}),
              ElementsAre(Warning{.file = "a.c", .line = 9, .text = "w"}));
}

TEST(Warnings, AreReadBackAsTheyWereWritten) {
  const auto dir = *TempDir::create();
  EXPECT_THAT(*read_warnings(dir.path() / "w"), IsEmpty());
  auto some = parse_warnings(kLog);
  ASSERT_TRUE(write_warnings(dir.path() / "w", some));
  std::erase_if(some, [](const auto& entry) { return entry.second.empty(); });
  EXPECT_EQ(*read_warnings(dir.path() / "w"), some);
}

TEST(Warnings, SayWhereTheyAre) {
  EXPECT_EQ(describe(Warning{.file = "a.c", .line = 4, .text = "w"}), "a.c:4: w");
  EXPECT_EQ(describe(Warning{.file = "vmlinux.o", .line = 0, .text = "w"}), "vmlinux.o: w");
}

}  // namespace
}  // namespace holdfast
