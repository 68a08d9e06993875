// When may a retrieved session be finished, and what is over with it?
#include "fixtures/case.h"

namespace holdfast {
namespace {

HOLDFAST_CASE(Retrieve, FinishBeforeRetrieveIsRefused,
              "a session whose device was not retrieved cannot be finished: EBUSY", .level = Level::kRetrieve,
              .devices = one_device()) {
  Running kernel = MUST(scenario.boot());
  Bound bound = MUST(scenario.bind(kernel, scenario.device()));
  Session session = MUST(scenario.create_session(kernel, "device"));
  MUST(scenario.preserve(kernel, session, bound, 1));

  Running next = MUST(scenario.kexec(std::move(kernel), {.expected = {bound}}));
  Bound arrived = MUST(scenario.bind_driver(next, scenario.device()));
  Session incoming = MUST(scenario.retrieve_session(next, "device"));
  const std::string answer = MUST(scenario.refused(Phase::kFinish, next, wire::LuoFinish{.session = incoming.handle}));
  EXPECT_EQ(answer, "EBUSY");
  MUST(scenario.retrieve(next, incoming, arrived, 1));
  MUST(scenario.finish(next, incoming));
}

HOLDFAST_CASE(Finish, BeforeBindingIsRefused,
              "a session whose device was retrieved, but not bound to an iommufd, cannot be finished: EBUSY",
              .level = Level::kRetrieve, .devices = one_device()) {
  Running kernel = MUST(scenario.boot());
  Bound bound = MUST(scenario.bind(kernel, scenario.device()));
  Session session = MUST(scenario.create_session(kernel, "device"));
  MUST(scenario.preserve(kernel, session, bound, 1));

  Running next = MUST(scenario.kexec(std::move(kernel), {.expected = {bound}}));
  MUST(scenario.bind_driver(next, scenario.device()));
  Session incoming = MUST(scenario.retrieve_session(next, "device"));
  const auto file =
      MUST(scenario.call(Phase::kRetrieve, next, wire::LuoRetrieve{.session = incoming.handle, .token = 1}));
  const std::string answer = MUST(scenario.refused(Phase::kFinish, next, wire::LuoFinish{.session = incoming.handle}));
  EXPECT_EQ(answer, "EBUSY");
  const auto iommufd = MUST(scenario.call(Phase::kRetrieve, next, wire::IommufdOpen{}));
  MUST(scenario.call(Phase::kRetrieve, next, wire::VfioBindIommufd{.device = file.handle, .iommufd = iommufd.handle}));
  MUST(scenario.finish(next, incoming));
}

HOLDFAST_CASE(Finish, WaitsForEachDeviceOfTheSession,
              "a session with one device retrieved and one not cannot be finished: EBUSY, and nothing is finished",
              .level = Level::kRetrieve, .devices = several_devices(2)) {
  Running kernel = MUST(scenario.boot());
  Session session = MUST(scenario.create_session(kernel, "two"));
  std::vector<Bound> bound;
  for (const Device& device : scenario.devices()) {
    bound.push_back(MUST(scenario.bind(kernel, device)));
    MUST(scenario.preserve(kernel, session, bound.back(), bound.size()));
  }

  Running next = MUST(scenario.kexec(std::move(kernel), {.expected = bound}));
  Bound first = MUST(scenario.bind_driver(next, scenario.device(0)));
  Bound second = MUST(scenario.bind_driver(next, scenario.device(1)));
  Session incoming = MUST(scenario.retrieve_session(next, "two"));
  Bound back = MUST(scenario.retrieve(next, incoming, second, 2));
  const std::string answer = MUST(scenario.refused(Phase::kFinish, next, wire::LuoFinish{.session = incoming.handle}));
  EXPECT_EQ(answer, "EBUSY");
  // Finishing goes from the last file to the first: the second device is what a half-done one would have let go of.
  MUST(scenario.close_files(next, back));
  const std::string direct =
      MUST(scenario.refused(Phase::kRetrieve, next, wire::VfioOpenCdev{.bdf = second.device.bdf}));
  EXPECT_EQ(direct, "EBUSY") << "the device that was retrieved is the session's until all of it is finished";
  MUST(scenario.retrieve(next, incoming, first, 1));
  MUST(scenario.finish(next, incoming));
}

HOLDFAST_CASE(Finish, ClosingTheSessionFinishes,
              "closing a session whose device was retrieved and bound finishes it: the device can be opened",
              .level = Level::kRetrieve, .devices = one_device()) {
  Running kernel = MUST(scenario.boot());
  Bound bound = MUST(scenario.bind(kernel, scenario.device()));
  Session session = MUST(scenario.create_session(kernel, "device"));
  MUST(scenario.preserve(kernel, session, bound, 1));

  Running next = MUST(scenario.kexec(std::move(kernel), {.expected = {bound}}));
  Bound arrived = MUST(scenario.bind_driver(next, scenario.device()));
  Session incoming = MUST(scenario.retrieve_session(next, "device"));
  Bound back = MUST(scenario.retrieve(next, incoming, arrived, 1));
  MUST(scenario.close_session(next, incoming));
  MUST(scenario.exercise(next, back));  // the file is its holder's, session or not
  MUST(scenario.close_files(next, back));
  MUST(scenario.open(next, arrived));
}

// It cannot be finished then, and there is no way back to it. What matters is that nobody gets at the device.
HOLDFAST_CASE(Finish, SessionClosedTooEarlyKeepsItsDevice,
              "a session that is closed before its device was retrieved is lost, and the device stays EBUSY",
              .level = Level::kRetrieve, .devices = one_device()) {
  Running kernel = MUST(scenario.boot());
  Bound bound = MUST(scenario.bind(kernel, scenario.device()));
  Session session = MUST(scenario.create_session(kernel, "lost"));
  MUST(scenario.preserve(kernel, session, bound, 1));

  Running next = MUST(scenario.kexec(std::move(kernel), {.expected = {bound}}));
  MUST(scenario.bind_driver(next, scenario.device()));
  Session incoming = MUST(scenario.retrieve_session(next, "lost"));
  MUST(scenario.close_session(next, incoming));
  const std::string lost = MUST(scenario.refused(Phase::kRetrieve, next, wire::LuoSessionRetrieve{.name = "lost"}));
  // LUO still has it, and has given it away: EINVAL. A LUO that let go of it would know none of that name: ENOENT.
  EXPECT_TRUE(lost == "EINVAL" || lost == "ENOENT") << lost;
  const std::string direct =
      MUST(scenario.refused(Phase::kRetrieve, next, wire::VfioOpenCdev{.bdf = bound.device.bdf}));
  EXPECT_EQ(direct, "EBUSY");
}

HOLDFAST_CASE(Finish, FinishedSessionGivesNothing, "a file that was finished cannot be retrieved once more: ENOENT",
              .level = Level::kRetrieve, .devices = one_device()) {
  Running kernel = MUST(scenario.boot());
  Bound bound = MUST(scenario.bind(kernel, scenario.device()));
  Session session = MUST(scenario.create_session(kernel, "device"));
  MUST(scenario.preserve(kernel, session, bound, 1));

  Running next = MUST(scenario.kexec(std::move(kernel), {.expected = {bound}}));
  Bound arrived = MUST(scenario.bind_driver(next, scenario.device()));
  Session incoming = MUST(scenario.retrieve_session(next, "device"));
  MUST(scenario.retrieve(next, incoming, arrived, 1));
  MUST(scenario.finish(next, incoming));
  const std::string answer =
      MUST(scenario.refused(Phase::kRetrieve, next, wire::LuoRetrieve{.session = incoming.handle, .token = 1}));
  EXPECT_EQ(answer, "ENOENT");
}

HOLDFAST_CASE(Finish, UnfinishedFileIsNotPreservedAgain,
              "a retrieved device can be preserved for the next kexec only when its session is finished: EBUSY",
              .level = Level::kRetrieve, .devices = one_device()) {
  Running kernel = MUST(scenario.boot());
  Bound bound = MUST(scenario.bind(kernel, scenario.device()));
  Session session = MUST(scenario.create_session(kernel, "first"));
  MUST(scenario.preserve(kernel, session, bound, 1));

  Running next = MUST(scenario.kexec(std::move(kernel), {.expected = {bound}}));
  Bound arrived = MUST(scenario.bind_driver(next, scenario.device()));
  Session incoming = MUST(scenario.retrieve_session(next, "first"));
  Bound back = MUST(scenario.retrieve(next, incoming, arrived, 1));
  Session outgoing = MUST(scenario.create_session(next, "second"));
  const std::string answer = MUST(scenario.refused(
      Phase::kPreserve, next, wire::LuoPreserve{.session = outgoing.handle, .file = back.cdev, .token = 1}));
  EXPECT_EQ(answer, "EBUSY");
  MUST(scenario.finish(next, incoming));
  MUST(scenario.preserve(next, outgoing, back, 1));
}

}  // namespace
}  // namespace holdfast
