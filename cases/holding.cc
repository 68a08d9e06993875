// What holds a preserved device, and who can let go of it?
#include <algorithm>
#include <utility>

#include "fixtures/case.h"
#include "fixtures/sysfs_words.h"
#include "harness/wire/verbs_holder.h"

namespace holdfast {
namespace {

constexpr const char* kUnbind = "/sys/bus/pci/drivers/vfio-pci/unbind";

bool has_device(const wire::PciListReply& list, const std::string& bdf) {
  return std::ranges::any_of(list.functions, [&](const wire::PciFunction& function) { return function.bdf == bdf; });
}

std::string driver_of(const wire::PciListReply& list, const std::string& bdf) {
  const auto found = std::ranges::find(list.functions, bdf, &wire::PciFunction::bdf);
  return found == list.functions.end() ? "(no device)" : found->driver;
}

/// The errno of a second user of the device. A cdev is for one at a time: who comes next is told so when binding it to
/// an iommufd. Source: vfio_df_open() in drivers/vfio/vfio_main.c of Linux 7.3.
Result<std::string> second_user(Scenario& scenario, Running& kernel, const Device& device) {
  const auto cdev = TRY(scenario.call(Phase::kBind, kernel, wire::VfioOpenCdev{.bdf = device.bdf}));
  const auto iommufd = TRY(scenario.call(Phase::kBind, kernel, wire::IommufdOpen{}));
  const std::string answer = TRY(
      scenario.refused(Phase::kBind, kernel, wire::VfioBindIommufd{.device = cdev.handle, .iommufd = iommufd.handle}));
  for (const wire::Handle handle : {cdev.handle, iommufd.handle}) {
    TRY(scenario.call(Phase::kBind, kernel, wire::Close{.handle = handle}));
  }
  return answer;
}

HOLDFAST_CASE(Preserve, UnbindWaitsForRelease,
              "a preserved device cannot be unbound, even with its files closed, until its session is closed",
              .level = Level::kPreserve, .devices = one_device()) {
  Running kernel = MUST(scenario.boot());
  Bound bound = MUST(scenario.bind(kernel, scenario.device()));
  Session session = MUST(scenario.create_session(kernel, "held"));
  MUST(scenario.preserve(kernel, session, bound, 1));
  MUST(scenario.close_files(kernel, bound));  // from here on only the session keeps the device

  const auto blocked = MUST(begin_write(scenario, kernel, kUnbind, bound.device.bdf));
  ASSERT_FALSE(blocked.done) << "unbind ended with errno " << blocked.errnum << " while the device was preserved";
  const auto later = MUST(go_on_writing(scenario, kernel, blocked.job));
  ASSERT_FALSE(later.done) << "unbind was slow and ended with errno " << later.errnum << ", with nothing released";

  MUST(scenario.close_session(kernel, session));
  const auto released = MUST(end_write(scenario, kernel, blocked.job));
  EXPECT_TRUE(released.done) << "unbind is still blocked although the session was closed";
  EXPECT_EQ(released.errnum, 0);
}

HOLDFAST_CASE(Preserve, DriverChangeWaitsForRelease,
              "a preserved device cannot be given to its native driver until its session is closed",
              .level = Level::kPreserve, .devices = one_device({"native-driver"})) {
  Running kernel = MUST(scenario.boot());
  const std::string bdf = scenario.device().bdf;
  const std::string native = kernel.arrived().find(MUST(PciAddress::parse(bdf)))->driver;
  REQUIRE_INVENTORY(!native.empty(), bdf + " has no driver in kernel A");
  Bound bound = MUST(scenario.bind(kernel, scenario.device()));
  Session session = MUST(scenario.create_session(kernel, "held"));
  MUST(scenario.preserve(kernel, session, bound, 1));
  MUST(scenario.close_files(kernel, bound));

  // Asking for another driver takes a device that has one from nobody. Source: bus_rescan_devices_helper() and
  // device_attach() in drivers/base of Linux 7.3.
  for (const auto& [path, text] : {std::pair("/sys/bus/pci/devices/" + bdf + "/driver_override", native),
                                   std::pair(std::string("/sys/bus/pci/drivers_probe"), bdf)}) {
    MUST(write_file_of(scenario, kernel, path, text));
  }
  const auto during = MUST(scenario.call(Phase::kVerify, kernel, wire::PciList{}));
  EXPECT_EQ(driver_of(during, bdf), "vfio-pci");
  const wire::DriverRestore change{.before = bound.drivers_before, .wait_ms = blocked_ms(scenario)};
  const std::string early = MUST(scenario.refused(Phase::kBind, kernel, change));
  EXPECT_EQ(early, "EBUSY") << "unbinding a preserved device is to wait";

  MUST(scenario.close_session(kernel, session));
  MUST(scenario.restore(kernel, bound));
  const auto after = MUST(scenario.call(Phase::kVerify, kernel, wire::PciList{}));
  EXPECT_EQ(driver_of(after, bdf), native);
}

HOLDFAST_CASE(Preserve, RemoveWaitsForRelease,
              "a preserved device cannot be removed from the bus until its session is closed; a rescan finds it again",
              .level = Level::kPreserve, .devices = one_device()) {
  Running kernel = MUST(scenario.boot());
  const std::string bdf = scenario.device().bdf;
  Bound bound = MUST(scenario.bind(kernel, scenario.device()));
  Session session = MUST(scenario.create_session(kernel, "held"));
  MUST(scenario.preserve(kernel, session, bound, 1));
  MUST(scenario.close_files(kernel, bound));

  const auto blocked = MUST(begin_write(scenario, kernel, "/sys/bus/pci/devices/" + bdf + "/remove", "1"));
  ASSERT_FALSE(blocked.done) << "remove ended with errno " << blocked.errnum << " while the device was preserved";
  const auto later = MUST(go_on_writing(scenario, kernel, blocked.job));
  ASSERT_FALSE(later.done) << "remove was slow and ended with errno " << later.errnum << ", with nothing released";

  MUST(scenario.close_session(kernel, session));
  const auto released = MUST(end_write(scenario, kernel, blocked.job));
  ASSERT_TRUE(released.done) << "remove is still blocked although the session was closed";
  EXPECT_EQ(released.errnum, 0);
  const auto gone = MUST(scenario.call(Phase::kVerify, kernel, wire::PciList{}));
  EXPECT_FALSE(has_device(gone, bdf));

  MUST(write_file_of(scenario, kernel, "/sys/bus/pci/rescan", "1"));
  const auto found = MUST(scenario.call(Phase::kVerify, kernel, wire::PciList{}));
  EXPECT_TRUE(has_device(found, bdf));
}

HOLDFAST_CASE(Holding, ClosedFileStaysPreserved,
              "a device whose file was closed after it was preserved is carried over, and comes back",
              .level = Level::kRetrieve, .devices = one_device()) {
  Running kernel = MUST(scenario.boot());
  Bound bound = MUST(scenario.bind(kernel, scenario.device()));
  Session session = MUST(scenario.create_session(kernel, "closed-file"));
  MUST(scenario.preserve(kernel, session, bound, 1));
  MUST(scenario.close_files(kernel, bound));
  const std::string answer = MUST(second_user(scenario, kernel, scenario.device()));
  EXPECT_EQ(answer, "EINVAL") << "the device is still open, if only in its session";

  Running next = MUST(scenario.kexec(std::move(kernel), {.expected = {bound}}));
  MUST(scenario.verify(next));
  Bound arrived = MUST(scenario.bind_driver(next, scenario.device()));
  Session incoming = MUST(scenario.retrieve_session(next, "closed-file"));
  Bound back = MUST(scenario.retrieve(next, incoming, arrived, 1));
  MUST(scenario.exercise(next, back));
  MUST(scenario.finish(next, incoming));
}

HOLDFAST_CASE(Holding, DeviceStaysWhenItsProcessIsKilled,
              "a device whose process is killed stays preserved as long as another process has the session",
              .level = Level::kRetrieve, .devices = one_device()) {
  Running kernel = MUST(scenario.boot());
  Bound bound = MUST(scenario.bind(kernel, scenario.device()));
  Session session = MUST(scenario.create_session(kernel, "survivor"));
  MUST(scenario.preserve(kernel, session, bound, 1));
  const auto user =
      MUST(scenario.call(Phase::kPreserve, kernel, wire::HolderStart{.handles = {bound.cdev, bound.iommufd}}));
  MUST(scenario.call(Phase::kPreserve, kernel, wire::HolderKill{.holder = user.holder}));
  const std::string answer = MUST(second_user(scenario, kernel, scenario.device()));
  EXPECT_EQ(answer, "EINVAL") << "the device is still open, if only in its session";

  Running next = MUST(scenario.kexec(std::move(kernel), {.expected = {bound}}));
  MUST(scenario.verify(next));
  Bound arrived = MUST(scenario.bind_driver(next, scenario.device()));
  Session incoming = MUST(scenario.retrieve_session(next, "survivor"));
  Bound back = MUST(scenario.retrieve(next, incoming, arrived, 1));
  MUST(scenario.exercise(next, back));
  MUST(scenario.finish(next, incoming));
}

HOLDFAST_CASE(Holding, SessionEndsWhenItsProcessIsKilled,
              "when the process that has session and device is killed, both are free: name, file and driver",
              .level = Level::kPreserve, .devices = one_device()) {
  Running kernel = MUST(scenario.boot());
  Bound bound = MUST(scenario.bind(kernel, scenario.device()));
  Session session = MUST(scenario.create_session(kernel, "crash"));
  MUST(scenario.preserve(kernel, session, bound, 1));
  const auto user = MUST(scenario.call(Phase::kPreserve, kernel,
                                       wire::HolderStart{.handles = {session.handle, bound.cdev, bound.iommufd}}));
  const std::string taken = MUST(scenario.refused(Phase::kPreserve, kernel, wire::LuoSessionCreate{.name = "crash"}));
  EXPECT_EQ(taken, "EEXIST") << "the session of another process is a session";
  MUST(scenario.call(Phase::kPreserve, kernel, wire::HolderKill{.holder = user.holder}));

  MUST(scenario.open(kernel, bound));
  Session anew = MUST(scenario.create_session(kernel, "crash"));
  MUST(scenario.preserve(kernel, anew, bound, 1));
  MUST(scenario.close_session(kernel, anew));
  MUST(scenario.restore(kernel, bound));
}

HOLDFAST_CASE(Holding, SessionOfAnotherProcessIsCarriedOver,
              "a session arrives although another process than the one that has it asked for the kexec",
              .level = Level::kRetrieve, .devices = one_device()) {
  Running kernel = MUST(scenario.boot());
  Bound bound = MUST(scenario.bind(kernel, scenario.device()));
  Session session = MUST(scenario.create_session(kernel, "elsewhere"));
  MUST(scenario.preserve(kernel, session, bound, 1));
  MUST(scenario.call(Phase::kPreserve, kernel,
                     wire::HolderStart{.handles = {session.handle, bound.cdev, bound.iommufd}}));

  Running next = MUST(scenario.kexec(std::move(kernel), {.expected = {bound}}));
  MUST(scenario.verify(next));
  Bound arrived = MUST(scenario.bind_driver(next, scenario.device()));
  Session incoming = MUST(scenario.retrieve_session(next, "elsewhere"));
  MUST(scenario.retrieve(next, incoming, arrived, 1));
  MUST(scenario.finish(next, incoming));
}

HOLDFAST_CASE(Holding, UnbindWaitsForFinish,
              "a retrieved device cannot be unbound, even with its files closed, until its session is finished",
              .level = Level::kRetrieve, .devices = one_device()) {
  Running kernel = MUST(scenario.boot());
  Bound bound = MUST(scenario.bind(kernel, scenario.device()));
  Session session = MUST(scenario.create_session(kernel, "held"));
  MUST(scenario.preserve(kernel, session, bound, 1));

  Running next = MUST(scenario.kexec(std::move(kernel), {.expected = {bound}}));
  Bound arrived = MUST(scenario.bind_driver(next, scenario.device()));
  Session incoming = MUST(scenario.retrieve_session(next, "held"));
  Bound back = MUST(scenario.retrieve(next, incoming, arrived, 1));
  MUST(scenario.close_files(next, back));
  const auto blocked = MUST(begin_write(scenario, next, kUnbind, bound.device.bdf));
  ASSERT_FALSE(blocked.done) << "unbind ended with errno " << blocked.errnum << " before the session was finished";
  const auto later = MUST(go_on_writing(scenario, next, blocked.job));
  ASSERT_FALSE(later.done) << "unbind was slow and ended with errno " << later.errnum << ", with nothing finished";

  MUST(scenario.finish(next, incoming));
  const auto released = MUST(end_write(scenario, next, blocked.job));
  EXPECT_TRUE(released.done) << "unbind is still blocked although the session was finished";
  EXPECT_EQ(released.errnum, 0);
}

HOLDFAST_CASE(Holding, RetrievedDeviceIsFreeWhenItsProcessIsKilled,
              "a process that is killed between retrieve and finish leaves its device finished: free to be opened",
              .level = Level::kRetrieve, .devices = one_device()) {
  Running kernel = MUST(scenario.boot());
  Bound bound = MUST(scenario.bind(kernel, scenario.device()));
  Session session = MUST(scenario.create_session(kernel, "crash"));
  MUST(scenario.preserve(kernel, session, bound, 1));

  Running next = MUST(scenario.kexec(std::move(kernel), {.expected = {bound}}));
  Bound arrived = MUST(scenario.bind_driver(next, scenario.device()));
  Session incoming = MUST(scenario.retrieve_session(next, "crash"));
  Bound back = MUST(scenario.retrieve(next, incoming, arrived, 1));
  const auto user = MUST(
      scenario.call(Phase::kRetrieve, next, wire::HolderStart{.handles = {incoming.handle, back.cdev, back.iommufd}}));
  MUST(scenario.call(Phase::kRetrieve, next, wire::HolderKill{.holder = user.holder}));

  const std::string answer = MUST(scenario.refused(Phase::kRetrieve, next, wire::LuoSessionRetrieve{.name = "crash"}));
  EXPECT_EQ(answer, "ENOENT") << "closing a retrieved session finishes it";
  MUST(scenario.open(next, arrived));
  MUST(scenario.exercise(next, arrived));
}

}  // namespace
}  // namespace holdfast
