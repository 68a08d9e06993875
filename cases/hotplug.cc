// May devices come and go before the kexec without harm to what is preserved?
#include <algorithm>

#include "fixtures/case.h"

namespace holdfast {
namespace {

/// IOMMU groups are numbered as devices are found: after a device was plugged in or out, kernel B may count otherwise
/// than kernel A did. Everything else stays.
bool is_group_number(const PciChange& change) {
  return change.register_name == "IOMMU group" && change.before != "none" && change.after != "none";
}

/// All that kernel B has made different and nothing allows, but for the numbers of groups.
std::string what_moved(const Scenario& scenario) {
  auto broken = forbidden(scenario.changes());
  std::erase_if(broken, is_group_number);
  return broken.empty() ? "" : format_diff(broken);
}

HOLDFAST_CASE(HotPlug, PluggedDeviceIsPreserved,
              "a device that was plugged in after boot is preserved as any other, and comes back",
              .level = Level::kRetrieve, .devices = several_devices(3, {"hot-plug"}), .target_traits = {"hot-plug"}) {
  Running kernel = MUST(scenario.boot());
  const Device& spare = scenario.device(2);
  const PciAddress address = MUST(PciAddress::parse(spare.bdf));
  REQUIRE_INVENTORY(kernel.arrived().find(address) == nullptr, spare.bdf + " is there before it was plugged in");
  MUST(scenario.plug(kernel, spare));

  Bound bound = MUST(scenario.bind(kernel, spare));
  Session session = MUST(scenario.create_session(kernel, "plugged"));
  MUST(scenario.preserve(kernel, session, bound, 1));
  Running next = MUST(scenario.kexec(std::move(kernel), {.expected = {bound}}));
  EXPECT_EQ(what_moved(scenario), "");
  ASSERT_NE(next.arrived().find(address), nullptr) << "nothing is at " << spare.bdf;

  Bound arrived = MUST(scenario.bind_driver(next, spare));
  Session incoming = MUST(scenario.retrieve_session(next, "plugged"));
  Bound back = MUST(scenario.retrieve(next, incoming, arrived, 1));
  MUST(scenario.exercise(next, back));
  MUST(scenario.finish(next, incoming));
}

HOLDFAST_CASE(HotPlug, PluggedDeviceIsFoundAgain,
              "a device that was plugged in after boot has its address in the next kernel, with nothing preserved",
              .level = Level::kKexec, .devices = several_devices(3, {"hot-plug"}), .target_traits = {"hot-plug"}) {
  Running kernel = MUST(scenario.boot());
  const PciAddress address = MUST(PciAddress::parse(scenario.device(2).bdf));
  MUST(scenario.plug(kernel, scenario.device(2)));
  Running next = MUST(scenario.kexec(std::move(kernel)));
  EXPECT_EQ(what_moved(scenario), "");
  EXPECT_NE(next.arrived().find(address), nullptr) << "nothing is at " << address.to_string();
}

HOLDFAST_CASE(HotPlug, PluggingElsewhereMovesNothing,
              "a device that is plugged in elsewhere after one was preserved moves neither of them",
              .level = Level::kRetrieve, .devices = several_devices(3, {"hot-plug"}), .target_traits = {"hot-plug"}) {
  Running kernel = MUST(scenario.boot());
  Bound bound = MUST(scenario.bind(kernel, scenario.device(1)));
  Session session = MUST(scenario.create_session(kernel, "device"));
  MUST(scenario.preserve(kernel, session, bound, 1));
  MUST(scenario.plug(kernel, scenario.device(2)));
  const PciAddress plugged = MUST(PciAddress::parse(scenario.device(2).bdf));

  Running next = MUST(scenario.kexec(std::move(kernel), {.expected = {bound}}));
  EXPECT_EQ(what_moved(scenario), "");
  EXPECT_NE(next.arrived().find(bound.address), nullptr) << "nothing is at " << bound.device.bdf;
  EXPECT_NE(next.arrived().find(plugged), nullptr) << "nothing is at " << plugged.to_string();
  Bound arrived = MUST(scenario.bind_driver(next, scenario.device(1)));
  Session incoming = MUST(scenario.retrieve_session(next, "device"));
  MUST(scenario.retrieve(next, incoming, arrived, 1));
  MUST(scenario.finish(next, incoming));
}

HOLDFAST_CASE(HotPlug, UnpluggingElsewhereMovesNothing,
              "a device that is taken out elsewhere after one was preserved does not move the preserved one",
              .level = Level::kRetrieve, .devices = several_devices(2, {"hot-plug"}), .target_traits = {"hot-plug"}) {
  Running kernel = MUST(scenario.boot());
  Bound bound = MUST(scenario.bind(kernel, scenario.device(1)));
  Session session = MUST(scenario.create_session(kernel, "device"));
  MUST(scenario.preserve(kernel, session, bound, 1));
  MUST(scenario.unplug(kernel, scenario.device(0)));
  const PciAddress taken_out = MUST(PciAddress::parse(scenario.device(0).bdf));

  Running next = MUST(scenario.kexec(std::move(kernel), {.expected = {bound}}));
  EXPECT_EQ(what_moved(scenario), "");
  EXPECT_EQ(next.arrived().find(taken_out), nullptr) << taken_out.to_string() << " is there, which was taken out";
  Bound arrived = MUST(scenario.bind_driver(next, scenario.device(1)));
  Session incoming = MUST(scenario.retrieve_session(next, "device"));
  MUST(scenario.retrieve(next, incoming, arrived, 1));
  MUST(scenario.finish(next, incoming));
}

HOLDFAST_CASE(HotPlug, PluggingBeforeRetrieveDoesNoHarm,
              "a preserved device comes back although another one was plugged into the next kernel before",
              .level = Level::kRetrieve, .devices = several_devices(3, {"hot-plug"}), .target_traits = {"hot-plug"}) {
  Running kernel = MUST(scenario.boot());
  Bound bound = MUST(scenario.bind(kernel, scenario.device(1)));
  Session session = MUST(scenario.create_session(kernel, "device"));
  MUST(scenario.preserve(kernel, session, bound, 1));
  Running next = MUST(scenario.kexec(std::move(kernel), {.expected = {bound}}));
  MUST(scenario.verify(next));
  Device other = scenario.device(2);
  std::erase(other.traits, "native-driver");  // where devices are expected, kernel B's native drivers are kept off
  MUST(scenario.plug(next, other));
  EXPECT_NE(next.arrived().find(bound.address), nullptr) << "nothing is at " << bound.device.bdf;
  Bound arrived = MUST(scenario.bind_driver(next, scenario.device(1)));
  Session incoming = MUST(scenario.retrieve_session(next, "device"));
  Bound back = MUST(scenario.retrieve(next, incoming, arrived, 1));
  MUST(scenario.exercise(next, back));
  MUST(scenario.finish(next, incoming));
}

// What makes renumbering dangerous in the first place: the tree is not the one that the numbers were given out for.
HOLDFAST_CASE(HotPlug, PreservedDeviceStaysWhenBusesAreRenumberedAfterPlugging,
              "bus numbers above a preserved device stay although one device went, one came, and kernel B is told to "
              "give out new numbers",
              .level = Level::kPreserve, .devices = several_devices(3, {"hot-plug"}),
              .target_traits = {"hot-plug", "bus-numbers-can-move"}) {
  Running kernel = MUST(scenario.boot());
  Bound bound = MUST(scenario.bind(kernel, scenario.device(1)));
  Session session = MUST(scenario.create_session(kernel, "device"));
  MUST(scenario.preserve(kernel, session, bound, 1));
  MUST(scenario.unplug(kernel, scenario.device(0)));
  MUST(scenario.plug(kernel, scenario.device(2)));

  Running next =
      MUST(scenario.kexec(std::move(kernel), {.append = "pci=assign-busses,hpbussize=4", .expected = {bound}}));
  const bool moved = std::ranges::any_of(scenario.changes(), [&](const PciChange& change) {
    return change.register_name == "address" && change.address == bound.address;
  });
  EXPECT_FALSE(moved) << bound.device.bdf << " came back on another bus";
  EXPECT_NE(next.arrived().find(bound.address), nullptr) << "nothing is at " << bound.device.bdf;
}

}  // namespace
}  // namespace holdfast
