// Does a virtual machine say of itself what it is made of?
#include "lab/qemu/qemu_target.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "harness/base/file.h"
#include "lab/qemu/vfio_argv.h"

namespace holdfast::lab {
namespace {

TEST(QemuTarget, SaysWhyOneWithDevicesOfThisMachineHasNoSnapshot) {
  const TempDir folder = *TempDir::create("target");
  QemuConfig config;
  config.console_log = folder.path() / "console.log";
  const auto plain = make_qemu_target(config);
  ASSERT_TRUE(plain);
  EXPECT_EQ((*plain)->facts().count("snapshot"), 0U);
  config.passed = {"-device", "vfio-pci,host=0000:03:00.0"};
  const auto passed = make_qemu_target(config);
  ASSERT_TRUE(passed);
  EXPECT_THAT((*passed)->facts().at("snapshot"), testing::HasSubstr(kNoSnapshot));
}

}  // namespace
}  // namespace holdfast::lab
