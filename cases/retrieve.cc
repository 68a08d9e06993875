// Does a preserved device come back through its session, and does it work afterwards?
#include <fmt/format.h>

#include <array>

#include "fixtures/case.h"
#include "fixtures/sysfs_words.h"

namespace holdfast {
namespace {

constexpr uint32_t kConfigRegion = 7;  // Source: include/uapi/linux/vfio.h of Linux 7.3
constexpr size_t kHeader = 64;

/// What tells a device from all others, those of its kind too: its ids, and the addresses in its BARs, from the first
/// bytes of its config space. Source: PCI Express Base Specification 6.0, 7.5.1.1 and 7.5.1.2.
std::string identity(const std::vector<uint8_t>& config) {
  const auto number = [&](size_t at, size_t bytes) {
    uint32_t value = 0;
    for (size_t i = bytes; i-- > 0;) value = value << 8 | config.at(at + i);
    return value;
  };
  std::string text = fmt::format("{:04x}:{:04x}, BARs", number(0, 2), number(2, 2));
  for (size_t bar = 0x10; bar < 0x28; bar += 4) text += fmt::format(" {:08x}", number(bar, 4));
  return text;
}

/// The same, read through an open file.
Result<std::string> identity_through(Scenario& scenario, Running& kernel, const Bound& bound) {
  const auto read = TRY(scenario.call(
      Phase::kExercise, kernel, wire::VfioRead{.device = bound.cdev, .region = kConfigRegion, .length = kHeader}));
  std::vector<uint8_t> config;
  for (const std::byte byte : read.blob) config.push_back(std::to_integer<uint8_t>(byte));
  config.resize(kHeader);
  return identity(config);
}

HOLDFAST_CASE(Retrieve, DeviceComesBackAndWorks,
              "a device is retrieved through its session, works, is finished, and can then be opened as any other",
              .level = Level::kRetrieve, .devices = every_device()) {
  Running kernel = MUST(scenario.boot());
  Bound bound = MUST(scenario.bind(kernel, scenario.device()));
  Session session = MUST(scenario.create_session(kernel, "device"));
  MUST(scenario.preserve(kernel, session, bound, 1));

  Running next = MUST(scenario.kexec(std::move(kernel), {.expected = {bound}}));
  MUST(scenario.verify(next));
  Bound arrived = MUST(scenario.bind_driver(next, scenario.device()));
  Session incoming = MUST(scenario.retrieve_session(next, "device"));
  Bound back = MUST(scenario.retrieve(next, incoming, arrived, 1));
  MUST(scenario.exercise(next, back));
  MUST(scenario.finish(next, incoming));
  MUST(scenario.close_files(next, back));
  MUST(scenario.open(next, arrived));
}

HOLDFAST_CASE(Retrieve, DirectOpenIsBusyUntilFinish,
              "the cdev of an incoming device is EBUSY for everybody until its session is finished",
              .level = Level::kRetrieve, .devices = one_device()) {
  Running kernel = MUST(scenario.boot());
  Bound bound = MUST(scenario.bind(kernel, scenario.device()));
  Session session = MUST(scenario.create_session(kernel, "device"));
  MUST(scenario.preserve(kernel, session, bound, 1));

  Running next = MUST(scenario.kexec(std::move(kernel), {.expected = {bound}}));
  Bound arrived = MUST(scenario.bind_driver(next, scenario.device()));
  const wire::VfioOpenCdev direct{.bdf = bound.device.bdf};
  const std::string early = MUST(scenario.refused(Phase::kRetrieve, next, direct));
  EXPECT_EQ(early, "EBUSY") << "before it was retrieved";
  Session incoming = MUST(scenario.retrieve_session(next, "device"));
  Bound back = MUST(scenario.retrieve(next, incoming, arrived, 1));
  const std::string late = MUST(scenario.refused(Phase::kRetrieve, next, direct));
  EXPECT_EQ(late, "EBUSY") << "retrieved, but not finished";
  MUST(scenario.finish(next, incoming));
  MUST(scenario.close_files(next, back));
  MUST(scenario.open(next, arrived));
}

// Between the two nothing can be told: vfio gives no device to a group while its cdev is open, incoming or not.
HOLDFAST_CASE(
    Retrieve, GroupOpenIsBusyUntilFinish,
    "an incoming device that was not retrieved is EBUSY through its group, and can be had when it is finished",
    .level = Level::kRetrieve, .devices = one_device(), .symbols = {{"VFIO_GROUP", "the group interface"}}) {
  Running kernel = MUST(scenario.boot());
  Bound bound = MUST(scenario.bind(kernel, scenario.device()));
  Session session = MUST(scenario.create_session(kernel, "device"));
  MUST(scenario.preserve(kernel, session, bound, 1));

  Running next = MUST(scenario.kexec(std::move(kernel), {.expected = {bound}}));
  Bound arrived = MUST(scenario.bind_driver(next, scenario.device()));
  const wire::VfioOpenGroup by_group{.bdf = bound.device.bdf};
  const std::string early = MUST(scenario.refused(Phase::kRetrieve, next, by_group));
  EXPECT_EQ(early, "EBUSY") << "before it was retrieved";
  Session incoming = MUST(scenario.retrieve_session(next, "device"));
  Bound back = MUST(scenario.retrieve(next, incoming, arrived, 1));
  MUST(scenario.finish(next, incoming));
  MUST(scenario.close_files(next, back));
  MUST(scenario.call(Phase::kRetrieve, next, by_group));
}

HOLDFAST_CASE(Retrieve, EachTokenGivesItsOwnDevice,
              "with several devices in one session each token gives the device that was preserved under it",
              .level = Level::kRetrieve, .devices = several_devices(3)) {
  Running kernel = MUST(scenario.boot());
  Session session = MUST(scenario.create_session(kernel, "several"));
  std::vector<Bound> bound;
  constexpr std::array<uint64_t, 3> kTokens{30, 10, 20};  // in no order that anything could rely on
  for (const uint64_t token : kTokens) {
    bound.push_back(MUST(scenario.bind(kernel, scenario.device(bound.size()))));
    MUST(scenario.preserve(kernel, session, bound.back(), token));
  }

  Running next = MUST(scenario.kexec(std::move(kernel), {.expected = bound}));
  MUST(scenario.verify(next));
  Session incoming = MUST(scenario.retrieve_session(next, "several"));
  std::vector<Bound> arrived;
  for (const Device& device : scenario.devices()) arrived.push_back(MUST(scenario.bind_driver(next, device)));
  for (const size_t i : {2, 0, 1}) {
    Bound back = MUST(scenario.retrieve(next, incoming, arrived[i], kTokens[i]));
    const std::string got = MUST(identity_through(scenario, next, back));
    EXPECT_EQ(got, identity(next.arrived().find(back.address)->config))
        << "token " << kTokens[i] << " gave another device than " << back.device.bdf;
  }
  MUST(scenario.finish(next, incoming));
}

HOLDFAST_CASE(Retrieve, BeforeTheDriverIsBoundIsRefused,
              "retrieving a device that vfio-pci does not have is ENODEV, for good; finishing then frees the device",
              .level = Level::kRetrieve, .devices = one_device()) {
  Running kernel = MUST(scenario.boot());
  Bound bound = MUST(scenario.bind(kernel, scenario.device()));
  Session session = MUST(scenario.create_session(kernel, "too-early"));
  MUST(scenario.preserve(kernel, session, bound, 1));

  Running next = MUST(scenario.kexec(std::move(kernel), {.expected = {bound}}));
  Session incoming = MUST(scenario.retrieve_session(next, "too-early"));
  const wire::LuoRetrieve request{.session = incoming.handle, .token = 1};
  const std::string unbound = MUST(scenario.refused(Phase::kRetrieve, next, request));
  EXPECT_EQ(unbound, "ENODEV");
  // A retrieve that failed fails the same way ever after. Source: include/uapi/linux/liveupdate.h of Linux 7.3.
  Bound arrived = MUST(scenario.bind_driver(next, scenario.device()));
  const std::string bound_now = MUST(scenario.refused(Phase::kRetrieve, next, request));
  EXPECT_EQ(bound_now, "ENODEV");
  MUST(scenario.finish(next, incoming));
  MUST(scenario.open(next, arrived));
  MUST(scenario.exercise(next, arrived));
}

HOLDFAST_CASE(Retrieve, DeviceThatIsGoneIsRefused,
              "retrieving a device that was removed from the bus is ENODEV; found again and finished it is free",
              .level = Level::kRetrieve, .devices = one_device()) {
  Running kernel = MUST(scenario.boot());
  Bound bound = MUST(scenario.bind(kernel, scenario.device()));
  Session session = MUST(scenario.create_session(kernel, "gone"));
  MUST(scenario.preserve(kernel, session, bound, 1));

  Running next = MUST(scenario.kexec(std::move(kernel), {.expected = {bound}}));
  // Nobody has the device open, so this does not block.
  MUST(write_file_of(scenario, next, "/sys/bus/pci/devices/" + bound.device.bdf + "/remove", "1"));
  Session incoming = MUST(scenario.retrieve_session(next, "gone"));
  const std::string answer =
      MUST(scenario.refused(Phase::kRetrieve, next, wire::LuoRetrieve{.session = incoming.handle, .token = 1}));
  EXPECT_EQ(answer, "ENODEV");
  MUST(scenario.finish(next, incoming));

  MUST(write_file_of(scenario, next, "/sys/bus/pci/rescan", "1"));
  Bound found = MUST(scenario.bind(next, scenario.device()));
  MUST(scenario.exercise(next, found));
}

HOLDFAST_CASE(Retrieve, SecondTimeGivesTheSameFile,
              "a token that is retrieved again gives the same open file, which works until both are closed",
              .level = Level::kRetrieve, .devices = one_device()) {
  Running kernel = MUST(scenario.boot());
  Bound bound = MUST(scenario.bind(kernel, scenario.device()));
  Session session = MUST(scenario.create_session(kernel, "twice"));
  MUST(scenario.preserve(kernel, session, bound, 1));

  Running next = MUST(scenario.kexec(std::move(kernel), {.expected = {bound}}));
  Bound arrived = MUST(scenario.bind_driver(next, scenario.device()));
  Session incoming = MUST(scenario.retrieve_session(next, "twice"));
  Bound back = MUST(scenario.retrieve(next, incoming, arrived, 1));
  const auto again =
      MUST(scenario.call(Phase::kRetrieve, next, wire::LuoRetrieve{.session = incoming.handle, .token = 1}));
  // The first one was bound to an iommufd. Only if the second is the same file may it be used, being bound with it.
  MUST(scenario.call(Phase::kRetrieve, next, wire::Close{.handle = back.cdev}));
  back.cdev = again.handle;
  MUST(scenario.exercise(next, back));
  MUST(scenario.finish(next, incoming));
}

HOLDFAST_CASE(Retrieve, UnknownTokenLeavesTheOthers,
              "a token that nothing was preserved under is ENOENT, and the device can be retrieved all the same",
              .level = Level::kRetrieve, .devices = one_device()) {
  Running kernel = MUST(scenario.boot());
  Bound bound = MUST(scenario.bind(kernel, scenario.device()));
  Session session = MUST(scenario.create_session(kernel, "device"));
  MUST(scenario.preserve(kernel, session, bound, 1));

  Running next = MUST(scenario.kexec(std::move(kernel), {.expected = {bound}}));
  Bound arrived = MUST(scenario.bind_driver(next, scenario.device()));
  Session incoming = MUST(scenario.retrieve_session(next, "device"));
  const std::string answer =
      MUST(scenario.refused(Phase::kRetrieve, next, wire::LuoRetrieve{.session = incoming.handle, .token = 2}));
  EXPECT_EQ(answer, "ENOENT");
  MUST(scenario.retrieve(next, incoming, arrived, 1));
  MUST(scenario.finish(next, incoming));
}

HOLDFAST_CASE(Retrieve, MemoryAndDeviceStayTogether,
              "two sessions that use the same tokens each give back their own device and their own memory",
              .level = Level::kRetrieve, .devices = several_devices(2)) {
  Running kernel = MUST(scenario.boot());
  std::vector<Bound> bound;
  std::vector<Memory> sent;
  for (const Device& device : scenario.devices()) {
    Session session = MUST(scenario.create_session(kernel, "of-" + device.role));
    bound.push_back(MUST(scenario.bind(kernel, device)));
    sent.push_back(MUST(scenario.create_memory(kernel, 65536)));
    MUST(scenario.preserve(kernel, session, bound.back(), 1));
    MUST(scenario.preserve(kernel, session, sent.back(), 2));
  }

  Running next = MUST(scenario.kexec(std::move(kernel), {.expected = bound}));
  MUST(scenario.verify(next));
  for (const size_t i : {1, 0}) {
    const Device& device = scenario.device(i);
    Bound arrived = MUST(scenario.bind_driver(next, device));
    Session incoming = MUST(scenario.retrieve_session(next, "of-" + device.role));
    Memory memory = MUST(scenario.retrieve(next, incoming, sent[i], 2));
    Bound back = MUST(scenario.retrieve(next, incoming, arrived, 1));
    const std::string digest = MUST(scenario.digest_of(next, memory));
    EXPECT_EQ(digest, sent[i].sha256) << "the memory of " << incoming.name;
    const std::string got = MUST(identity_through(scenario, next, back));
    EXPECT_EQ(got, identity(next.arrived().find(back.address)->config)) << "the device of " << incoming.name;
    MUST(scenario.finish(next, incoming));
  }
}

}  // namespace
}  // namespace holdfast
