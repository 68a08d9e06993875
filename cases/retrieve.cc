// Does a preserved device come back through its session, and does it work afterwards?
#include "fixtures/case.h"

namespace holdfast {
namespace {

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

}  // namespace
}  // namespace holdfast
