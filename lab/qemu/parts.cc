// Which test devices does the built-in virtual machine have, and where?
//
// The firmware numbers buses depth first, so the order of the root ports is what gives each device its address. In the
// ordinary machine the first two ports have an endpoint each and nothing more: that makes 0000:03:00.0, behind the
// third, a device that moves when the kernel is told to number buses anew with room for hot-plug
// (pci=assign-busses,hpbussize=4).
//
//   00:01.0 root port - 01:00.0 e1000e
//   00:02.0 root port - 02:00.0 virtio-net
//   00:03.0 root port - 03:00.0 nvme
//   00:04.0 root port - 04:00.0 PCIe to PCI bridge - 05:01.0 edu
//   00:05.0 root port - 06:00.0 switch - 07:00.0 downstream port - 08:00.0 e1000e
//                                      - 07:01.0 downstream port, empty
//   00:12.0 pci-testdev
//
// QEMU refuses to save an nvme, and saves edu and pci-testdev without their state: a machine that is to be saved has
// what stands above them, and not them.
//
// Each device costs time at every boot, so what only few cases ask for is in machines of its own. Behind the empty port
// that each of them begins with, everything would move too.
#include "lab/qemu/parts.h"

#include <fmt/format.h>

namespace holdfast::lab {
namespace {

using Traits = std::vector<std::string>;

std::string root_port(int number) {
  return fmt::format("pcie-root-port,id=rp{0},chassis={0},slot={0},addr=0x{0:x}", number);
}

/// The network cards sit on one hub that leads nowhere: their links are up, and nothing reaches the outside. No option
/// ROM: the firmware would try to boot from the network with it.
std::string network_card(std::string_view model, int number, std::string_view bus) {
  return fmt::format("{},bus={},netdev=net{},romfile=", model, bus, number);
}
std::string hub_port(int number) { return fmt::format("hubport,id=net{},hubid=0", number); }
/// iommu_platform: its DMA goes through the vIOMMU, as that of the others does by nature.
std::string virtio_card(int number, std::string_view bus) {
  return network_card("virtio-net-pci", number, bus) + ",disable-legacy=on,iommu_platform=on";
}

/// The traits that an e1000e has wherever it stands, and more.
Traits e1000e_with(Traits more) {
  Traits traits{"msi", "msix", "intx", "reset", "native-driver", "power-management"};
  traits.insert(traits.end(), more.begin(), more.end());
  return traits;
}

Part empty_port(int number) { return {{}, {"-device", root_port(number)}}; }

std::vector<Part> ordinary() {
  return {
      {{{"e1000e", "0000:01:00.0", "e1000e", e1000e_with({})}},
       {"-netdev", hub_port(1), "-device", root_port(1), "-device", network_card("e1000e", 1, "rp1")}},
      {{{"virtio-net", "0000:02:00.0", "virtio-net-pci", {"msix", "intx", "reset", "native-driver"}}},
       {"-netdev", hub_port(2), "-device", root_port(2), "-device", virtio_card(2, "rp2")}},
      {{{"nvme", "0000:03:00.0", "nvme", {"msix", "intx", "reset", "native-driver", "third-port", "nvme-registers"}}},
       {"-blockdev", "driver=null-co,node-name=disk,size=16777216,read-zeroes=on", "-device", root_port(3), "-device",
        "nvme,bus=rp3,serial=holdfast,drive=disk"},
       std::vector<std::string>{"-device", root_port(3)}},
      // It has no reset of its own; alone behind its bridge it is reset with the bus.
      {{{"edu", "0000:05:01.0", "edu", {"msi", "intx", "reset", "dma-engine", "behind-bridge"}}},
       {"-device", root_port(4), "-device", "pcie-pci-bridge,id=bridge,bus=rp4", "-device", "edu,bus=bridge,addr=0x1"},
       std::vector<std::string>{"-device", root_port(4), "-device", "pcie-pci-bridge,id=bridge,bus=rp4"}},
      {{{"e1000e-switch", "0000:08:00.0", "e1000e", e1000e_with({"behind-switch"})}},
       {"-netdev", hub_port(3), "-device", root_port(5), "-device", "x3130-upstream,id=up,bus=rp5", "-device",
        "xio3130-downstream,id=down1,bus=up,chassis=6,slot=6,addr=0x0", "-device",
        "xio3130-downstream,id=down2,bus=up,chassis=7,slot=7,addr=0x1", "-device", network_card("e1000e", 3, "down1")}},
      {{{"testdev", "0000:00:12.0", "pci-testdev", {}}},
       {"-device", "pci-testdev,addr=0x12"},
       std::vector<std::string>()},
  };
}

//   00:01.0 root port, empty (bus 01)
//   00:02.0 root port - 02:00.0 and 02:00.1 virtio-net, one device with two functions
//   00:03.0 root port - 03:00.0 PCIe to PCI bridge - 04:01.0 edu, 04:02.0 pci-testdev
//   00:04.0 root port - 05:00.0 switch - 06:00.0 downstream port - 07:00.0 switch - 08:00.0 downstream port
//                                          - 09:00.0 e1000e
//                                      - 06:01.0 downstream port, empty (bus 0a)
//   00:12.0 e1000e, integrated into the root complex
//   40:00.0 root port, empty (bus 41), 40:01.0 root port - 42:00.0 e1000e: below a second root bus
std::vector<Part> branches() {
  return {
      empty_port(1),
      // Either function can be reset alone.
      {{{"virtio-first",
         "0000:02:00.0",
         "virtio-net-pci",
         {"msix", "reset", "native-driver", "multifunction", "renumbering-moves", "shares-group"}},
        {"virtio-second", "0000:02:00.1", "virtio-net-pci", {"msix", "reset", "native-driver", "second-function"}}},
       {"-netdev", hub_port(1), "-netdev", hub_port(2), "-device", root_port(2), "-device",
        virtio_card(1, "rp2") + ",addr=0x0.0,multifunction=on", "-device", virtio_card(2, "rp2") + ",addr=0x0.1"}},
      // Two behind one bridge: neither can be reset without the other.
      {{{"edu-shared", "0000:04:01.0", "edu", {"msi", "intx", "dma-engine", "shared-bus", "renumbering-moves"}},
        {"testdev-shared", "0000:04:02.0", "pci-testdev", {}}},
       {"-device", root_port(3), "-device", "pcie-pci-bridge,id=bridge,bus=rp3", "-device", "edu,bus=bridge,addr=0x1",
        "-device", "pci-testdev,bus=bridge,addr=0x2"},
       std::vector<std::string>{"-device", root_port(3), "-device", "pcie-pci-bridge,id=bridge,bus=rp3"}},
      {{{"e1000e-deep", "0000:09:00.0", "e1000e", e1000e_with({"behind-two-switches", "renumbering-moves"})}},
       {"-netdev", hub_port(3), "-device", root_port(4), "-device", "x3130-upstream,id=up1,bus=rp4", "-device",
        "xio3130-downstream,id=down1,bus=up1,chassis=5,slot=5,addr=0x0", "-device",
        "xio3130-downstream,id=down2,bus=up1,chassis=6,slot=6,addr=0x1", "-device", "x3130-upstream,id=up2,bus=down1",
        "-device", "xio3130-downstream,id=down3,bus=up2,chassis=7,slot=7,addr=0x0", "-device",
        network_card("e1000e", 3, "down3")}},
      {{{"e1000e-root", "0000:00:12.0", "e1000e", e1000e_with({"integrated"})}},
       {"-netdev", hub_port(4), "-device", network_card("e1000e", 4, "pcie.0") + ",addr=0x12"}},
      {{{"e1000e-far", "0000:42:00.0", "e1000e", e1000e_with({"second-root-bus", "renumbering-moves"})}},
       {"-netdev", hub_port(5), "-device", "pxb-pcie,id=far,bus=pcie.0,bus_nr=0x40", "-device",
        "pcie-root-port,id=rp64,bus=far,chassis=64,slot=64,addr=0x0", "-device",
        "pcie-root-port,id=rp65,bus=far,chassis=65,slot=65,addr=0x1", "-device", network_card("e1000e", 5, "rp65")}},
  };
}

//   00:01.0 root port, empty (bus 01)
//   00:02.0 root port - 02:00.0 nvme, whose two virtual functions would be 02:00.1 and 02:00.2
std::vector<Part> sriov() {
  return {
      empty_port(1),
      {{{"nvme-pf",
         "0000:02:00.0",
         "nvme",
         {"msix", "intx", "reset", "native-driver", "sriov", "ari", "nvme-registers"}}},
       {"-blockdev", "driver=null-co,node-name=disk,size=16777216,read-zeroes=on", "-device", root_port(2), "-device",
        "nvme-subsys,id=subsystem,nqn=holdfast", "-device",
        "nvme,bus=rp2,serial=holdfast,subsys=subsystem,max_ioqpairs=8,msix_qsize=9,sriov_max_vfs=2,"
        "sriov_vq_flexible=4,sriov_vi_flexible=4",
        "-device", "nvme-ns,drive=disk,nsid=1"},
       std::vector<std::string>{"-device", root_port(2)}},
  };
}

//   00:01.0 root port - 01:00.0 e1000e
//   00:02.0 root port - 02:00.0 e1000e
//   00:03.0 root port, empty until 03:00.0 e1000e is plugged in
std::vector<Part> hot_plug() {
  const auto card = [](int number, std::string_view role) -> std::vector<std::string> {
    const std::string bus = fmt::format("rp{}", number);
    return {"-netdev",         hub_port(number), "-device",
            root_port(number), "-device",        fmt::format("{},id={}", network_card("e1000e", number, bus), role)};
  };
  return {
      {{{"e1000e-slot-1", "0000:01:00.0", "e1000e", e1000e_with({"hot-plug"})}}, card(1, "e1000e-slot-1")},
      {{{"e1000e-slot-2", "0000:02:00.0", "e1000e", e1000e_with({"hot-plug"})}}, card(2, "e1000e-slot-2")},
      {{{"e1000e-spare", "0000:03:00.0", "e1000e", e1000e_with({"hot-plug", "spare"})}},
       {"-netdev", hub_port(3), "-device", root_port(3)}},
  };
}

struct Machine {
  std::string_view topology;
  std::vector<Part> (*parts)();
};
constexpr Machine kMachines[] = {{"", ordinary}, {"branches", branches}, {"sriov", sriov}, {"hot-plug", hot_plug}};

}  // namespace

std::vector<Part> parts_of(std::string_view topology) {
  for (const Machine& machine : kMachines) {
    if (machine.topology != topology) continue;
    std::vector<Part> parts = machine.parts();
    for (Part& part : parts) {
      for (Device& device : part.devices) device.topology = topology;
    }
    return parts;
  }
  return {};
}

std::vector<std::string> unsaveable_roles(std::string_view topology) {
  std::vector<std::string> roles;
  for (const Part& part : parts_of(topology)) {
    if (!part.stand_in) continue;
    for (const Device& device : part.devices) roles.push_back(device.role);
  }
  return roles;
}

std::vector<Device> builtin_devices() {
  std::vector<Device> devices;
  for (const Machine& machine : kMachines) {
    for (Part& part : parts_of(machine.topology)) {
      devices.insert(devices.end(), part.devices.begin(), part.devices.end());
    }
  }
  return devices;
}

std::vector<std::string> builtin_traits() { return {"emulated", "bus-numbers-can-move", "hot-plug"}; }

std::string plug_id(const Device& device) { return device.role; }

/// The only spare there is; its network is made at power on.
std::string plug_arguments(const Device& device) {
  return fmt::format(R"({{"driver":"{}","id":"{}","bus":"rp3","netdev":"net3","romfile":""}})", device.model,
                     plug_id(device));
}

}  // namespace holdfast::lab
