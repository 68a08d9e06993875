// Is a device that was promised reset and idle held to that, and allowed no more?
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "harness/pci/pci.h"
#include "harness/pci/pci_recording_test.h"

namespace holdfast {
namespace {

using namespace pci_recording;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::IsSupersetOf;

PciExpectation handed_over(std::string_view bdf) {
  PciExpectation expectation;
  expectation.reset = {*PciAddress::parse(bdf)};
  expectation.ignore_drivers = true;
  return expectation;
}

/// The device as kernel A's native driver left it in the snapshot: decoding, bus mastering, MSI-X on; now without a
/// driver.
Machine idle(std::string_view bdf, uint8_t command, bool msix) {
  Machine machine;
  machine.at(bdf).driver.clear();
  machine.set(bdf, 0x04, {command, 0x05});
  if (!msix) machine.flip(bdf, 0xa3, 0x80);
  return machine;
}

TEST(PciIdle, AllowsAHandedOverDeviceToBeOff) {
  const auto changes = changes_to(idle(kE1000e, 0x00, false), handed_over(kE1000e));
  EXPECT_THAT(names(forbidden(changes)), IsEmpty()) << format_diff(changes);
  EXPECT_THAT(names(changes), Contains("0000:03:00.0 Command"));
  EXPECT_THAT(names(changes), Contains("0000:03:00.0 MSI-X: Message Control"));
}

TEST(PciIdle, ForbidsTheSameForADeviceThatWasNotPromisedReset) {
  PciExpectation expectation;
  expectation.ignore_drivers = true;
  EXPECT_THAT(names(forbidden(changes_to(idle(kE1000e, 0x00, false), expectation))),
              ElementsAre("0000:03:00.0 Command"));
}

TEST(PciIdle, ForbidsBusMasteringThatWasLeftOn) {
  const auto bad = forbidden(changes_to(idle(kE1000e, 0x06, false), handed_over(kE1000e)));
  ASSERT_THAT(names(bad), ElementsAre("0000:03:00.0 Command"));
  EXPECT_THAT(bad[0].detail, HasSubstr("bus mastering is still on"));
}

TEST(PciIdle, ForbidsInterruptsThatWereLeftOn) {
  const auto bad = forbidden(changes_to(idle(kE1000e, 0x02, true), handed_over(kE1000e)));
  ASSERT_THAT(names(bad), ElementsAre("0000:03:00.0 MSI-X: Message Control"));
  EXPECT_THAT(bad[0].detail, HasSubstr("MSI-X is still on"));
}

TEST(PciIdle, ForbidsTurningOnWhatWasOff) {
  // edu has no driver: bus mastering and MSI were off before.
  const auto bad = forbidden(changes_to(Machine().flip(kEdu, 0x04, 0x04).flip(kEdu, 0x42, 0x01), handed_over(kEdu)));
  EXPECT_THAT(names(bad), ElementsAre("0000:05:01.0 Command", "0000:05:01.0 MSI: Message Control"));
}

TEST(PciIdle, AllowsANativeDriverOfKernelBToUseTheDevice) {
  EXPECT_THAT(forbidden(changes_to(Machine(), handed_over(kE1000e))), IsEmpty());
}

TEST(PciIdle, HoldsADeviceOfVfioToThePromise) {
  Machine after = idle(kE1000e, 0x06, false);
  after.at(kE1000e).driver = "vfio-pci";
  EXPECT_THAT(names(forbidden(changes_to(after, handed_over(kE1000e)))), ElementsAre("0000:03:00.0 Command"));
}

TEST(PciIdle, ForbidsABarThatTheResetWiped) {
  Machine after = idle(kE1000e, 0x00, false);
  after.set(kE1000e, 0x10, {0, 0, 0, 0});
  EXPECT_THAT(names(forbidden(changes_to(after, handed_over(kE1000e)))), ElementsAre("0000:03:00.0 BAR0"));
}

/// Six endpoints preserved by a real kernel: those with a native driver were taken by it, the others had none.
PciExpectation preserved() {
  PciExpectation expectation;
  expectation.ignore_drivers = true;
  for (const std::string_view bdf :
       {std::string_view("0000:01:00.0"), kNvme, kE1000e, kEdu, std::string_view("0000:08:00.0"), kOtherE1000e}) {
    expectation.reset.push_back(*PciAddress::parse(bdf));
  }
  return expectation;
}

TEST(PciIdle, FindsNothingForbiddenAfterARecordedPreservation) {
  const auto changes =
      compare(Machine("q35-before-preserve.txt").snapshot(), Machine("q35-after-preserve.txt").snapshot(), preserved());
  EXPECT_THAT(names(forbidden(changes)), IsEmpty()) << format_diff(changes);
  EXPECT_THAT(names(changes), Contains("0000:05:01.0 Command"));
}

TEST(PciIdle, FindsWhatARecordedPreservationWouldHaveBroken) {
  Machine after("q35-after-preserve.txt");
  after.flip(kEdu, 0x04, 0x04).flip(kNvme, 0x12, 0x01).flip(kOtherE1000e, 0xe8, 0x20);
  after.at(kEdu).iommu_group = 3;
  const auto bad = forbidden(compare(Machine("q35-before-preserve.txt").snapshot(), after.snapshot(), preserved()));
  EXPECT_THAT(names(bad), IsSupersetOf({"0000:02:00.0 BAR0", "0000:05:01.0 Command", "0000:05:01.0 IOMMU group",
                                        "0000:09:00.0 PCI Express: Device Control"}));
}

}  // namespace
}  // namespace holdfast
