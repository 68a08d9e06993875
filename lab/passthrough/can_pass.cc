// Can a device of this machine be given to a guest, or why not?
//
// First what the device is and where it stands (IOMMU, bridge, firmware), then what it and everything that is taken
// with it is in use for; last what is good to know.
#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <utility>

#include "harness/base/text.h"
#include "lab/passthrough/local_machine.h"

namespace holdfast::lab {
namespace {

using Kind = Obstacle::Kind;

/// "0000:01:00.1 (Audio device)".
std::string describe(const LocalDevice& device) {
  const std::string what =
      device.class_name.empty() ? fmt::format("class {:06x}", device.class_code) : device.class_name;
  return fmt::format("{} ({})", device.bdf, what);
}

/// Host bridges, the LPC bridge and their like: part of the machine, not devices in a slot.
bool is_chipset(const LocalDevice& device) { return device.class_code >> 16 == 0x06 && !device.bridge; }

std::string how_to_switch_on(const LocalMachine& machine) {
  const bool amd = machine.cpu_vendor == "AuthenticAMD";
  if (machine.iommu == LocalMachine::Iommu::kMissing) {
    return fmt::format("switch on {} in the firmware's setup (a virtual machine needs a virtual IOMMU)",
                       amd ? "AMD-Vi (IOMMU)" : (machine.cpu_vendor == "GenuineIntel" ? "VT-d" : "the IOMMU"));
  }
  return amd ? "start Linux without amd_iommu=off and iommu=off" : "start Linux with intel_iommu=on";
}

void judge_place(const LocalMachine& machine, const LocalDevice& device, Verdict& verdict) {
  if (device.bridge || is_chipset(device)) {
    verdict.obstacles.push_back({Kind::kBridge, device.bdf,
                                 fmt::format("{} is a part of the machine's own fabric, no device", describe(device)),
                                 ""});
  }
  if (device.iommu_group < 0) {
    const bool on = machine.iommu == LocalMachine::Iommu::kOn;
    verdict.obstacles.push_back(
        {Kind::kNoIommu, device.bdf,
         on ? fmt::format("{} has no IOMMU group: the machine's IOMMU does not cover it", device.bdf)
            : fmt::format("{} has no IOMMU group: {}", device.bdf,
                          machine.iommu == LocalMachine::Iommu::kOff ? "the IOMMU that the firmware describes is not on"
                                                                     : "the firmware describes no IOMMU"),
         on ? "" : how_to_switch_on(machine)});
  }
  // Such a device is refused to user space: "ineligible for IOMMU domain attach due to platform RMRR".
  if (!device.fixed.empty()) {
    verdict.obstacles.push_back(
        {Kind::kFirmware, device.bdf,
         fmt::format("the firmware keeps {} mapped for IOMMU group {} (an RMRR): the kernel gives it to nobody",
                     join(device.fixed, ", "), device.iommu_group),
         "take it out of the firmware's \"shared memory\" for this slot, or use another slot"});
  }
}

/// Where the group is wider than one slot, which of the ports above is to blame.
std::string why_so_wide(const LocalMachine& machine, const LocalDevice& device) {
  std::set<std::string> slots;
  std::set<std::string> ports;
  const auto add = [&](const LocalDevice& member) {
    if (member.bridge || is_chipset(member)) return;
    slots.insert(member.bdf.substr(0, member.bdf.size() - 2));
    for (const std::string& name : member.ports) {
      const LocalDevice* port = machine.find(name);
      if (port != nullptr && port->has_acs == false) ports.insert(name);
    }
  };
  add(device);
  for (const std::string& name : device.group_members) {
    if (const LocalDevice* member = machine.find(name)) add(*member);
  }
  if (slots.size() < 2) return {};
  const std::string all = join({slots.begin(), slots.end()}, ", ");
  const std::string what = fmt::format("IOMMU group {} spans the slots {}", device.iommu_group, all);
  if (ports.empty()) return what;
  return fmt::format("{}: {} cannot keep them apart, without ACS", what, join({ports.begin(), ports.end()}, ", "));
}

/// What the machine does with `taken`, which goes with `device` or is it.
void judge_use(const LocalMachine& machine, const LocalDevice& device, const LocalDevice& taken, Verdict& verdict) {
  const std::string whose =
      taken.bdf == device.bdf ? ""
                              : fmt::format("IOMMU group {} is shared with {}: ", device.iommu_group, describe(taken));
  for (const DeviceUse& use : machine.uses) {
    if (use.bdf != taken.bdf) continue;
    const bool system = use.kind == DeviceUse::Kind::kSystemDisk;
    verdict.obstacles.push_back({system ? Kind::kSystemDisk : Kind::kInUse, taken.bdf, whose + use.what, ""});
  }
  if (const auto holders = machine.vfio_holders.find(taken.bdf); holders != machine.vfio_holders.end()) {
    for (const FileHolder& holder : holders->second) {
      verdict.obstacles.push_back(
          {Kind::kOpen, taken.bdf, whose + "it is given away already: " + holder.describe(), ""});
    }
  }
  if (is_chipset(taken) && taken.bdf != device.bdf) {
    verdict.obstacles.push_back(
        {Kind::kInUse, taken.bdf, fmt::format("{}a part of the chipset, which {} drives", whose, taken.driver), ""});
  }
  // Without the physical function's driver its virtual ones are gone.
  for (const std::string& name : taken.virtual_functions) {
    const LocalDevice* function = machine.find(name);
    if (function == nullptr) continue;
    Verdict of_function;
    judge_use(machine, *function, *function, of_function);
    for (Obstacle& obstacle : of_function.obstacles) {
      obstacle.what = fmt::format("{}its virtual function {} would go with it: {}", whose, name, obstacle.what);
      verdict.obstacles.push_back(std::move(obstacle));
    }
  }
}

/// What is publicly known of devices that make trouble in guests.
struct Quirk {
  uint16_t vendor;
  uint16_t device;  ///< 0: any
  uint32_t class_mask;
  uint32_t class_code;
  std::string_view note;
};
constexpr Quirk kQuirks[] = {
    // Source: QEMU 7.2, docs/igd-assign.txt.
    {0x8086, 0, 0xff0000, 0x030000, "Intel's integrated graphics also needs its OpRegion: x-igd-opregion=on"},
    {0x1a03, 0, 0xff0000, 0x030000, "it is the BMC's screen: the remote console will show nothing"},
    {0x102b, 0, 0xff0000, 0x030000, "it may be the BMC's screen: the remote console would show nothing"},
    // Source: drivers/vfio and pci/quirks.c discussions of "AMD reset bug"; the vendor-reset project lists the chips.
    {0x1002, 0x67df, 0, 0, "Polaris 10 does not come back from a bus reset: one guest per start of the machine"},
    {0x1002, 0x687f, 0, 0, "Vega 10 does not come back from a bus reset: one guest per start of the machine"},
    {0x1002, 0x731f, 0, 0, "Navi 10 does not come back from a bus reset: one guest per start of the machine"},
    // Source: drivers/pci/quirks.c of Linux 7.3, quirk_no_flr().
    {0x1022, 0x1487, 0, 0, "its function level reset hangs, so Linux does not use it"},
    {0x8086, 0x1502, 0, 0, "its function level reset hangs, so Linux does not use it"},
    {0x8086, 0x1503, 0, 0, "its function level reset hangs, so Linux does not use it"},
};

void add_notes(const LocalMachine& machine, const LocalDevice& device, Verdict& verdict) {
  std::vector<std::string> with = taken_with(machine, device);
  std::erase(with, device.bdf);
  if (!with.empty()) verdict.notes.push_back(fmt::format("taken with it: {}", join(with, ", ")));
  if (std::string wide = why_so_wide(machine, device); !wide.empty()) verdict.notes.push_back(std::move(wide));
  if (device.reset_methods.empty() && !device.bridge && !is_chipset(device)) {
    verdict.notes.push_back("it cannot be reset: what one case leaves in it the next one finds");
  }
  if (device.num_vfs > 0) {
    verdict.notes.push_back(fmt::format("its {} virtual functions go while it is taken", device.num_vfs));
  }
  if (device.boot_display) verdict.notes.push_back("the firmware's messages appear on it (boot_vga)");
  for (const Quirk& quirk : kQuirks) {
    const bool same = quirk.vendor == device.vendor && (quirk.device == 0 || quirk.device == device.device);
    if (same && (device.class_code & quirk.class_mask) == quirk.class_code) verdict.notes.emplace_back(quirk.note);
  }
}

}  // namespace

std::vector<std::string> taken_with(const LocalMachine& machine, const LocalDevice& device) {
  std::vector<std::string> taken{device.bdf};
  for (const std::string& name : device.group_members) {
    const LocalDevice* member = machine.find(name);
    if (member == nullptr || member->bridge || (is_chipset(*member) && member->driver.empty())) continue;
    taken.push_back(name);
  }
  std::ranges::sort(taken);
  return taken;
}

bool Verdict::ok(bool force) const {
  return std::ranges::all_of(obstacles, [&](const Obstacle& one) { return force && one.yields_to_force(); });
}

std::string Verdict::summary() const {
  if (obstacles.empty()) return "yes";
  const std::string more = obstacles.size() > 1 ? fmt::format(" (and {} more)", obstacles.size() - 1) : "";
  return fmt::format("no: {}{}", obstacles.front().what, more);
}

Verdict can_pass(const LocalMachine& machine, const LocalDevice& device) {
  Verdict verdict;
  judge_place(machine, device, verdict);
  for (const std::string& name : taken_with(machine, device)) {
    if (const LocalDevice* taken = machine.find(name)) judge_use(machine, device, *taken, verdict);
  }
  // The first is what a table has room for: what no setting will change, then what can be mended, then what is in use.
  std::ranges::stable_sort(verdict.obstacles, {}, [](const Obstacle& one) {
    return std::pair(one.yields_to_force(), one.kind != Kind::kSystemDisk && one.kind != Kind::kBridge);
  });
  add_notes(machine, device, verdict);
  return verdict;
}

}  // namespace holdfast::lab
