// Is each of the built-in machines the one that its device table promises?
#include "lab/qemu/parts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "harness/base/text.h"
#include "lab/qemu/argv.h"

namespace holdfast::lab {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::StartsWith;

/// The topologies that devices name, the ordinary machine among them.
std::set<std::string> topologies() {
  std::set<std::string> names;
  for (const Device& device : builtin_devices()) names.insert(device.topology);
  return names;
}

std::vector<Device> devices_of(const std::string& topology) {
  std::vector<Device> devices = builtin_devices();
  std::erase_if(devices, [&](const Device& device) { return device.topology != topology; });
  return devices;
}

/// What follows each -device or -netdev, as `option` says.
std::vector<std::string> values(std::string_view topology, std::string_view option) {
  std::vector<std::string> found;
  for (const Part& part : parts_of(topology)) {
    for (size_t i = 0; i + 1 < part.arguments.size(); i += 2) {
      if (part.arguments[i] == option) found.push_back(part.arguments[i + 1]);
    }
  }
  return found;
}

TEST(Parts, AreNoneOfATopologyThatNobodyDeclared) { EXPECT_TRUE(parts_of("no such").empty()); }

TEST(Parts, MakeEachBusAndNetworkBeforeItIsUsed) {
  for (const std::string& topology : topologies()) {
    std::set<std::string> known{"pcie.0"};
    for (const char* option : {"-netdev", "-blockdev", "-device"}) {
      for (const std::string& value : values(topology, option)) {
        for (const std::string_view word : split(value, ',')) {
          for (const std::string_view use : {"bus=", "netdev=", "drive=", "subsys="}) {
            if (!word.starts_with(use)) continue;
            EXPECT_TRUE(known.contains(std::string(word.substr(use.size())))) << topology << ": " << value;
          }
          for (const std::string_view made : {"id=", "node-name="}) {
            if (!word.starts_with(made)) continue;
            EXPECT_TRUE(known.insert(std::string(word.substr(made.size()))).second) << topology << ": " << value;
          }
        }
      }
    }
  }
}

TEST(Parts, OpenNothingToTheOutside) {
  for (const std::string& topology : topologies()) {
    for (const std::string& netdev : values(topology, "-netdev")) EXPECT_THAT(netdev, StartsWith("hubport"));
  }
}

TEST(BuiltinDevices, HaveRolesOfTheirOwnAndAddressesOfTheirOwnInTheirMachine) {
  std::set<std::string> roles;
  std::set<std::pair<std::string, std::string>> addresses;
  for (const Device& device : builtin_devices()) {
    EXPECT_TRUE(roles.insert(device.role).second) << device.role;
    EXPECT_TRUE(addresses.insert({device.topology, device.bdf}).second) << device.role;
    if (device.has("spare")) continue;
    EXPECT_THAT(values(device.topology, "-device"), Contains(StartsWith(device.model))) << device.role;
  }
  EXPECT_THAT(roles, testing::IsSupersetOf({"e1000e", "virtio-net", "nvme", "edu", "testdev", "e1000e-switch"}));
  EXPECT_THAT(topologies(), ElementsAre("", "branches", "hot-plug", "sriov"));
}

TEST(BuiltinDevices, BeginWithOneOfTheOrdinaryMachineThatCanDoAll) {
  const Device first = builtin_devices().front();
  EXPECT_EQ(first.topology, "");
  for (const char* trait : {"reset", "msix", "native-driver"}) EXPECT_TRUE(first.has(trait)) << trait;
}

TEST(BuiltinDevices, HaveOneBehindTheThirdRootPortThatRenumberingMoves) {
  EXPECT_THAT(devices_of(""), Contains(testing::Field(&Device::bdf, "0000:03:00.0")));
  // Nothing but single endpoints behind the ports before it: else it would not be bus 3.
  const auto devices = values("", "-device");
  const auto place = [&](std::string_view begin) {
    return std::ranges::find_if(devices, [&](const std::string& word) { return word.starts_with(begin); });
  };
  EXPECT_LT(place("pcie-root-port,id=rp3"), place("pcie-pci-bridge"));
  EXPECT_LT(place("pcie-root-port,id=rp3"), place("x3130-upstream"));
}

TEST(BuiltinDevices, OfTheHotPlugMachineCanBeNamedToQemu) {
  for (const Device& device : devices_of("hot-plug")) {
    ASSERT_TRUE(device.has("hot-plug"));
    const std::string id = "id=" + plug_id(device);
    const auto made = values("hot-plug", "-device");
    const bool there = std::ranges::any_of(made, [&](const std::string& word) { return word.ends_with(id); });
    EXPECT_NE(there, device.has("spare")) << device.role;
  }
}

TEST(BuiltinDevices, OfTheHotPlugMachineHaveASpareWhosePlaceIsFree) {
  const auto devices = devices_of("hot-plug");
  const auto spare = std::ranges::find_if(devices, [](const Device& device) { return device.has("spare"); });
  ASSERT_NE(spare, devices.end());
  const auto arguments = nlohmann::json::parse(plug_arguments(*spare));
  EXPECT_EQ(arguments["driver"], spare->model);
  EXPECT_EQ(arguments["id"], spare->role);
  EXPECT_THAT(values("hot-plug", "-device"), Contains(StartsWith("pcie-root-port,id=rp3")));
  EXPECT_THAT(values("hot-plug", "-netdev"), Contains(StartsWith("hubport,id=net3")));
}

/// The values of "addr=" that the ports and bridges of a machine have, in their order.
std::vector<std::string> bridges_in(const QemuSpec& spec) {
  std::vector<std::string> found;
  for (const std::string& word : qemu_argv(spec)) {
    if (word.starts_with("pcie-root-port") || word.starts_with("pcie-pci-bridge") || word.find("3130") != word.npos) {
      found.push_back(word);
    }
  }
  return found;
}

TEST(SaveableMachine, LeavesOutWhatCannotBeSavedAndNothingAboveIt) {
  for (const std::string topology : {"", "branches", "sriov", "hot-plug"}) {
    const QemuSpec whole{.topology = topology};
    const QemuSpec saveable{.topology = topology, .saveable = true};
    EXPECT_EQ(bridges_in(saveable), bridges_in(whole)) << topology;
    for (const std::string& word : qemu_argv(saveable)) {
      EXPECT_FALSE(word.starts_with("nvme") || word.starts_with("edu") || word.starts_with("pci-testdev")) << word;
    }
  }
  EXPECT_EQ(unsaveable_roles(""), (std::vector<std::string>{"nvme", "edu", "testdev"}));
  EXPECT_TRUE(unsaveable_roles("hot-plug").empty());
}

}  // namespace
}  // namespace holdfast::lab
