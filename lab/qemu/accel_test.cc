// Is KVM believed only where a guest came up under it?
#include "lab/qemu/accel.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "harness/base/file.h"

namespace holdfast::lab {
namespace {

using testing::HasSubstr;

Deadline soon() { return Deadline::after(std::chrono::seconds(20)); }

class AccelTest : public testing::Test {
 protected:
  void SetUp() override {
    if (::access("/dev/kvm", R_OK | W_OK) != 0) GTEST_SKIP() << "no /dev/kvm that can be opened";
    probe_ = {.qemu = "7.2", .cache_dir = dir_.path() / "cache", .boot = [this](const Deadline&) -> Result<void> {
                ++boots_;
                if (works_) return {};
                return lab_error("vm-killed", "QEMU ended").with("QEMU's stderr", "x\nKVM internal error\n");
              }};
  }

  TempDir dir_ = *TempDir::create("accel");
  AccelProbe probe_;
  bool works_ = true;
  int boots_ = 0;
};

TEST_F(AccelTest, TakesKvmThatBootsAGuestAndRemembersIt) {
  EXPECT_EQ(choose_accel(AccelWish::kAuto, probe_, soon())->accel, Accel::kKvm);
  works_ = false;
  const auto again = choose_accel(AccelWish::kAuto, probe_, soon());
  EXPECT_EQ(again->accel, Accel::kKvm);
  EXPECT_EQ(again->why, "a guest came up under it");
  EXPECT_EQ(boots_, 1);
}

TEST_F(AccelTest, FallsBackWhenTheGuestDoesNotComeUp) {
  works_ = false;
  const auto choice = choose_accel(AccelWish::kAuto, probe_, soon());
  EXPECT_EQ(choice->accel, Accel::kTcg);
  EXPECT_THAT(choice->why, HasSubstr("KVM internal error"));
}

TEST_F(AccelTest, ForgetsAFailureThatMayBeTheGuestsOwn) {
  works_ = false;
  auto choice = choose_accel(AccelWish::kAuto, probe_, soon());
  ASSERT_TRUE(choice);
  EXPECT_TRUE(choose_accel(AccelWish::kAuto, probe_, soon())->fresh);
  EXPECT_EQ(boots_, 2);
  remember(*choice, probe_);  // a guest came up under TCG: so it was KVM's fault
  const auto known = choose_accel(AccelWish::kAuto, probe_, soon());
  EXPECT_EQ(known->accel, Accel::kTcg);
  EXPECT_EQ(known->why, choice->why);
  EXPECT_EQ(boots_, 2);
}

TEST_F(AccelTest, ProbesAnewForAnotherQemuAnotherBootAndADamagedMemory) {
  EXPECT_TRUE(choose_accel(AccelWish::kAuto, probe_, soon())->fresh == false);
  EXPECT_EQ(boots_, 1);
  AccelProbe other = probe_;
  other.qemu = "8.0";
  ASSERT_TRUE(choose_accel(AccelWish::kAuto, other, soon()));
  EXPECT_EQ(boots_, 2);
  other = probe_;
  other.boot_id = dir_.path() / "boot_id";
  ASSERT_TRUE(write_file(other.boot_id, "another boot"));
  ASSERT_TRUE(choose_accel(AccelWish::kAuto, other, soon()));
  EXPECT_EQ(boots_, 3);
  for (const auto& entry : std::filesystem::directory_iterator(probe_.cache_dir)) {
    ASSERT_TRUE(write_file(entry.path(), "nonsense"));
  }
  ASSERT_TRUE(choose_accel(AccelWish::kAuto, probe_, soon()));
  EXPECT_EQ(boots_, 4);
}

TEST_F(AccelTest, DoesNotProbeWhenToldWhatToUseOrWhenThereIsNoDevice) {
  EXPECT_EQ(choose_accel(AccelWish::kTcg, probe_, soon())->accel, Accel::kTcg);
  EXPECT_EQ(choose_accel(AccelWish::kKvm, probe_, soon())->accel, Accel::kKvm);
  probe_.device = "/no/such/device";
  EXPECT_THAT(choose_accel(AccelWish::kAuto, probe_, soon())->why, HasSubstr("/no/such/device"));
  probe_.device = "/dev/null";
  EXPECT_THAT(choose_accel(AccelWish::kAuto, probe_, soon())->why, HasSubstr("no KVM device"));
  EXPECT_EQ(boots_, 0);
}

TEST_F(AccelTest, EndsWhenStopped) {
  works_ = false;
  const auto stop = Stop::create();
  stop->request();
  EXPECT_EQ(choose_accel(AccelWish::kAuto, probe_, Deadline::never(&*stop)).error().type(), "harness.stopped");
}

TEST(AccelWishFrom, KnowsItsWords) {
  EXPECT_EQ(accel_wish_from("auto"), AccelWish::kAuto);
  EXPECT_EQ(accel_wish_from("kvm"), AccelWish::kKvm);
  EXPECT_EQ(accel_wish_from("tcg"), AccelWish::kTcg);
  EXPECT_FALSE(accel_wish_from("KVM"));
}

}  // namespace
}  // namespace holdfast::lab
