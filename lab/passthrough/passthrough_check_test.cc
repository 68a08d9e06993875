// Is everything that keeps a device from a guest found before a run, with what mends it?
#include "lab/passthrough/passthrough_check.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "fixtures/fake_sysfs.h"
#include "harness/base/file.h"
#include "lab/passthrough/fake_kernel_test.h"

namespace holdfast::lab {
namespace {

using testing::HasSubstr;

class PassthroughCheck : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(fake::make_machine("desktop-without-acs", root()));
    kernel_ = std::make_unique<FakeKernel>(root());
  }
  std::filesystem::path root() const { return folder_.path() / "machine"; }
  Finding find(const std::string& about) {
    const TakingPlace place{
        .writer = *kernel_, .folder = folder_.path() / "taken", .self = *Owner::self(), .root = root()};
    const auto findings = check_passthrough(vm_, place, Deadline::after(Millis(30'000)));
    EXPECT_TRUE(findings);
    EXPECT_EQ(kernel_->writes, 0);
    const auto found = std::ranges::find(*findings, about, &Finding::about);
    EXPECT_NE(found, findings->end()) << about;
    return found == findings->end() ? Finding{} : *found;
  }

  TempDir folder_ = *TempDir::create("check");
  std::unique_ptr<FakeKernel> kernel_;
  VirtualMachine vm_{.name = "v", .passed = {.devices = {{.passthrough = "8086:10d3", .role = "nic"}}}};
};

TEST_F(PassthroughCheck, SaysWhereInTheGuestADeviceWillBe) {
  const Finding device = find("device nic");
  EXPECT_EQ(device.state, Finding::State::kGood);
  EXPECT_THAT(device.what, HasSubstr("0000:03:00.0 can be passed through, as 0000:0a:00.0 of the guest"));
  EXPECT_EQ(find("rights").state, Finding::State::kGood);
  EXPECT_EQ(find("vfio-pci").state, Finding::State::kGood);
}

TEST_F(PassthroughCheck, SaysWhatUsesADeviceAndThatForceTakesIt) {
  vm_.passed.devices[0].passthrough = "0000:00:1f.6";
  Finding device = find("device nic");
  EXPECT_EQ(device.state, Finding::State::kMissing);
  EXPECT_THAT(device.what, HasSubstr("eno1 carries the default route"));
  EXPECT_THAT(device.mend, HasSubstr("--force"));
  vm_.passed.force = true;
  EXPECT_NE(find("device nic").state, Finding::State::kMissing);
}

TEST_F(PassthroughCheck, SaysThatTheSystemDiskIsNeverTaken) {
  vm_.passed.devices[0].passthrough = "0000:00:17.0";
  vm_.passed.force = true;
  EXPECT_EQ(find("device nic").state, Finding::State::kMissing);
}

TEST_F(PassthroughCheck, NamesTheRightThatIsMissingAndTheRuleThatGivesIt) {
  kernel_->forbidden = {"sys/bus/pci/devices/0000:03:00.0/driver_override"};
  const Finding rights = find("rights");
  EXPECT_EQ(rights.state, Finding::State::kMissing);
  EXPECT_THAT(rights.what, HasSubstr("driver_override"));
  EXPECT_THAT(rights.mend, HasSubstr("SUBSYSTEM==\"vfio\""));
}

TEST_F(PassthroughCheck, SaysThatThereIsNoDriverAndNoDevice) {
  std::filesystem::remove_all(root() / "sys/bus/pci/drivers/vfio-pci");
  EXPECT_EQ(find("vfio-pci").mend, "sudo modprobe vfio-pci");
  vm_.passed.devices[0].passthrough = "1234:5678";
  EXPECT_THAT(find("devices").what, HasSubstr("no device 1234:5678"));
}

TEST_F(PassthroughCheck, LooksForHugePagesWhereTheyAreAskedFor) {
  vm_.passed.hugepage_mib = 2;
  EXPECT_EQ(find("huge pages").state, Finding::State::kMissing);
}

}  // namespace
}  // namespace holdfast::lab
