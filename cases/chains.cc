// Does one live update leave the kernel able to do the next?
#include "fixtures/case.h"

namespace holdfast {
namespace {

HOLDFAST_CASE(Chains, FinishedDeviceIsPreservedAndReleasedAgain,
              "in the kernel where it was finished, a device can be preserved, released, given back and preserved anew",
              .level = Level::kRetrieve, .devices = one_device(), .timeout = std::chrono::seconds(180)) {
  Running first = MUST(scenario.boot());
  Bound bound = MUST(scenario.bind(first, scenario.device()));
  Session session = MUST(scenario.create_session(first, "one"));
  MUST(scenario.preserve(first, session, bound, 1));

  Running second = MUST(scenario.kexec(std::move(first), {.expected = {bound}}));
  Bound arrived = MUST(scenario.bind_driver(second, scenario.device()));
  Session incoming = MUST(scenario.retrieve_session(second, "one"));
  Bound back = MUST(scenario.retrieve(second, incoming, arrived, 1));
  MUST(scenario.finish(second, incoming));

  Session released = MUST(scenario.create_session(second, "released"));
  MUST(scenario.preserve(second, released, back, 1));
  MUST(scenario.close_session(second, released));
  MUST(scenario.restore(second, back));
  Bound afresh = MUST(scenario.bind(second, scenario.device()));
  Session kept = MUST(scenario.create_session(second, "kept"));
  MUST(scenario.preserve(second, kept, afresh, 1));

  Running third = MUST(scenario.kexec(std::move(second), {.expected = {afresh}}));
  MUST(scenario.verify(third));
  const std::string answer =
      MUST(scenario.refused(Phase::kRetrieve, third, wire::LuoSessionRetrieve{.name = "released"}));
  EXPECT_EQ(answer, "ENOENT") << "a session that was closed before the kexec arrived";
  MUST(scenario.retrieve_session(third, "kept"));
}

}  // namespace
}  // namespace holdfast
