// May a vfio-pci device be put into a session, and does it stand where it stood after the kexec?
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
              .level = Level::kPreserve, .devices = one_device(), .symbols = {{"VFIO_GROUP", "the group interface"}}) {
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

// What stands around a device is not the device: LUO finds no handler for it.
HOLDFAST_CASE(Preserve, IommufdIsRefused, "an iommufd is refused with ENOENT, with a device bound to it or without",
              .level = Level::kPreserve, .devices = one_device()) {
  Running kernel = MUST(scenario.boot());
  const auto idle = MUST(scenario.call(Phase::kBind, kernel, wire::IommufdOpen{}));
  Bound bound = MUST(scenario.bind(kernel, scenario.device()));
  Session session = MUST(scenario.create_session(kernel, "iommufd"));
  for (const wire::Handle iommufd : {idle.handle, bound.iommufd}) {
    const std::string answer = MUST(scenario.refused(
        Phase::kPreserve, kernel, wire::LuoPreserve{.session = session.handle, .file = iommufd, .token = 1}));
    EXPECT_EQ(answer, "ENOENT");
  }
}

HOLDFAST_CASE(Preserve, ContainerIsRefused, "a vfio container, and a group's file, are refused with ENOENT",
              .level = Level::kPreserve, .devices = one_device(), .symbols = {{"VFIO_GROUP", "the group interface"}}) {
  Running kernel = MUST(scenario.boot());
  Bound bound = MUST(scenario.bind_driver(kernel, scenario.device()));
  const PciFunctionState* function = kernel.arrived().find(bound.address);
  REQUIRE_DEVICE(function != nullptr && function->iommu_group >= 0, bound.device.bdf + " has no IOMMU group");
  Session session = MUST(scenario.create_session(kernel, "group"));
  // The container is VFIO's own or iommufd's imitation (VFIO_CONTAINER, IOMMUFD_VFIO_CONTAINER); a kernel may have
  // none.
  auto container = scenario.call(Phase::kBind, kernel, wire::NodeOpen{.path = "/dev/vfio/vfio"});
  if (!container && container.error().kind == "refused") {
    return give_verdict(cannot("the kernel does not have vfio containers"));
  }
  const wire::Handle first = MUST(std::move(container)).handle;
  const std::string node = "/dev/vfio/" + std::to_string(function->iommu_group);
  const wire::Handle second = MUST(scenario.call(Phase::kBind, kernel, wire::NodeOpen{.path = node})).handle;
  for (const wire::Handle file : {first, second}) {
    const std::string answer = MUST(scenario.refused(
        Phase::kPreserve, kernel, wire::LuoPreserve{.session = session.handle, .file = file, .token = 1}));
    EXPECT_EQ(answer, "ENOENT") << (file == first ? "/dev/vfio/vfio" : node);
  }
}

HOLDFAST_CASE(Preserve, DevNullIsRefused, "a file that no handler knows, /dev/null, is refused with ENOENT",
              .level = Level::kPreserve) {
  Running kernel = MUST(scenario.boot());
  const auto null = MUST(scenario.call(Phase::kBind, kernel, wire::NodeOpen{.path = "/dev/null"}));
  Session session = MUST(scenario.create_session(kernel, "null"));
  const std::string answer = MUST(scenario.refused(
      Phase::kPreserve, kernel, wire::LuoPreserve{.session = session.handle, .file = null.handle, .token = 1}));
  EXPECT_EQ(answer, "ENOENT");
}

HOLDFAST_CASE(Preserve, SameFileUnderAnotherTokenIsRefused,
              "a device that a session preserves is refused under a second token with EBUSY", .level = Level::kPreserve,
              .devices = one_device()) {
  Running kernel = MUST(scenario.boot());
  Bound bound = MUST(scenario.bind(kernel, scenario.device()));
  Session session = MUST(scenario.create_session(kernel, "twice"));
  MUST(scenario.preserve(kernel, session, bound, 1));
  const std::string answer = MUST(scenario.refused(
      Phase::kPreserve, kernel, wire::LuoPreserve{.session = session.handle, .file = bound.cdev, .token = 2}));
  EXPECT_EQ(answer, "EBUSY");
}

HOLDFAST_CASE(Preserve, TakenTokenIsRefused,
              "a second device under the token of the first is refused with EEXIST, and taken under another",
              .level = Level::kPreserve, .devices = several_devices(2)) {
  Running kernel = MUST(scenario.boot());
  Bound first = MUST(scenario.bind(kernel, scenario.device(0)));
  Bound second = MUST(scenario.bind(kernel, scenario.device(1)));
  Session session = MUST(scenario.create_session(kernel, "tokens"));
  MUST(scenario.preserve(kernel, session, first, 1));
  const std::string answer = MUST(scenario.refused(
      Phase::kPreserve, kernel, wire::LuoPreserve{.session = session.handle, .file = second.cdev, .token = 1}));
  EXPECT_EQ(answer, "EEXIST");
  MUST(scenario.preserve(kernel, session, second, 2));
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

HOLDFAST_CASE(Preserve, RefusalsLeaveTheSessionWhole,
              "what a session refused, and was refused, takes nothing away from what it has", .level = Level::kRetrieve,
              .devices = one_device()) {
  Running kernel = MUST(scenario.boot());
  Bound bound = MUST(scenario.bind(kernel, scenario.device()));
  Session session = MUST(scenario.create_session(kernel, "refusals"));
  Session other = MUST(scenario.create_session(kernel, "other"));
  MUST(scenario.preserve(kernel, session, bound, 1));
  struct Refusal {
    wire::LuoPreserve request;
    std::string promised;
  };
  const std::vector<Refusal> refusals{
      {{.session = session.handle, .file = bound.iommufd, .token = 2}, "ENOENT"},  // no handler
      {{.session = session.handle, .file = bound.cdev, .token = 2}, "EBUSY"},      // preserved already
      // That, and its token is taken too: the kernel may look at either first.
      {{.session = session.handle, .file = bound.cdev, .token = 1}, "EEXIST or EBUSY"},
      {{.session = other.handle, .file = bound.cdev, .token = 1}, "EBUSY"}};
  for (const Refusal& one : refusals) {
    const std::string answer = MUST(scenario.refused(Phase::kPreserve, kernel, one.request));
    EXPECT_NE(one.promised.find(answer), std::string::npos) << answer << " in place of " << one.promised;
  }

  Running next = MUST(scenario.kexec(std::move(kernel), {.expected = {bound}}));
  MUST(scenario.verify(next));
  Bound arrived = MUST(scenario.bind_driver(next, scenario.device()));
  Session incoming = MUST(scenario.retrieve_session(next, "refusals"));
  const std::string answer =
      MUST(scenario.refused(Phase::kRetrieve, next, wire::LuoRetrieve{.session = incoming.handle, .token = 2}));
  EXPECT_EQ(answer, "ENOENT") << "what was refused came along";
  Bound back = MUST(scenario.retrieve(next, incoming, arrived, 1));
  MUST(scenario.exercise(next, back));
  MUST(scenario.finish(next, incoming));
}

}  // namespace
}  // namespace holdfast
