// Does a preserved device stay where it is although the second kernel is told to arrange PCI anew?
//
// The kernel promises addresses, and so the bus numbers of all bridges above a preserved device. It promises neither
// BARs nor windows to who asks for them to be given out again, nor the bus numbers of anything else.
#include <algorithm>

#include "fixtures/case.h"
#include "fixtures/sysfs_words.h"
#include "harness/base/text.h"

namespace holdfast {
namespace {

bool is_bus_number(const PciChange& change) {
  return change.register_name == "address" || change.register_name.ends_with(" bus");
}

/// Each bridge above the device stands where it stood, with the bus numbers that it had.
void expect_bridges_stay(const Running& now, const PciAddress& address) {
  const PciFunctionState* device = now.before().find(address);
  ASSERT_NE(device, nullptr);
  for (const std::string_view hop : split(device->path, '/')) {  // "0000:00:04.0/0000:05:00.0": bridges, then itself
    const auto at = PciAddress::parse(hop);
    const PciFunctionState* was = at ? now.before().find(*at) : nullptr;
    if (was == nullptr || !was->bridge) continue;
    const PciFunctionState* is = now.arrived().find(*at);
    ASSERT_TRUE(is != nullptr && is->bridge) << "no bridge is at " << hop;
    EXPECT_EQ(is->bridge->primary, was->bridge->primary) << "primary bus of " << hop;
    EXPECT_EQ(is->bridge->secondary, was->bridge->secondary) << "secondary bus of " << hop;
    EXPECT_EQ(is->bridge->subordinate, was->bridge->subordinate) << "subordinate bus of " << hop;
  }
}

/// Preserves the device, goes on to a kernel B that has `words` in its command line, and expects all that is promised.
Result<Running> go_to_hostile(Scenario& scenario, const std::string& words) {
  Running kernel = TRY(scenario.boot());
  Bound bound = TRY(scenario.bind(kernel, scenario.device()));
  Session session = TRY(scenario.create_session(kernel, "device"));
  TRY(scenario.preserve(kernel, session, bound, 1));
  Running next = TRY(scenario.kexec(std::move(kernel), {.append = words, .expected = {bound}}));
  // Another device of the same kind may stand at the address: a move is what the comparison has found.
  for (const PciChange& change : scenario.changes()) {
    EXPECT_FALSE(change.address == bound.address && change.register_name == "address") << change.describe();
  }
  EXPECT_NE(next.arrived().find(bound.address), nullptr) << "nothing is at " << bound.device.bdf;
  expect_bridges_stay(next, bound.address);
  return next;
}

// The control: the same places with nothing preserved.
HOLDFAST_CASE(Hostile, RenumberingMovesWhatIsNotPreserved,
              "where the cases of this theme look, a device that nothing preserved moves, and is reported",
              .level = Level::kKexec, .devices = several_devices(4, {"renumbering-moves"}),
              .target_traits = {"bus-numbers-can-move"}) {
  Running kernel = MUST(scenario.boot());
  Running next = MUST(scenario.kexec(std::move(kernel), {.append = "pci=assign-busses,hpbussize=4"}));
  for (const Device& device : scenario.devices()) {
    // Gone is one that came out on a bus number which its root bus does not pass on.
    const bool found = std::ranges::any_of(scenario.changes(), [&](const PciChange& change) {
      const bool moved = change.register_name == "address" || change.register_name == "presence";
      return moved && change.address.to_string() == device.bdf && change.allowed.empty();
    });
    if (!found) harness_is_blind(device.bdf + " was moved, and it was not seen");
  }
  if (scenario.verify(next).ok()) harness_is_blind("verify passed although devices were moved");
}

HOLDFAST_CASE(Hostile, RenumberingSparesBothSwitches,
              "with two switches above a preserved device, all their ports keep their bus numbers when buses are "
              "numbered anew",
              .level = Level::kPreserve, .devices = one_device({"behind-two-switches"}),
              .target_traits = {"bus-numbers-can-move"}) {
  MUST(go_to_hostile(scenario, "pci=assign-busses,hpbussize=4"));
}

HOLDFAST_CASE(Hostile, RenumberingSparesASecondRootBus,
              "a preserved device below a second root bus stays when buses are numbered anew",
              .level = Level::kPreserve, .devices = one_device({"second-root-bus"}),
              .target_traits = {"bus-numbers-can-move"}) {
  MUST(go_to_hostile(scenario, "pci=assign-busses,hpbussize=4"));
}

HOLDFAST_CASE(Hostile, RenumberingSparesAllOnTheBus,
              "all devices on the bus of a preserved one stay when buses are numbered anew", .level = Level::kPreserve,
              .devices = one_device({"shared-bus"}), .target_traits = {"bus-numbers-can-move"}) {
  Running next = MUST(go_to_hostile(scenario, "pci=assign-busses,hpbussize=4"));
  const PciAddress preserved = MUST(PciAddress::parse(scenario.device().bdf));
  for (const PciChange& change : scenario.changes()) {
    const bool on_the_bus = change.address.domain == preserved.domain && change.address.bus == preserved.bus;
    EXPECT_FALSE(on_the_bus && (is_bus_number(change) || change.register_name == "presence")) << change.describe();
  }
}

HOLDFAST_CASE(Hostile, RenumberingSparesEachBranch,
              "devices on several branches that are preserved together all stay when buses are numbered anew",
              .level = Level::kPreserve, .devices = several_devices(4, {"renumbering-moves"}),
              .target_traits = {"bus-numbers-can-move"}) {
  Running kernel = MUST(scenario.boot());
  Session session = MUST(scenario.create_session(kernel, "four"));
  std::vector<Bound> bound;
  for (const Device& device : scenario.devices()) {
    bound.push_back(MUST(scenario.bind(kernel, device)));
    MUST(scenario.preserve(kernel, session, bound.back(), bound.size()));
  }
  Running next =
      MUST(scenario.kexec(std::move(kernel), {.append = "pci=assign-busses,hpbussize=4", .expected = bound}));
  for (const Bound& one : bound) {
    for (const PciChange& change : scenario.changes()) {
      EXPECT_FALSE(change.address == one.address && change.register_name == "address") << change.describe();
    }
    EXPECT_NE(next.arrived().find(one.address), nullptr) << "nothing is at " << one.device.bdf;
    expect_bridges_stay(next, one.address);
  }
}

// The numbers have to stay when nothing is preserved any more, too: the buses that have them are in use.
HOLDFAST_CASE(Hostile, RescanAfterFinishMovesNothing,
              "bus numbers above a device that was preserved and finished stay when its bus is scanned again",
              .level = Level::kRetrieve, .devices = one_device({"second-root-bus"}),
              .target_traits = {"bus-numbers-can-move"}) {
  Running next = MUST(go_to_hostile(scenario, "pci=assign-busses,hpbussize=4"));
  Bound arrived = MUST(scenario.bind_driver(next, scenario.device()));
  Session session = MUST(scenario.retrieve_session(next, "device"));
  MUST(scenario.retrieve(next, session, arrived, 1));
  MUST(scenario.finish(next, session));

  const PciFunctionState* device = next.arrived().find(arrived.address);
  ASSERT_NE(device, nullptr) << "nothing is at " << arrived.device.bdf;
  const std::string port(split(device->path, '/').front());
  REQUIRE_INVENTORY(port != arrived.device.bdf, arrived.device.bdf + " has no port above it");
  MUST(write_file_of(scenario, next, "/sys/bus/pci/devices/" + port + "/rescan", "1"));
  const auto list = MUST(scenario.call(Phase::kVerify, next, wire::PciList{}));
  const PciSnapshot now = MUST(PciSnapshot::from(list));
  const PciFunctionState* same = now.find(arrived.address);
  ASSERT_NE(same, nullptr) << "nothing is at " << arrived.device.bdf << " any more";
  EXPECT_EQ(same->device, device->device);
  EXPECT_EQ(same->driver, "vfio-pci");
}

HOLDFAST_CASE(Hostile, ReallocationLeavesAddresses,
              "a preserved device keeps its address when kernel B may give out bridge windows anew",
              .level = Level::kRetrieve, .devices = one_device({"behind-switch"}), .target_traits = {"emulated"}) {
  Running next = MUST(go_to_hostile(scenario, "pci=realloc=on,hpmemsize=16M"));
  Bound arrived = MUST(scenario.bind_driver(next, scenario.device()));
  Session session = MUST(scenario.retrieve_session(next, "device"));
  Bound back = MUST(scenario.retrieve(next, session, arrived, 1));
  MUST(scenario.exercise(next, back));
  MUST(scenario.finish(next, session));
}

HOLDFAST_CASE(Hostile, IgnoringFirmwareLeavesAddresses,
              "a preserved device keeps its address, and works, when kernel B ignores the windows that ACPI tells it",
              .level = Level::kRetrieve, .devices = one_device({"second-root-bus"}), .target_traits = {"emulated"}) {
  Running next = MUST(go_to_hostile(scenario, "pci=nocrs"));
  Bound arrived = MUST(scenario.bind_driver(next, scenario.device()));
  Session session = MUST(scenario.retrieve_session(next, "device"));
  Bound back = MUST(scenario.retrieve(next, session, arrived, 1));
  MUST(scenario.exercise(next, back));
  MUST(scenario.finish(next, session));
}

HOLDFAST_CASE(Hostile, AllAtOnceLeavesAddresses,
              "a preserved device keeps its address, and comes back, when kernel B is told all of it at once",
              .level = Level::kRetrieve, .devices = one_device({"behind-two-switches"}),
              .target_traits = {"emulated", "bus-numbers-can-move"}) {
  Running next = MUST(go_to_hostile(scenario, "pci=assign-busses,hpbussize=4,realloc=on,hpmemsize=16M,nocrs"));
  Bound arrived = MUST(scenario.bind_driver(next, scenario.device()));
  Session session = MUST(scenario.retrieve_session(next, "device"));
  Bound back = MUST(scenario.retrieve(next, session, arrived, 1));
  MUST(scenario.exercise(next, back));
  MUST(scenario.finish(next, session));
}

}  // namespace
}  // namespace holdfast
