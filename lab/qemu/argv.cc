// What does the built-in virtual machine consist of, and how is QEMU told?
//
// 00:10.0 is the virtio-serial of the agent's link, 00:11.0 a virtio-rng: the machine's own, no test devices. Those
// are in parts.cc.
#include "lab/qemu/argv.h"

#include <fmt/format.h>

#include "lab/qemu/parts.h"

namespace holdfast::lab {
namespace {

/// `wait=on` keeps the machine from starting before QEMU has taken up the client that waits on the socket.
std::string chardev(std::string_view id, int fd) { return fmt::format("socket,id={},fd={},server=on,wait=on", id, fd); }

/// A comma ends an option's value, two do not.
std::string option_value(const std::string& text) {
  std::string value;
  for (const char c : text) value += c == ',' ? std::string(",,") : std::string(1, c);
  return value;
}

std::vector<std::string> memory_of(const QemuSpec& spec) {
  if (spec.memory_file.empty()) return {};
  return {"-object",
          fmt::format("memory-backend-file,id=ram,size={}M,mem-path={},share={}", spec.memory_mib,
                      option_value(spec.memory_file.string()), spec.memory_written ? "on" : "off"),
          "-machine", "memory-backend=ram"};
}

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
  for (const Part& part : spec.emulated ? parts_of(spec.topology) : std::vector<Part>()) {
    const auto& arguments = spec.saveable && part.stand_in ? *part.stand_in : part.arguments;
    argv.insert(argv.end(), arguments.begin(), arguments.end());
  }
  const std::vector<std::string> memory = memory_of(spec);
  argv.insert(argv.end(), memory.begin(), memory.end());
  if (spec.incoming) argv.insert(argv.end(), {"-incoming", "defer"});
  argv.insert(argv.end(), spec.further.begin(), spec.further.end());
  argv.insert(argv.end(), {"-kernel", spec.kernel.string(), "-initrd", spec.initrd.string(), "-append", spec.cmdline});
  return argv;
}

}  // namespace holdfast::lab
