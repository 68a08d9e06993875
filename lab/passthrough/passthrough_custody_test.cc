// Does a run have its devices from before its first case until after its last?
#include "lab/passthrough/passthrough_custody.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fixtures/fake_sysfs.h"
#include "harness/base/file.h"
#include "lab/passthrough/fake_kernel_test.h"

namespace holdfast::lab {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

Deadline soon() { return Deadline::after(Millis(20'000)); }

class PassthroughCustodyTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(fake::make_machine("desktop-without-acs", folder_.path() / "machine"));
    kernel_ = std::make_unique<FakeKernel>(folder_.path() / "machine");
  }
  TakingPlace place() {
    return {.writer = *kernel_,
            .folder = folder_.path() / "taken",
            .self = *Owner::self(),
            .root = folder_.path() / "machine"};
  }
  std::unique_ptr<Custody> custody() {
    auto made = make_passthrough_custody(vm_, place(), [this](const std::string& diff) { diffs_.push_back(diff); });
    EXPECT_TRUE(made);
    return *std::move(made);
  }

  TempDir folder_ = *TempDir::create("custody");
  std::unique_ptr<FakeKernel> kernel_;
  PassthroughVm vm_{.devices = {{.passthrough = "8086:10d3", .port = 9}}};
  std::vector<std::string> diffs_;
};

TEST_F(PassthroughCustodyTest, TakesSettlesAndGivesBack) {
  const auto custody = this->custody();
  EXPECT_FALSE(custody->make_ready(soon()));
  ASSERT_TRUE(custody->take(soon()));
  EXPECT_EQ(kernel_->driver_of("0000:03:00.0"), "vfio-pci");
  EXPECT_THAT(custody->case_argv(), ElementsAre("--passed", "0000:03:00.0"));
  EXPECT_TRUE(custody->make_ready(soon()));
  ASSERT_TRUE(custody->give_back(soon()));
  EXPECT_EQ(kernel_->driver_of("0000:03:00.0"), "e1000e");
  EXPECT_THAT(diffs_, IsEmpty());
}

TEST_F(PassthroughCustodyTest, GivesBackWhenItEndsAndTellsWhatDiffers) {
  kernel_->spoils = {{"0000:03:00.0", "\x10"}};
  {
    const auto custody = this->custody();
    ASSERT_TRUE(custody->take(soon()));
  }
  EXPECT_EQ(kernel_->driver_of("0000:03:00.0"), "e1000e");
  EXPECT_THAT(diffs_, IsEmpty());
  const auto custody = this->custody();
  ASSERT_TRUE(custody->take(soon()));
  kernel_->spoils = {{"0000:03:00.0", "\x20"}};
  ASSERT_TRUE(custody->give_back(soon()));
  ASSERT_EQ(diffs_.size(), 1U);
  EXPECT_THAT(diffs_[0], HasSubstr("0000:03:00.0"));
}

TEST_F(PassthroughCustodyTest, TellsTheCasesWhichDevicesTheIdsMeant) {
  vm_.devices.push_back({.passthrough = "0000:00:02.0"});
  const auto named = with_passed(vm_, "0000:03:00.0,0000:00:02.0");
  ASSERT_TRUE(named);
  EXPECT_EQ(named->devices[0].passthrough, "0000:03:00.0");
  EXPECT_EQ(named->devices[0].port, 9U);
  EXPECT_FALSE(with_passed(vm_, "0000:03:00.0"));
  EXPECT_FALSE(with_passed(vm_, "0000:03:00.0,nonsense"));
}

}  // namespace
}  // namespace holdfast::lab
