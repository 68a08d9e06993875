// Are functions listed as sysfs shows them? On a folder that looks like it.
#include "harness/agent/pci_list.h"

#include <gtest/gtest.h>

#include "harness/agent/sysfs.h"
#include "harness/base/file.h"

namespace holdfast::agent {
namespace {

namespace fs = std::filesystem;

class PciListTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto root = TempDir::create("pci-list");
    ASSERT_TRUE(root);
    root_.emplace(*std::move(root));
    ASSERT_TRUE(make_dirs(root_->path() / "bus"));
  }

  /// A device below `parent` (a path in the tree), with its link in the bus's folder.
  fs::path add(const std::string& parent, const std::string& bdf, const std::string& config) {
    const fs::path device = root_->path() / "devices" / parent / bdf;
    EXPECT_TRUE(make_dirs(device));
    for (const auto& [file, text] : {std::pair<const char*, std::string>{"vendor", "0x8086\n"},
                                     {"device", "0x10d3\n"},
                                     {"class", "0x020000\n"},
                                     {"resource",
                                      "0x00000000febc0000 0x00000000febdffff 0x0000000000040200\n"
                                      "0x0000000000000000 0x0000000000000000 0x0000000000000000\n"},
                                     {"config", config}}) {
      EXPECT_TRUE(write_file(device / file, text));
    }
    fs::create_directory_symlink(device, root_->path() / "bus" / bdf);
    return device;
  }

  std::optional<TempDir> root_;
};

TEST_F(PciListTest, TellsWhatSysfsSays) {
  const fs::path device = add("pci0000:00/0000:00:04.0", "0000:03:00.0", "config A");
  ASSERT_TRUE(write_file(device / "reset_method", "flr bus\n"));
  ASSERT_TRUE(make_dirs(root_->path() / "drivers/e1000e"));
  ASSERT_TRUE(make_dirs(root_->path() / "groups/12"));
  fs::create_directory_symlink(root_->path() / "drivers/e1000e", device / "driver");
  fs::create_directory_symlink(root_->path() / "groups/12", device / "iommu_group");
  const auto list = list_pci(root_->path() / "bus");
  ASSERT_TRUE(list);
  ASSERT_EQ(list->functions.size(), 1U);
  const wire::PciFunction& function = list->functions[0];
  EXPECT_EQ(function.bdf, "0000:03:00.0");
  EXPECT_EQ(function.path, "0000:00:04.0/0000:03:00.0");
  EXPECT_EQ(function.vendor, 0x8086);
  EXPECT_EQ(function.device, 0x10d3);
  EXPECT_EQ(function.class_code, 0x020000U);
  EXPECT_EQ(function.driver, "e1000e");
  EXPECT_EQ(function.iommu_group, 12);
  EXPECT_EQ(function.reset_methods, (std::vector<std::string>{"flr", "bus"}));
  ASSERT_EQ(function.resources.size(), 2U);
  EXPECT_EQ(function.resources[0].end, 0xfebdffffU);
  EXPECT_EQ(function.config_size, 8U);
}

TEST_F(PciListTest, PutsConfigSpacesOneAfterTheOtherInOrderOfAddress) {
  add("pci0000:00", "0000:00:1f.0", std::string(256, 'b'));
  add("pci0000:00", "0000:00:02.0", std::string(5000, 'a'));
  const auto list = list_pci(root_->path() / "bus");
  ASSERT_TRUE(list);
  ASSERT_EQ(list->functions.size(), 2U);
  EXPECT_EQ(list->functions[0].bdf, "0000:00:02.0");
  EXPECT_EQ(list->functions[0].config_size, 4096U);
  EXPECT_EQ(list->functions[0].driver, "");
  EXPECT_EQ(list->functions[0].iommu_group, -1);
  EXPECT_EQ(list->functions[1].config_size, 256U);
  ASSERT_EQ(list->blob.size(), 4096U + 256U);
  EXPECT_EQ(list->blob[4095], std::byte{'a'});
  EXPECT_EQ(list->blob[4096], std::byte{'b'});
}

TEST_F(PciListTest, IsAnErrorWithoutSuchAFolder) { EXPECT_FALSE(list_pci(root_->path() / "nothing")); }

TEST(Bdf, IsAnAddressAsSysfsWritesIt) {
  for (const char* good : {"0000:03:00.0", "ffff:ff:1f.7", "10000:00:02.0"}) EXPECT_TRUE(is_bdf(good)) << good;
  for (const char* bad : {"", "03:00.0", "0000:03:00", "0000:03:00.00", "0000:03:0000", "0000:3:00.0", "0000:0g:00.0",
                          "../../../..", "0000:03:00.0/", "0000:AB:00.0"}) {
    EXPECT_FALSE(is_bdf(bad)) << bad;
  }
}

}  // namespace
}  // namespace holdfast::agent
