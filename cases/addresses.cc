// Does every device keep its address when the kernel is replaced?
#include <algorithm>

#include "fixtures/case.h"
#include "fixtures/sysfs_words.h"
#include "harness/base/text.h"

namespace holdfast {
namespace {

HOLDFAST_CASE(
    Addresses, PlainKexecMovesNothing,
    "after a kexec with nothing preserved every function has the address, ids, BARs and bridge numbers it had",
    .level = Level::kKexec) {
  Running kernel = MUST(scenario.boot());
  ASSERT_FALSE(kernel.arrived().functions().empty());
  Running next = MUST(scenario.kexec(std::move(kernel)));
  MUST(scenario.verify(next));
  EXPECT_EQ(next.arrived().functions().size(), next.before().functions().size());
}

// The control for every case that says "it did not move": here a device does move, and has to be found. Bus numbers are
// given out afresh with room for four behind each hot-plug port, so that what was on bus 3 comes out on bus 9.
HOLDFAST_CASE(Addresses, MovedDeviceIsFound,
              "a device that comes back on another bus, since nothing preserved it, is reported as moved",
              .level = Level::kKexec, .target_traits = {"bus-numbers-can-move"}) {
  Running kernel = MUST(scenario.boot());
  Running next = MUST(scenario.kexec(std::move(kernel), {.append = "pci=assign-busses,hpbussize=4"}));
  const bool found = std::ranges::any_of(scenario.changes(), [](const PciChange& change) {
    return change.register_name == "address" && change.before == "0000:03:00.0" && change.allowed.empty();
  });
  if (!found)
    harness_is_blind("0000:03:00.0 was moved by pci=assign-busses,hpbussize=4, and no change of address was seen");
  if (scenario.verify(next).ok()) harness_is_blind("verify passed although a device was moved");
}

/// Was this found, as a change that nothing allows?
bool found_change(const Scenario& scenario, std::string_view address, std::string_view register_name) {
  return std::ranges::any_of(scenario.changes(), [&](const PciChange& change) {
    return change.address.to_string() == address && glob_match(register_name, change.register_name) &&
           change.allowed.empty();
  });
}

// The control for BARs: kernel B is told to align those of one device to 1 MiB (Documentation/admin-guide/
// kernel-parameters.txt, pci=resource_alignment), which firmware had no reason to do.
HOLDFAST_CASE(Addresses, MovedBarIsFound,
              "a BAR that kernel B has moved, since nothing preserved the device, is reported", .level = Level::kKexec,
              .devices = one_device({"msix"}), .target_traits = {"emulated"}) {
  const std::string bdf = scenario.device().bdf;
  Running kernel = MUST(scenario.boot());
  Running next = MUST(scenario.kexec(std::move(kernel), {.append = "pci=resource_alignment=20@" + bdf}));
  if (!found_change(scenario, bdf, "BAR?")) harness_is_blind("a BAR of " + bdf + " was moved, and no change was seen");
  if (!found_change(scenario, bdf, "resource ?")) harness_is_blind("a resource of " + bdf + " was moved, unseen");
  if (scenario.verify(next).ok()) harness_is_blind("verify passed although a BAR was moved");
}

// The control for bridge windows: I/O space is short, and kernel B may take windows away again to share it out anew.
HOLDFAST_CASE(Addresses, MovedWindowIsFound,
              "a bridge window that kernel B has moved, since nothing below is preserved, is reported",
              .level = Level::kKexec, .target_traits = {"emulated"}) {
  Running kernel = MUST(scenario.boot());
  Running next = MUST(scenario.kexec(std::move(kernel), {.append = "pci=realloc=on,hpmemsize=16M"}));
  const bool found = std::ranges::any_of(scenario.changes(), [](const PciChange& change) {
    return change.register_name.ends_with(" window") && change.allowed.empty();
  });
  if (!found) harness_is_blind("pci=realloc=on moved a bridge window, and no change was seen");
  if (scenario.verify(next).ok()) harness_is_blind("verify passed although a window was moved");
}

HOLDFAST_CASE(Addresses, AppearingDeviceIsFound, "a function that kernel A did not have, and kernel B has, is reported",
              .level = Level::kKexec, .devices = one_device()) {
  const std::string bdf = scenario.device().bdf;
  Running kernel = MUST(scenario.boot());
  MUST(write_file_of(scenario, kernel, "/sys/bus/pci/devices/" + bdf + "/remove", "1"));
  Running next = MUST(scenario.kexec(std::move(kernel)));
  if (!found_change(scenario, bdf, "presence")) harness_is_blind(bdf + " was not there, is there, and was not seen");
  if (scenario.verify(next).ok()) harness_is_blind("verify passed although a function appeared");
}

HOLDFAST_CASE(Addresses, LostIommuGroupIsFound, "a device that has lost its IOMMU group is reported",
              .level = Level::kKexec, .devices = one_device({"reset"}), .target_traits = {"emulated"}) {
  const std::string bdf = scenario.device().bdf;
  Running kernel = MUST(scenario.boot());
  Running next = MUST(scenario.kexec(std::move(kernel), {.append = "intel_iommu=off"}));
  if (!found_change(scenario, bdf, "IOMMU group")) harness_is_blind(bdf + " lost its IOMMU group, and it was not seen");
  if (scenario.verify(next).ok()) harness_is_blind("verify passed although there are no IOMMU groups");
}

HOLDFAST_CASE(Addresses, OpenedPortIsFound,
              "a port that no longer keeps what is behind it from other devices (ACS) is reported",
              .level = Level::kKexec, .devices = one_device({"msix"}), .target_traits = {"emulated"}) {
  const std::string bdf = scenario.device().bdf;
  Running kernel = MUST(scenario.boot());
  const PciFunctionState* device = kernel.arrived().find(MUST(PciAddress::parse(bdf)));
  ASSERT_NE(device, nullptr) << "nothing is at " << bdf;
  const std::string port(split(device->path, '/').front());
  ASSERT_NE(port, bdf) << "it has no port above it";
  Running next = MUST(scenario.kexec(std::move(kernel), {.append = "pci=disable_acs_redir=" + port}));
  if (!found_change(scenario, port, "ACS: Control")) harness_is_blind("ACS of " + port + " was weakened, unseen");
  if (!found_change(scenario, bdf, "IOMMU group members")) harness_is_blind(bdf + " shares a group now, unseen");
  if (scenario.verify(next).ok()) harness_is_blind("verify passed although a port was opened");
}

}  // namespace
}  // namespace holdfast
