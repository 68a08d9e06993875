// Does each device come to the place in the guest that was asked for, and is what cannot be refused with the reason?
#include "lab/passthrough/passed_device.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "fixtures/fake_sysfs.h"
#include "harness/base/file.h"
#include "lab/qemu/parts.h"

namespace holdfast::lab {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

LocalMachine load(const std::string& name) {
  const auto folder = TempDir::create("passed");
  EXPECT_TRUE(folder);
  EXPECT_TRUE(fake::make_machine(name, folder->path()));
  auto machine = look_at_machine(folder->path());
  EXPECT_TRUE(machine);
  return machine ? *std::move(machine) : LocalMachine{};
}

/// "host -> guest", with "m" for function 0 of several.
std::vector<std::string> places(const Result<std::vector<PlacedDevice>>& placed) {
  EXPECT_TRUE(placed) << placed.error().what;
  std::vector<std::string> lines;
  if (!placed) return lines;
  for (const PlacedDevice& one : *placed) {
    lines.push_back(fmt::format("{} -> {}{}", one.host_bdf, one.guest_bdf, one.multifunction ? " m" : ""));
  }
  return lines;
}

TEST(PassedDevice, GetsABusBehindThoseOfTheEmulatedDevicesInOrderOfThePorts) {
  const LocalMachine machine = load("virtualization-host");
  const PassthroughVm vm{.devices = {{.passthrough = "0000:41:10.4"}, {.passthrough = "0000:41:10.2", .port = 7}}};
  EXPECT_THAT(places(place_devices(vm, machine)),
              ElementsAre("0000:41:10.4 -> 0000:0a:00.0", "0000:41:10.2 -> 0000:0b:00.0"));
}

TEST(PassedDevice, GetsTheFirstBusesWhenItIsAloneAndSharesAPortAsAFunction) {
  const LocalMachine machine = load("desktop-without-acs");
  const PassthroughVm vm{.devices = {{.passthrough = "0000:01:00.1", .port = 2, .function = 1},
                                     {.passthrough = "0000:01:00.0", .port = 2},
                                     {.passthrough = "03:00.0"}},
                         .emulated = false};
  EXPECT_THAT(
      places(place_devices(vm, machine)),
      ElementsAre("0000:03:00.0 -> 0000:01:00.0", "0000:01:00.0 -> 0000:02:00.0 m", "0000:01:00.1 -> 0000:02:00.1"));
}

TEST(PassedDevice, IsFoundByItsIdsAmongThoseThatCanBeHad) {
  const LocalMachine machine = load("two-socket-server");
  const auto placed =
      place_devices({.devices = {{.passthrough = "8086:1572", .role = "nic", .traits = {"msix"}}}}, machine);
  EXPECT_THAT(places(placed), ElementsAre("0000:18:00.1 -> 0000:0a:00.0"));  // 18:00.0 carries the route
  const auto devices = test_devices(*placed, machine);
  ASSERT_EQ(devices.size(), 1U);
  EXPECT_EQ(devices[0].role, "nic");
  EXPECT_EQ(devices[0].bdf, "0000:0a:00.0");
  EXPECT_THAT(devices[0].model, HasSubstr("X710"));
  EXPECT_TRUE(devices[0].has("msix"));
  const auto both = place_devices({.devices = {{.passthrough = "8086:1572"}, {.passthrough = "8086:1572"}}}, machine);
  ASSERT_FALSE(both);
  EXPECT_EQ(both.error().type(), "plan.cannot");
  EXPECT_THAT(both.error().what, HasSubstr("0000:18:00.0: no: eno1 carries the default route"));
  EXPECT_TRUE(
      place_devices({.devices = {{.passthrough = "8086:1572"}, {.passthrough = "8086:1572"}}, .force = true}, machine));
}

TEST(PassedDevice, IsRefusedWhenItIsWrittenWrongly) {
  const LocalMachine machine = load("two-socket-server");
  struct Row {
    std::vector<PassedDevice> devices;
    std::string what;
  };
  const PassedDevice disk{.passthrough = "0000:af:00.0", .declared_at = "lab.toml:3:1"};
  const auto with = [&](unsigned port, unsigned function) {
    PassedDevice device = disk;
    device.port = port;
    device.function = function;
    return device;
  };
  for (const Row& row :
       std::vector<Row>{{{{.passthrough = "3b"}}, "neither an address"},
                        {{{.passthrough = "0000:99:00.0"}}, "no PCI function 0000:99:00.0"},
                        {{{.passthrough = "1234:5678"}}, "no device 1234:5678"},
                        {{disk, disk}, "lab.toml:3:1: 0000:af:00.0 is passed through twice"},
                        {{with(5, 0)}, "port 5"},      // of an emulated device
                        {{with(0x11, 0)}, "port 17"},  // of the machine's own
                        {{with(31, 0)}, "port 31"},
                        {{with(6, 8)}, "function must be"},
                        {{with(6, 1)}, "port 6 has no function 0"},
                        {{with(6, 0), {.passthrough = "0000:18:00.1", .port = 6}}, "a function 0 already"}}) {
    const auto placed = place_devices({.devices = row.devices}, machine);
    ASSERT_FALSE(placed) << row.what;
    EXPECT_EQ(placed.error().type(), "harness.usage") << placed.error().what;
    EXPECT_THAT(placed.error().what, HasSubstr(row.what));
  }
}

TEST(OrdinaryMachine, EndsWhereItsFootprintSays) {
  unsigned ports = 0;
  unsigned highest_bus = 0;
  for (const Part& part : parts_of("")) {
    for (const std::string& word : part.arguments) ports += word.starts_with("pcie-root-port") ? 1 : 0;
    for (const Device& device : part.devices) {
      highest_bus = std::max(highest_bus, static_cast<unsigned>(std::stoul(device.bdf.substr(5, 2), nullptr, 16)));
    }
  }
  EXPECT_EQ(ports, kOrdinaryMachine.root_ports);
  EXPECT_EQ(highest_bus + 1, kOrdinaryMachine.buses);  // the last one is that of the switch's empty port
}

}  // namespace
}  // namespace holdfast::lab
