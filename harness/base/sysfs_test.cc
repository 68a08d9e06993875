// Is sysfs read as it is written?
#include "harness/base/sysfs.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "harness/base/file.h"

namespace holdfast {
namespace {

TEST(Sysfs, KnowsAnAddressFromOtherNames) {
  EXPECT_TRUE(is_bdf("0000:03:00.0"));
  EXPECT_TRUE(is_bdf("10000:e1:1f.7"));
  for (const char* other : {"", "03:00.0", "0000:03:00", "0000:03:00.0/..", "pci0000:00", "0000-03:00.0"}) {
    EXPECT_FALSE(is_bdf(other)) << other;
  }
}

TEST(Sysfs, FollowsLinksToTheFunctionsOnTheWay) {
  const auto root = TempDir::create("sysfs");
  ASSERT_TRUE(root);
  ASSERT_TRUE(make_dirs(root->path() / "devices/pci0000:00/0000:00:01.0/0000:01:00.0/net/eth0"));
  std::filesystem::create_symlink("devices/pci0000:00/0000:00:01.0/0000:01:00.0/net/eth0", root->path() / "eth0");
  EXPECT_THAT(bdfs_on_the_way(root->path() / "eth0"), testing::ElementsAre("0000:00:01.0", "0000:01:00.0"));
  EXPECT_THAT(bdfs_on_the_way(root->path() / "eth1"), testing::IsEmpty());
  EXPECT_EQ(link_name(root->path() / "eth0"), "eth0");
  EXPECT_EQ(link_name(root->path() / "devices"), "");
}

}  // namespace
}  // namespace holdfast
