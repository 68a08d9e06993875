// May a vfio-pci device be put into a session, what holds it there, and does it stand where it stood after the kexec?
#include <algorithm>

#include "fixtures/case.h"

namespace holdfast {
namespace {

HOLDFAST_CASE(Preserve, DeviceKeepsItsAddress,
              "a preserved device has the same address in the next kernel, and arrives reset and idle",
              .level = Level::kPreserve, .devices = every_device()) {
  Running kernel = MUST(scenario.boot());
  Bound bound = MUST(scenario.bind(kernel, scenario.device()));
  Session session = MUST(scenario.create_session(kernel, "device"));
  MUST(scenario.preserve(kernel, session, bound, 1));
  Running next = MUST(scenario.kexec(std::move(kernel), {.expected = {bound}}));
  MUST(scenario.verify(next));
}

// The same second kernel that moves a device nobody preserved (Addresses.MovedDeviceIsFound).
HOLDFAST_CASE(Preserve, DeviceKeepsItsAddressWhenBusesAreRenumbered,
              "bus numbers above a preserved device stay as they are although kernel B is told to give out new ones",
              .level = Level::kPreserve, .devices = one_device({"third-port"}),
              .target_traits = {"bus-numbers-can-move"}) {
  Running kernel = MUST(scenario.boot());
  Bound bound = MUST(scenario.bind(kernel, scenario.device()));
  Session session = MUST(scenario.create_session(kernel, "device"));
  MUST(scenario.preserve(kernel, session, bound, 1));
  Running next =
      MUST(scenario.kexec(std::move(kernel), {.append = "pci=assign-busses,hpbussize=4", .expected = {bound}}));
  const bool moved = std::ranges::any_of(scenario.changes(), [&](const PciChange& change) {
    return change.register_name == "address" && change.address == bound.address;
  });
  EXPECT_FALSE(moved) << bound.device.bdf << " came back on another bus";
  EXPECT_NE(next.arrived().find(bound.address), nullptr) << "nothing is at " << bound.device.bdf;
}

HOLDFAST_CASE(Preserve, ThreeDevicesInOneSession, "three devices in one session all arrive at their addresses",
              .level = Level::kPreserve, .devices = several_devices(3)) {
  Running kernel = MUST(scenario.boot());
  Session session = MUST(scenario.create_session(kernel, "three"));
  std::vector<Bound> bound;
  for (const Device& device : scenario.devices()) {
    bound.push_back(MUST(scenario.bind(kernel, device)));
    MUST(scenario.preserve(kernel, session, bound.back(), bound.size()));
  }
  Running next = MUST(scenario.kexec(std::move(kernel), {.expected = bound}));
  MUST(scenario.verify(next));
}

HOLDFAST_CASE(Preserve, TwoSessionsWithADeviceEach, "devices in two sessions both arrive at their addresses",
              .level = Level::kPreserve, .devices = several_devices(2)) {
  Running kernel = MUST(scenario.boot());
  std::vector<Bound> bound;
  for (const Device& device : scenario.devices()) {
    Session session = MUST(scenario.create_session(kernel, "of-" + device.role));
    bound.push_back(MUST(scenario.bind(kernel, device)));
    MUST(scenario.preserve(kernel, session, bound.back(), 1));  // tokens belong to their session
  }
  Running next = MUST(scenario.kexec(std::move(kernel), {.expected = bound}));
  MUST(scenario.verify(next));
}

HOLDFAST_CASE(Preserve, GroupFileIsRefused,
              "a device file that was opened through its group, not its cdev, is refused with ENOENT",
              .level = Level::kPreserve, .devices = one_device()) {
  Running kernel = MUST(scenario.boot());
  Bound bound = MUST(scenario.bind_driver(kernel, scenario.device()));
  const auto group = MUST(scenario.call(Phase::kBind, kernel, wire::VfioOpenGroup{.bdf = bound.device.bdf}));
  Session session = MUST(scenario.create_session(kernel, "group"));
  const std::string answer = MUST(scenario.refused(
      Phase::kPreserve, kernel, wire::LuoPreserve{.session = session.handle, .file = group.handle, .token = 1}));
  EXPECT_EQ(answer, "ENOENT");
}

HOLDFAST_CASE(Preserve, UnboundCdevIsRefused, "a cdev that was not bound to an iommufd is refused with ENOENT",
              .level = Level::kPreserve, .devices = one_device()) {
  Running kernel = MUST(scenario.boot());
  Bound bound = MUST(scenario.bind_driver(kernel, scenario.device()));
  const auto cdev = MUST(scenario.call(Phase::kBind, kernel, wire::VfioOpenCdev{.bdf = bound.device.bdf}));
  Session session = MUST(scenario.create_session(kernel, "unbound"));
  const std::string answer = MUST(scenario.refused(
      Phase::kPreserve, kernel, wire::LuoPreserve{.session = session.handle, .file = cdev.handle, .token = 1}));
  EXPECT_EQ(answer, "ENOENT");
}

HOLDFAST_CASE(Preserve, SecondSessionIsRefused, "a device that one session preserves is refused by another with EBUSY",
              .level = Level::kPreserve, .devices = one_device()) {
  Running kernel = MUST(scenario.boot());
  Bound bound = MUST(scenario.bind(kernel, scenario.device()));
  Session first = MUST(scenario.create_session(kernel, "first"));
  Session second = MUST(scenario.create_session(kernel, "second"));
  MUST(scenario.preserve(kernel, first, bound, 1));
  const std::string answer = MUST(scenario.refused(
      Phase::kPreserve, kernel, wire::LuoPreserve{.session = second.handle, .file = bound.cdev, .token = 1}));
  EXPECT_EQ(answer, "EBUSY");
}

HOLDFAST_CASE(Preserve, UnbindWaitsForRelease,
              "a preserved device cannot be unbound, even with its files closed, until its session is closed",
              .level = Level::kPreserve, .devices = one_device()) {
  Running kernel = MUST(scenario.boot());
  Bound bound = MUST(scenario.bind(kernel, scenario.device()));
  Session session = MUST(scenario.create_session(kernel, "held"));
  MUST(scenario.preserve(kernel, session, bound, 1));
  MUST(scenario.close_files(kernel, bound));  // from here on only the session keeps the device

  const auto blocked = MUST(scenario.call(
      Phase::kBind, kernel,
      wire::SysfsWrite{.path = "/sys/bus/pci/drivers/vfio-pci/unbind", .text = bound.device.bdf, .wait_ms = 2000}));
  ASSERT_FALSE(blocked.done) << "unbind ended with errno " << blocked.errnum << " while the device was preserved";

  MUST(scenario.close_session(kernel, session));
  const auto released =
      MUST(scenario.call(Phase::kBind, kernel, wire::SysfsWait{.job = blocked.job, .wait_ms = 10000}));
  EXPECT_TRUE(released.done) << "unbind is still blocked although the session was closed";
  EXPECT_EQ(released.errnum, 0);
}

HOLDFAST_CASE(Preserve, ClosingTheSessionReleases,
              "closing a session before the kexec takes its device out: it can be given back, and nothing arrives",
              .level = Level::kPreserve, .devices = one_device()) {
  Running kernel = MUST(scenario.boot());
  Bound bound = MUST(scenario.bind(kernel, scenario.device()));
  Session session = MUST(scenario.create_session(kernel, "closed"));
  MUST(scenario.preserve(kernel, session, bound, 1));
  MUST(scenario.close_session(kernel, session));
  MUST(scenario.restore(kernel, bound));

  Running next = MUST(scenario.kexec(std::move(kernel)));
  const std::string answer = MUST(scenario.refused(Phase::kRetrieve, next, wire::LuoSessionRetrieve{.name = "closed"}));
  EXPECT_EQ(answer, "ENOENT");
}

}  // namespace
}  // namespace holdfast
