// What does the built-in virtual machine consist of, and how is QEMU told?
//
// The firmware numbers buses depth first, so the order of the root ports is what gives each device its address. The
// first two ports have an endpoint each and nothing more: that makes 0000:03:00.0, behind the third, a device that
// moves when the kernel is told to number buses anew with room for hot-plug (pci=assign-busses,hpbussize=4).
//
//   00:01.0 root port - 01:00.0 e1000e
//   00:02.0 root port - 02:00.0 virtio-net
//   00:03.0 root port - 03:00.0 nvme
//   00:04.0 root port - 04:00.0 PCIe to PCI bridge - 05:01.0 edu
//   00:05.0 root port - 06:00.0 switch - 07:00.0 downstream port - 08:00.0 e1000e
//                                      - 07:01.0 downstream port, empty
//   00:10.0 virtio-serial (the agent's link), 00:11.0 virtio-rng: the machine's own, no test devices
//   00:12.0 pci-testdev
#include "lab/qemu/argv.h"

#include <fmt/format.h>

namespace holdfast::lab {
namespace {

/// A test device and what stands above it.
struct Part {
  Device device;
  std::vector<std::string> arguments;
};

std::string root_port(int number) {
  return fmt::format("pcie-root-port,id=rp{0},chassis={0},slot={0},addr=0x{0:x}", number);
}

/// The network cards sit on one hub that leads nowhere: their links are up, and nothing reaches the outside. No option
/// ROM: the firmware would try to boot from the network with it.
std::string network_card(std::string_view model, int number, std::string_view bus) {
  return fmt::format("{},bus={},netdev=net{},romfile=", model, bus, number);
}
std::string hub_port(int number) { return fmt::format("hubport,id=net{},hubid=0", number); }

std::vector<Part> parts() {
  return {
      {{"e1000e", "0000:01:00.0", "e1000e", {"msi", "msix", "intx", "reset", "native-driver", "power-management"}},
       {"-netdev", hub_port(1), "-device", root_port(1), "-device", network_card("e1000e", 1, "rp1")}},
      // iommu_platform: its DMA goes through the vIOMMU, as that of the others does by nature.
      {{"virtio-net", "0000:02:00.0", "virtio-net-pci", {"msix", "intx", "reset", "native-driver"}},
       {"-netdev", hub_port(2), "-device", root_port(2), "-device",
        network_card("virtio-net-pci", 2, "rp2") + ",disable-legacy=on,iommu_platform=on"}},
      {{"nvme", "0000:03:00.0", "nvme", {"msix", "intx", "reset", "native-driver", "third-port", "nvme-registers"}},
       {"-blockdev", "driver=null-co,node-name=disk,size=16777216,read-zeroes=on", "-device", root_port(3), "-device",
        "nvme,bus=rp3,serial=holdfast,drive=disk"}},
      // It has no reset of its own; alone behind its bridge it is reset with the bus.
      {{"edu", "0000:05:01.0", "edu", {"msi", "intx", "reset", "dma-engine", "behind-bridge"}},
       {"-device", root_port(4), "-device", "pcie-pci-bridge,id=bridge,bus=rp4", "-device", "edu,bus=bridge,addr=0x1"}},
      {{"e1000e-switch", "0000:08:00.0", "e1000e", {"msi", "msix", "intx", "reset", "native-driver", "behind-switch"}},
       {"-netdev", hub_port(3), "-device", root_port(5), "-device", "x3130-upstream,id=up,bus=rp5", "-device",
        "xio3130-downstream,id=down1,bus=up,chassis=6,slot=6,addr=0x0", "-device",
        "xio3130-downstream,id=down2,bus=up,chassis=7,slot=7,addr=0x1", "-device", network_card("e1000e", 3, "down1")}},
      {{"testdev", "0000:00:12.0", "pci-testdev", {}}, {"-device", "pci-testdev,addr=0x12"}},
  };
}

/// `wait=on` keeps the machine from starting before QEMU has taken up the client that waits on the socket.
std::string chardev(std::string_view id, int fd) { return fmt::format("socket,id={},fd={},server=on,wait=on", id, fd); }

}  // namespace

std::string_view to_string(Accel accel) { return accel == Accel::kKvm ? "kvm" : "tcg"; }

std::vector<std::string> qemu_argv(const QemuSpec& spec) {
  std::vector<std::string> argv{
      spec.binary, "-name", spec.name,
      // Interrupt remapping needs the split irqchip. No SATA and no SMBus: nobody uses them, and each takes time.
      "-machine", "q35,kernel-irqchip=split,sata=off,smbus=off",         //
      "-accel", spec.accel == Accel::kKvm ? "kvm" : "tcg,thread=multi",  //
      "-cpu", "max", "-smp", fmt::format("{}", spec.cpus), "-m", fmt::format("{}M", spec.memory_mib),
      // -no-reboot: any reset ends the machine, so that firmware coming by cannot be taken for a kexec.
      "-nodefaults", "-nographic", "-no-reboot",                                                 //
      "-chardev", chardev("console", spec.console_fd), "-device", "isa-serial,chardev=console",  //
      "-chardev", chardev("qmp", spec.qmp_fd), "-mon", "chardev=qmp,mode=control",               //
      "-device", "intel-iommu,intremap=on,caching-mode=on",                                      //
      "-device", "virtio-serial-pci,addr=0x10,disable-legacy=on",                                //
      "-chardev", chardev("agent", spec.agent_fd),                                               //
      "-device", fmt::format("virtserialport,chardev=agent,name={}", kAgentPort),                //
      "-device", "virtio-rng-pci,addr=0x11,disable-legacy=on"};
  for (Part& part : parts()) argv.insert(argv.end(), part.arguments.begin(), part.arguments.end());
  argv.insert(argv.end(), {"-kernel", spec.kernel.string(), "-initrd", spec.initrd.string(), "-append", spec.cmdline});
  return argv;
}

std::vector<Device> builtin_devices() {
  std::vector<Device> devices;
  for (Part& part : parts()) devices.push_back(std::move(part.device));
  return devices;
}

}  // namespace holdfast::lab
