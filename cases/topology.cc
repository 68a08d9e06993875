// Does it matter where in the tree of buses a preserved device stands?
#include "fixtures/case.h"
#include "harness/base/text.h"

namespace holdfast {
namespace {

/// The bridges above a device, from the root down. A path is "0000:00:04.0/0000:05:00.0": bridges, then the device.
std::vector<PciFunctionState> bridges_above(const PciSnapshot& devices, const PciAddress& address) {
  std::vector<PciFunctionState> bridges;
  const PciFunctionState* device = devices.find(address);
  for (const std::string_view hop : split(device != nullptr ? device->path : std::string_view(), '/')) {
    const auto at = PciAddress::parse(hop);
    const PciFunctionState* bridge = at ? devices.find(*at) : nullptr;
    if (bridge != nullptr && bridge->bridge) bridges.push_back(*bridge);
  }
  return bridges;
}

/// Preserves the device and goes on to kernel B.
Result<Running> carry_over(Scenario& scenario, Running&& kernel, const Bound& bound) {
  Session session = TRY(scenario.create_session(kernel, "device"));
  TRY(scenario.preserve(kernel, session, bound, 1));
  return scenario.kexec(std::move(kernel), {.expected = {bound}});
}

/// The device comes back from the session that carry_over() made, and works.
Result<void> get_back(Scenario& scenario, Running& kernel) {
  Bound arrived = TRY(scenario.bind_driver(kernel, scenario.device()));
  Session session = TRY(scenario.retrieve_session(kernel, "device"));
  Bound back = TRY(scenario.retrieve(kernel, session, arrived, 1));
  TRY(scenario.exercise(kernel, back));
  return scenario.finish(kernel, session);
}

HOLDFAST_CASE(Topology, EndpointInTheRootComplexIsPreserved,
              "a device with no port above it keeps its address, and comes back", .level = Level::kRetrieve,
              .devices = one_device({"integrated"})) {
  Running kernel = MUST(scenario.boot());
  Bound bound = MUST(scenario.bind(kernel, scenario.device()));
  REQUIRE_INVENTORY(bridges_above(kernel.arrived(), bound.address).empty(), bound.device.bdf + " has a port above it");
  Running next = MUST(carry_over(scenario, std::move(kernel), bound));
  MUST(scenario.verify(next));
  MUST(get_back(scenario, next));
}

HOLDFAST_CASE(Topology, EndpointBehindTwoSwitchesIsPreserved,
              "a device with two switches above it keeps its address, and comes back", .level = Level::kRetrieve,
              .devices = one_device({"behind-two-switches"})) {
  Running kernel = MUST(scenario.boot());
  Bound bound = MUST(scenario.bind(kernel, scenario.device()));
  // A root port, and two ports of each switch.
  REQUIRE_INVENTORY(bridges_above(kernel.arrived(), bound.address).size() >= 5U,
                    "not two switches are above " + bound.device.bdf);
  Running next = MUST(carry_over(scenario, std::move(kernel), bound));
  MUST(scenario.verify(next));
  MUST(get_back(scenario, next));
}

HOLDFAST_CASE(Topology, EndpointBelowASecondRootBusIsPreserved,
              "a device below another root bus than 0 keeps its address, and comes back", .level = Level::kRetrieve,
              .devices = one_device({"second-root-bus"})) {
  Running kernel = MUST(scenario.boot());
  Bound bound = MUST(scenario.bind(kernel, scenario.device()));
  const auto bridges = bridges_above(kernel.arrived(), bound.address);
  REQUIRE_INVENTORY(!bridges.empty() && bridges.front().address.bus != 0,
                    bound.device.bdf + " is not below a second root bus");
  Running next = MUST(carry_over(scenario, std::move(kernel), bound));
  MUST(scenario.verify(next));
  MUST(get_back(scenario, next));
}

HOLDFAST_CASE(Topology, BothFunctionsOfADeviceStay,
              "when one function of a device is preserved, the other one has its address in the next kernel too",
              .level = Level::kRetrieve, .devices = one_device({"multifunction"})) {
  Running kernel = MUST(scenario.boot());
  Bound bound = MUST(scenario.bind(kernel, scenario.device()));
  PciAddress other = bound.address;
  other.function = 1;
  REQUIRE_INVENTORY(kernel.arrived().find(other) != nullptr, bound.device.bdf + " has no function 1 beside it");
  Running next = MUST(carry_over(scenario, std::move(kernel), bound));
  MUST(scenario.verify(next));
  for (const PciAddress& address : {bound.address, other}) {
    const PciFunctionState* was = next.before().find(address);
    const PciFunctionState* is = next.arrived().find(address);
    ASSERT_TRUE(was != nullptr && is != nullptr) << "nothing is at " << address.to_string();
    EXPECT_EQ(is->vendor, was->vendor) << address.to_string();
    EXPECT_EQ(is->device, was->device) << address.to_string();
    EXPECT_EQ(is->header_type, was->header_type) << address.to_string();
  }
  MUST(get_back(scenario, next));
}

HOLDFAST_CASE(Topology, SecondFunctionIsPreservedAlone,
              "function 1 of a device is preserved without function 0: both keep their addresses",
              .level = Level::kPreserve, .devices = one_device({"second-function"})) {
  Running kernel = MUST(scenario.boot());
  Bound bound = MUST(scenario.bind(kernel, scenario.device()));
  REQUIRE_INVENTORY(bound.address.function != 0, bound.device.bdf + " is function 0");
  Running next = MUST(carry_over(scenario, std::move(kernel), bound));
  MUST(scenario.verify(next));
  PciAddress first = bound.address;
  first.function = 0;
  EXPECT_NE(next.arrived().find(first), nullptr) << "nothing is at " << first.to_string();
  EXPECT_NE(next.arrived().find(bound.address), nullptr) << "nothing is at " << bound.device.bdf;
}

// Conventional PCI: both stand on one bus, so neither has an IOMMU group or a reset of its own.
HOLDFAST_CASE(Topology, NeighbourOnTheBusStays,
              "every other device on the bus of a preserved one is at its address in the next kernel",
              .level = Level::kRetrieve, .devices = one_device({"shared-bus"})) {
  Running kernel = MUST(scenario.boot());
  Bound bound = MUST(scenario.bind(kernel, scenario.device()));
  std::vector<PciFunctionState> neighbours;
  for (const PciFunctionState& function : kernel.arrived().functions()) {
    if (function.address.domain == bound.address.domain && function.address.bus == bound.address.bus)
      neighbours.push_back(function);
  }
  REQUIRE_INVENTORY(neighbours.size() >= 2U, bound.device.bdf + " is alone on its bus");
  Running next = MUST(carry_over(scenario, std::move(kernel), bound));
  MUST(scenario.verify(next));
  for (const PciFunctionState& was : neighbours) {
    const PciFunctionState* is = next.arrived().find(was.address);
    ASSERT_NE(is, nullptr) << "nothing is at " << was.address.to_string();
    EXPECT_EQ(is->vendor, was.vendor);
    EXPECT_EQ(is->device, was.device);
  }
  MUST(get_back(scenario, next));
}

HOLDFAST_CASE(Topology, BridgesAboveKeepNumbersAndWindows,
              "each bridge above a preserved device has the bus numbers and windows that it had",
              .level = Level::kPreserve, .devices = one_device({"behind-two-switches"})) {
  Running kernel = MUST(scenario.boot());
  Bound bound = MUST(scenario.bind(kernel, scenario.device()));
  Running next = MUST(carry_over(scenario, std::move(kernel), bound));
  const auto bridges = bridges_above(next.before(), bound.address);
  ASSERT_FALSE(bridges.empty());
  for (const PciFunctionState& was : bridges) {
    const PciFunctionState* is = next.arrived().find(was.address);
    ASSERT_TRUE(is != nullptr && is->bridge) << "no bridge is at " << was.address.to_string();
    EXPECT_LE(was.bridge->secondary, bound.address.bus);
    EXPECT_GE(was.bridge->subordinate, bound.address.bus);
    EXPECT_NE(was.bridge->memory_window, "none") << was.address.to_string() << " passes nothing on to the device";
    const std::string where = "bridge " + was.address.to_string();
    EXPECT_EQ(is->bridge->primary, was.bridge->primary) << where;
    EXPECT_EQ(is->bridge->secondary, was.bridge->secondary) << where;
    EXPECT_EQ(is->bridge->subordinate, was.bridge->subordinate) << where;
    EXPECT_EQ(is->bridge->io_window, was.bridge->io_window) << where;
    EXPECT_EQ(is->bridge->memory_window, was.bridge->memory_window) << where;
    EXPECT_EQ(is->bridge->prefetchable_window, was.bridge->prefetchable_window) << where;
  }
  MUST(scenario.verify(next));
}

std::vector<std::string> members_of_group(const PciSnapshot& devices, int group) {
  std::vector<std::string> members;
  for (const PciFunctionState& function : devices.functions()) {
    if (function.iommu_group == group) members.push_back(function.address.to_string());
  }
  return members;
}

HOLDFAST_CASE(Topology, IommuGroupIsTheSame,
              "the IOMMU group of a preserved device, shared with others, has the members it had",
              .level = Level::kPreserve, .devices = one_device({"shares-group"})) {
  Running kernel = MUST(scenario.boot());
  Bound bound = MUST(scenario.bind(kernel, scenario.device()));
  Running next = MUST(carry_over(scenario, std::move(kernel), bound));
  const PciFunctionState* was = next.before().find(bound.address);
  const PciFunctionState* is = next.arrived().find(bound.address);
  ASSERT_TRUE(was != nullptr && is != nullptr) << "nothing is at " << bound.device.bdf;
  const auto members = members_of_group(next.before(), was->iommu_group);
  REQUIRE_INVENTORY(was->iommu_group >= 0 && members.size() >= 2U, bound.device.bdf + " shares its group with nobody");
  EXPECT_GE(is->iommu_group, 0) << bound.device.bdf << " has lost its group";
  EXPECT_EQ(members_of_group(next.arrived(), is->iommu_group), members);
  MUST(scenario.verify(next));
}

}  // namespace
}  // namespace holdfast
