// Does the plan place what can run, skip what cannot with the reason, and refuse what nobody can mean?
#include "harness/plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace holdfast {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

CaseInfo make_case(std::string suite, std::string name, Needs needs) {
  return {.suite = std::move(suite), .name = std::move(name), .promise = "p", .needs = std::move(needs)};
}

const std::vector<CaseInfo>& cases() {
  static const std::vector<CaseInfo> all{
      make_case("Addresses", "Plain", {.level = Level::kKexec}),
      make_case("Addresses", "Control", {.level = Level::kKexec, .target_traits = {"emulated"}}),
      make_case("Preserve", "Each", {.level = Level::kPreserve, .devices = every_device({"msix"})}),
      make_case("Preserve", "One", {.level = Level::kPreserve, .devices = one_device()}),
      make_case("Preserve", "Two", {.level = Level::kPreserve, .devices = several_devices(2)}),
  };
  return all;
}

TargetProfile vm() {
  return {.name = "vm",
          .devices = {{.role = "nic", .bdf = "0000:01:00.0", .model = "e1000e", .traits = {"msix"}},
                      {.role = "disk-1", .bdf = "0000:02:00.0", .model = "nvme", .traits = {"msix"}},
                      {.role = "edu", .bdf = "0000:03:00.0", .model = "edu", .traits = {"msi"}}},
          .traits = {"emulated"}};
}

KernelImage kernel(bool with_series) {
  KernelImage image;
  image.release = "7.3.0";
  image.config = KernelConfig{{"CONFIG_KEXEC_FILE", "y"}, {"CONFIG_KEXEC_HANDOVER", "y"},   {"CONFIG_LIVEUPDATE", "y"},
                              {"CONFIG_IOMMUFD", "y"},    {"CONFIG_VFIO_DEVICE_CDEV", "y"}, {"CONFIG_VFIO_PCI", "m"}};
  if (with_series) (*image.config)["CONFIG_VFIO_PCI_LIVEUPDATE"] = "y";
  return image;
}

std::vector<std::string> running(const Plan& plan) {
  std::vector<std::string> keys;
  for (const PlannedCase& planned : plan.cases) {
    if (planned.skip_reason.empty()) keys.push_back(planned.id.key());
  }
  return keys;
}

Result<Plan> plan_for(const Selection& selection, bool with_series = true, TargetProfile target = vm()) {
  return make_plan(cases(), {std::move(target)}, selection, {kernel(with_series), kernel(with_series)});
}

TEST(Plan, RunsACaseOnceForEachDeviceThatItWants) {
  const auto plan = plan_for({});
  ASSERT_TRUE(plan);
  EXPECT_THAT(running(*plan), ElementsAre("Addresses.Plain", "Addresses.Control", "Preserve.Each/nic",
                                          "Preserve.Each/disk-1", "Preserve.One/nic", "Preserve.Two"));
}

TEST(Plan, SkipsWithTheMissingOptionOnAKernelWithoutTheSeries) {
  const auto plan = plan_for({}, false);
  ASSERT_TRUE(plan);
  EXPECT_THAT(running(*plan), ElementsAre("Addresses.Plain", "Addresses.Control"));
  EXPECT_EQ(plan->to_skip(), 4);
  EXPECT_THAT(plan->cases.back().skip_reason, HasSubstr("CONFIG_VFIO_PCI_LIVEUPDATE"));
}

TEST(Plan, LooksAtTheNextKernelToo) {
  const auto plan = make_plan(cases(), {vm()}, {}, {kernel(true), kernel(false)});
  ASSERT_TRUE(plan);
  EXPECT_THAT(plan->cases.back().skip_reason, HasSubstr("next kernel"));
}

TEST(Plan, RunsEverythingOnAKernelThatDoesNotTell) {
  const auto plan = make_plan(cases(), {vm()}, {}, {KernelImage{}, KernelImage{}});
  ASSERT_TRUE(plan);
  EXPECT_EQ(plan->to_skip(), 0);
}

TEST(Plan, SkipsWhatTheTargetLacks) {
  TargetProfile bare = vm();
  bare.traits.clear();
  bare.devices.resize(1);
  const auto plan = plan_for({}, true, bare);
  ASSERT_TRUE(plan);
  EXPECT_THAT(running(*plan), ElementsAre("Addresses.Plain", "Preserve.Each/nic", "Preserve.One/nic"));
  EXPECT_THAT(plan->cases[1].skip_reason, HasSubstr("not emulated"));
  EXPECT_THAT(plan->cases.back().skip_reason, HasSubstr("no 2 devices"));
}

TEST(Plan, TakesOnlyTheDevicesSelected) {
  const auto plan = plan_for({.devices = {"02:00.0", "edu"}});
  ASSERT_TRUE(plan);
  EXPECT_THAT(running(*plan), ElementsAre("Addresses.Plain", "Addresses.Control", "Preserve.Each/disk-1",
                                          "Preserve.One/disk-1", "Preserve.Two"));
}

/// The same target with a second machine, in which one device is a spare.
TargetProfile with_slots() {
  TargetProfile target = vm();
  const auto add = [&](std::string role, std::string bdf, std::vector<std::string> traits) {
    target.devices.push_back({std::move(role), std::move(bdf), "e1000e", std::move(traits), "slots"});
  };
  add("slot-1", "0000:01:00.0", {"msix", "hot-plug"});
  add("spare", "0000:02:00.0", {"msix", "hot-plug", "spare"});
  return target;
}

std::vector<std::string> roles(const PlannedCase& planned) {
  std::vector<std::string> names;
  for (const Device& device : planned.devices) names.push_back(device.role);
  return names;
}

TEST(Plan, TakesTheOrdinaryMachineWhereItWillDo) {
  const auto plan = plan_for({}, true, with_slots());
  ASSERT_TRUE(plan);
  EXPECT_THAT(running(*plan), ElementsAre("Addresses.Plain", "Addresses.Control", "Preserve.Each/nic",
                                          "Preserve.Each/disk-1", "Preserve.One/nic", "Preserve.Two"));
}

TEST(Plan, TakesDevicesOfOneCaseFromOneMachine) {
  const std::vector<CaseInfo> wanted{
      make_case("Plug", "Both", {.devices = several_devices(2, {"hot-plug"})}),
      make_case("Plug", "Three", {.devices = several_devices(3, {"hot-plug"})}),
      make_case("Plug", "Four", {.devices = several_devices(4, {"msix"})}),
  };
  const auto plan = make_plan(wanted, {with_slots()}, {}, {kernel(true), kernel(true), {}});
  ASSERT_TRUE(plan);
  EXPECT_THAT(running(*plan), ElementsAre("Plug.Both"));
  EXPECT_THAT(roles(plan->cases.front()), ElementsAre("slot-1", "spare"));
}

TEST(Plan, GivesASpareOnlyToACaseThatPlugsItIn) {
  EXPECT_THAT(running(*plan_for({.devices = {"slot-1"}}, true, with_slots())),
              ElementsAre("Addresses.Plain", "Addresses.Control", "Preserve.Each/slot-1", "Preserve.One/slot-1"));
  EXPECT_THAT(running(*plan_for({.devices = {"spare"}}, true, with_slots())),
              ElementsAre("Addresses.Plain", "Addresses.Control"));
}

TEST(Plan, TakesAnAddressForOneOfTheOrdinaryMachine) {
  const auto plan = plan_for({.devices = {"01:00.0"}}, true, with_slots());
  ASSERT_TRUE(plan);
  EXPECT_THAT(running(*plan), testing::Contains("Preserve.One/nic"));
  EXPECT_THAT(running(*plan), testing::Not(testing::Contains("Preserve.Each/slot-1")));
}

TEST(Plan, RunsOnEachDeviceThatWasNamedInWhateverMachine) {
  EXPECT_THAT(running(*plan_for({.filter = "Preserve.Each", .devices = {"slot-1", "nic"}}, true, with_slots())),
              ElementsAre("Preserve.Each/nic", "Preserve.Each/slot-1"));
}

TEST(Plan, RunsOnEachTargetThatHasTheDeviceAndDropsNoneSilently) {
  TargetProfile first = vm();
  first.name = "first";
  TargetProfile second = vm();
  second.name = "second";
  second.devices.resize(1);
  TargetProfile bare = vm();
  bare.name = "bare";
  bare.devices.clear();
  const auto plan = make_plan(cases(), {first, second, bare}, {.filter = "Preserve.Each", .devices = {"disk-1", "nic"}},
                              {kernel(true), kernel(true)});
  ASSERT_TRUE(plan);
  std::vector<std::string> all;
  for (const PlannedCase& one : plan->cases) {
    all.push_back(one.target + " " + one.id.key() + (one.skip_reason.empty() ? "" : ": " + one.skip_reason));
  }
  EXPECT_THAT(all, ElementsAre("first Preserve.Each/nic", "first Preserve.Each/disk-1", "second Preserve.Each/nic",
                               "bare Preserve.Each: target bare has no 1 device with msix among disk-1, nic"));
}

TEST(CanTake, WantsTheSameRolesAndWhatTheCaseNeeds) {
  const auto plan = plan_for({.filter = "Preserve.Each/disk-1:Addresses.Control"});
  ASSERT_EQ(plan->to_run(), 2);
  const PlannedCase& control = plan->cases[0];
  const PlannedCase& disk = plan->cases[1];
  EXPECT_TRUE(can_take(vm(), control));
  EXPECT_TRUE(can_take(vm(), disk));
  TargetProfile other = vm();
  other.traits = {};
  EXPECT_FALSE(can_take(other, control)) << "not emulated";
  other.devices[1].traits = {};
  EXPECT_FALSE(can_take(other, disk)) << "a disk without msix";
  other.devices[1] = other.devices[0];
  EXPECT_FALSE(can_take(other, disk)) << "no such role";
}

TEST(Plan, FollowsTheFilter) {
  EXPECT_THAT(running(*plan_for({.filter = "Preserve.*:-*.Two:*.One"})),
              ElementsAre("Preserve.Each/nic", "Preserve.Each/disk-1"));
  EXPECT_THAT(running(*plan_for({.filter = "Preserve.Each/disk-1"})), ElementsAre("Preserve.Each/disk-1"));
  EXPECT_THAT(running(*plan_for({.filter = "-Preserve.*"})), ElementsAre("Addresses.Plain", "Addresses.Control"));
  EXPECT_TRUE(plan_for({.filter = "Nothing*"})->cases.empty());
}

TEST(Plan, RefusesACaseThatIsNoneAndNamesTheNearest) {
  const auto plan = plan_for({.filter = "Preserve.Eahc"});
  ASSERT_FALSE(plan);
  EXPECT_EQ(plan.error().type(), "harness.usage");
  EXPECT_THAT(plan.error().what, HasSubstr("'Preserve.Each'"));
}

TEST(Plan, KnowsADeviceWithoutAnAddressByItsRoleOnly) {
  TargetProfile host = vm();
  for (Device& device : host.devices) device.bdf.clear();
  EXPECT_THAT(running(*plan_for({.devices = {"nic"}}, true, host)), testing::Contains("Preserve.One/nic"));
  for (const char* wanted : {"", "x", "01:00.0"}) {
    const auto plan = plan_for({.devices = {wanted}}, true, host);
    ASSERT_FALSE(plan) << wanted;
    EXPECT_THAT(plan.error().what, testing::Not(HasSubstr("did you mean ''")));
  }
}

TEST(Plan, RefusesADeviceThatIsNoneAndNamesTheNearest) {
  const auto plan = plan_for({.devices = {"nci"}});
  ASSERT_FALSE(plan);
  EXPECT_THAT(plan.error().what, HasSubstr("'nic'"));
}

TEST(MissingFor, NamesTheMostBasicOption) {
  KernelImage image = kernel(false);
  image.config->erase("CONFIG_KEXEC_HANDOVER");
  EXPECT_THAT(*missing_for(Level::kRetrieve, image), HasSubstr("CONFIG_KEXEC_HANDOVER"));
  EXPECT_EQ(missing_for(Level::kKexec, image), std::nullopt);
}

}  // namespace
}  // namespace holdfast
